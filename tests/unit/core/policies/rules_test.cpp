#include <doctest/doctest.h>

#include <thread>

#include "core/policies/rules.hpp"

using namespace ccp;
using namespace ccp::policies;
using policy::Channel;

namespace {
constexpr Timestamp kNow = fromUnixSeconds(1'800'000'000);
}

TEST_CASE("the next document follows the one before") {
  const policy::ListedPack base{"base", 1, std::string(64, 'a'), 10};
  const auto first = nextDocument("operator", Channel::dev, std::nullopt, "", {base}, {}, kNow);
  CHECK(first.version == 1);
  CHECK(first.prev.empty());
  CHECK(first.expires_at == kNow + hours(24));
  const auto second = nextDocument("operator", Channel::dev, first, "digest", {base}, {"b", "a", "b"}, kNow - hours(2));
  CHECK(second.version == 2);
  CHECK(second.prev == "digest");
  CHECK(second.issued_at == first.issued_at);  // a clock that was set back
  CHECK(second.revoked == std::vector<std::string>{"a", "b"});
  CHECK(nextDocument("operator", Channel::prod, std::nullopt, "", {}, {}, kNow).expires_at == kNow + hours(72));
  CHECK(renewalAt(first.issued_at, first.expires_at) == kNow + hours(12));
}

TEST_CASE("a pack takes the place of the one of its name") {
  const policy::ListedPack a{"a", 1, "1", 1}, a2{"a", 2, "2", 1}, b{"b", 1, "3", 1};
  CHECK(withPack({a, b}, a2) == std::vector<policy::ListedPack>{a2, b});
  CHECK(withPack({b}, a) == std::vector<policy::ListedPack>{b, a});
  CHECK(listedText({a, b}) == listedText({b, a}));
  CHECK(listedText({a}) != listedText({a2}));
  CHECK(checkNotRevoked({a, b}, {"9"}));
  CHECK(checkNotRevoked({a, b}, {"3"}).error().code == Errc::policy_revoked);
}

TEST_CASE("sets have a size that every node can hold") {
  std::vector<policy::ListedPack> packs;
  for (std::size_t i = 0; i < kMostOrgPacks; ++i) packs.push_back({"p" + std::to_string(i), 1, std::string(64, 'a'), 1000});
  CHECK(checkSetSize("org_1", packs));
  packs.push_back({"more", 1, std::string(64, 'b'), 1000});
  const auto refused = checkSetSize("org_1", packs);
  REQUIRE_FALSE(refused);
  CHECK((refused.error().code == Errc::policy_too_large));
  CHECK(checkSetSize("operator", packs));
  packs.back().size = kMostSetBytes;
  CHECK_FALSE(checkSetSize("operator", packs));
}

TEST_CASE("going back twice is two steps back, never forward to what was left") {
  std::vector<PastVersion> past{{1, "a", "push"}, {2, "b", "push"}, {3, "c", "push"}};
  CHECK(versionBefore({}) == std::nullopt);
  CHECK(versionBefore({past[0]}) == std::nullopt);
  CHECK(versionBefore(past) == 2);
  past.push_back({4, "b", "rollback"});
  CHECK(versionBefore(past) == 1);
  past.push_back({5, "a", "rollback"});
  CHECK(versionBefore(past) == std::nullopt);
  past.push_back({6, "d", "push"});
  CHECK(versionBefore(past) == 5);
}

TEST_CASE("renewals are no steps, withdrawals count as going back, and a rollback to an older version may leave it again") {
  CHECK(versionBefore({{1, "a", "push"}, {2, "a", "renew"}, {3, "b", "push"}, {4, "b", "renew"}}) == 2);
  CHECK(versionBefore({{1, "a", "push"}, {2, "b", "push"}, {3, "a", "withdraw"}}) == std::nullopt);
  // With `--to 2`, forward again to what was left.
  CHECK(versionBefore({{1, "a", "push"}, {2, "b", "push"}, {3, "a", "rollback"}, {4, "b", "rollback"}}) == 3);
}
