// Verification of packs on their way to the server, and of roots and channels: the plain ways.
#include "policy/pack/verify.hpp"

#include <doctest/doctest.h>

#include "tests/support/policy_workshop.hpp"

using namespace ccp;
using namespace ccp::policy;
using ccp::test::kPolicyStart;
using ccp::test::PolicyWorkshop;

TEST_CASE("a pack is believed for prod once two people have signed it") {
  PolicyWorkshop shop;
  const auto pack = shop.pack("base", 1);
  const auto both = verifyPackFor(shop.root(), Channel::prod, shop.sign(pack), kPolicyStart);
  REQUIRE_MESSAGE(both.has_value(), (both ? "" : both.error().text()));
  CHECK(toText(*both) == toText(pack));
  const auto one = verifyPackFor(shop.root(), Channel::prod, shop.sign(pack, {"ada"}), kPolicyStart);
  REQUIRE_FALSE(one.has_value());
  CHECK((one.error().code == Errc::policy_threshold_not_met));
  CHECK(verifyPackFor(shop.root(), Channel::dev, shop.sign(pack, {"ada"}), kPolicyStart).has_value());
}

TEST_CASE("a set of root, channel and packs is believed and remembered") {
  PolicyWorkshop shop;
  const auto pack = shop.pack("base", 3);
  const auto envelope = shop.publish(Channel::prod, {pack});
  const auto root = verifyPinnedRoot(shop.rootEnvelope(), shop.rootPin(), "operator");
  REQUIRE_MESSAGE(root.has_value(), (root ? "" : root.error().text()));
  TrustState state;
  const auto channel = verifyChannel(*root, state, Channel::prod, envelope, kPolicyStart);
  REQUIRE_MESSAGE(channel.has_value(), (channel ? "" : channel.error().text()));
  REQUIRE(channel->packs.size() == 1);
  const auto listed = verifyListedPack(*root, state, *channel, channel->packs[0], shop.sign(pack), kPolicyStart);
  CHECK_MESSAGE(listed.has_value(), (listed ? "" : listed.error().text()));
  state = advance(state, *root, shop.rootEnvelope(), *channel, envelope, kPolicyStart);
  CHECK(state.channel_version == 1);
  CHECK(state.packs.at("base") == std::pair{std::int64_t{3}, PolicyWorkshop::sha256Of(pack)});
  const auto again = TrustState::fromJson(*parseJson(state.json().dump()));
  REQUIRE(again.has_value());
  CHECK(again->json() == state.json());
}
