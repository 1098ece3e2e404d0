#include "world.hpp"

using namespace ccp;
using namespace ccp::decisions;
using namespace ccp::decisions::test;

namespace {

Options keeping() {
  Options out;
  out.keep_inputs = true;
  return out;
}
std::vector<policy::PastDecision> past(World& w, const std::string& set = "operator") {
  auto out = w.feature->past({set, {}, {}, 100});
  REQUIRE(out);
  return std::move(*out);
}

}  // namespace

CCP_DB_TEST("an input is kept as it was decided on, when nothing in it must be hidden", &kMigrations) {
  World w(env, keeping());
  const std::string input = R"({"now":"2026-11-21T12:00:00Z","n":1.50,"text":"\u00e4","feature":"dashboards"})";
  const auto id = w.take(w.record("org_a", true, policy::Point::feature_gate, input));
  w.flush();
  REQUIRE(past(w).size() == 1);
  CHECK(past(w)[0].input == input);  // the very bytes
  CHECK(past(w)[0].input_sha256 == sha256Hex(past(w)[0].input));
  CHECK(past(w)[0].masked.empty());
  CHECK(past(w)[0].rule == "plan.includes");
  CHECK(w.feature->byId("org_a", id)->input_kept);
}

CCP_DB_TEST("what must be hidden is hidden before it is kept, and said", &kMigrations) {
  World w(env, keeping());
  auto record = w.record("org_a", true);
  record.log_mask = {"/feature"};
  w.take(std::move(record));
  w.flush();
  const auto kept = past(w);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].input == R"({"now":"2026-11-21T12:00:00Z","feature":"[masked]","subject":{"email":"[email]"}})");
  CHECK(kept[0].masked == std::vector<std::string>{"/feature", "/subject/email"});
}

CCP_DB_TEST("kept inputs are sealed, and bound to their decision", &kMigrations) {
  World w(env, keeping());
  w.decide("org_a", true);
  w.decide("org_a", true);
  w.flush();
  REQUIRE(db.read(db::Scope::system(), [](db::Tx& tx) -> Status {
    for (const auto& [sealed] : tx.query<std::string>("select sealed from policy_inputs")) CHECK(sealed.find("dashboards") == std::string::npos);
    return {};
  }));
  // Exchanged for another decision's: does not open.
  w.sql("update policy_inputs set sealed = (select max(sealed) from policy_inputs)");
  std::size_t opened = 0;
  for (const auto& each : past(w)) opened += each.input.empty() ? 0 : 1;
  CHECK(opened == 1);
  // Without the organization's key nothing opens.
  w.sql("delete from policy_org_keys");
  World other(env, keeping());
  for (const auto& each : past(other)) CHECK(each.input.empty());
}

CCP_DB_TEST("inputs are kept only when asked for, and never of an organization whose data stays at home", &kMigrations) {
  {
    World off(env);
    off.decide("org_a", true);
    off.flush();
    CHECK(past(off)[0].input.empty());
  }
  World w(env, keeping());
  const auto home = w.decide("org_private", false);
  const auto own = w.take(w.record("", false, policy::Point::plugin_change));
  auto draft = w.record("org_a", true);
  draft.shadow = true;
  w.take(std::move(draft));
  w.flush();
  CHECK_FALSE(w.feature->byId("org_private", home)->input_kept);
  CHECK(w.feature->byId(std::nullopt, own)->input_kept);
  for (const auto& each : past(w)) CHECK(each.input.empty() == (each.id != own));
}

CCP_DB_TEST("an organization's past is its own, at the points that ask it", &kMigrations) {
  World w(env, keeping());
  w.decide("org_a", true, policy::Point::feature_gate);
  const auto mine = w.decide("org_a", true, policy::Point::model_use);
  w.decide("org_b", true, policy::Point::model_use);
  w.flush();
  REQUIRE(past(w, "org_a").size() == 1);
  CHECK(past(w, "org_a")[0].id == mine);
  CHECK(past(w).size() == 3);
  const auto one = w.feature->past({"operator", policy::Point::feature_gate, {}, 100});
  REQUIRE(one);
  CHECK(one->size() == 1);
  const auto newest = w.feature->past({"operator", {}, {}, 2});
  REQUIRE(newest);
  CHECK(newest->size() == 2);
  CHECK(newest->front().org == "org_b");
  const auto none = w.feature->past({"operator", {}, env.clock.now() + hours(1), 100});
  REQUIRE(none);
  CHECK(none->empty());
}
