#include "core/licensing/key_plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ccp;
using namespace ccp::licensing;
using crypto::KeyState;
using crypto::KeyUse;

namespace {

const Timestamp kNow = fromUnixSeconds(1'800'000'000);
const KeyLives kLives{.pack = hours(24 * 11), .access = hours(25), .channel = hours(24 * 7)};

KeyRow key(std::string kid, KeyState state, Timestamp not_before, const char* use = "pack", std::optional<Timestamp> retire_at = std::nullopt) {
  KeyRow row;
  row.kid = std::move(kid);
  row.use = use;
  row.state = state;
  row.sealed = "v1.x";
  row.created_at = row.not_before_at = not_before;
  row.retire_at = retire_at;
  return row;
}
/// Young keys for the other uses, so that only `pack` is looked at.
std::vector<KeyRow> withOthers(std::vector<KeyRow> rows) {
  rows.push_back(key("a", KeyState::active, kNow - hours(24), "access"));
  rows.push_back(key("c", KeyState::active, kNow - hours(24), "channel"));
  rows.push_back(key("r", KeyState::active, kNow - hours(24 * 900), "root"));
  return rows;
}
const KeyRow* changed(const KeyPlan& plan, const std::string& kid) {
  const auto it = std::find_if(plan.changed.begin(), plan.changed.end(), [&](const auto& row) { return row.kid == kid; });
  return it == plan.changed.end() ? nullptr : &*it;
}

}  // namespace

TEST_CASE("without any key each use gets one that signs at once") {
  const auto plan = planKeys({}, kNow, kLives);
  CHECK(plan.create_active.size() == 3);
  CHECK(plan.create_pending.empty());
}

TEST_CASE("young keys need nothing") { CHECK(planKeys(withOthers({key("k", KeyState::active, kNow - hours(24))}), kNow, kLives).empty()); }

TEST_CASE("a pending key waits for its time, then takes over and the old one retires") {
  const auto rows = withOthers({key("old", KeyState::active, kNow - hours(24)), key("new", KeyState::pending, kNow + hours(1))});
  CHECK(planKeys(rows, kNow, kLives).empty());
  CHECK(planKeys(rows, kNow + hours(1) - Duration(1), kLives).empty());
  const auto plan = planKeys(rows, kNow + hours(1), kLives);
  REQUIRE(changed(plan, "new"));
  CHECK((changed(plan, "new")->state == KeyState::active));
  REQUIRE(changed(plan, "old"));
  CHECK((changed(plan, "old")->state == KeyState::retiring));
  CHECK((changed(plan, "old")->retire_at == kNow + hours(1) + kLives.pack));
  CHECK(plan.create_active.empty());
}

TEST_CASE("a retiring key retires when nothing that it signed can live, and loses its private part") {
  const auto rows = withOthers({key("old", KeyState::retiring, kNow - hours(900), "pack", kNow), key("k", KeyState::active, kNow - hours(1))});
  CHECK(planKeys(rows, kNow - Duration(1), kLives).empty());
  const auto plan = planKeys(rows, kNow, kLives);
  REQUIRE(changed(plan, "old"));
  CHECK((changed(plan, "old")->state == KeyState::retired));
  CHECK(changed(plan, "old")->sealed.empty());
}

TEST_CASE("a key of 90 days is followed by a pending one, once") {
  auto rows = withOthers({key("k", KeyState::active, kNow - kRotateEvery)});
  CHECK(planKeys(rows, kNow - Duration(1), kLives).empty());
  REQUIRE(planKeys(rows, kNow, kLives).create_pending.size() == 1);
  CHECK((planKeys(rows, kNow, kLives).create_pending[0] == KeyUse::pack));
  rows.push_back(key("next", KeyState::pending, kNow + kPublishAhead));
  CHECK(planKeys(rows, kNow, kLives).empty());
}

TEST_CASE("without a key that signs, a pending one in the future does not help: another is made at once") {
  const auto plan = planKeys(withOthers({key("gone", KeyState::compromised, kNow - hours(5)), key("next", KeyState::pending, kNow + hours(1))}), kNow, kLives);
  REQUIRE(plan.create_active.size() == 1);
  CHECK((plan.create_active[0] == KeyUse::pack));
  CHECK(plan.changed.empty());
}
