#include "tests/unit/policy/runtime/world.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;

TEST_CASE("a draft sees live questions and answers nobody") {
  World w;
  w.offer(modelSet("operator", 1, kAllowAll));
  auto draft = modelSet("operator", 0, kDenyAll);
  REQUIRE(w.runtime.shadow("operator", draft));
  REQUIRE(w.runtime.status("operator")->draft);
  CHECK(w.runtime.status("operator")->draft->sha256 == draft.sha256);
  const auto live = w.runtime.decide({Point::model_use, "org_1", "seat_1", modelInput()});
  CHECK(live.allow);
  const auto shadows = w.sink.shadows(1);
  REQUIRE(shadows.size() == 1);
  const auto& record = shadows.front();
  CHECK_FALSE(record.decision.allow);
  CHECK(record.decision.rule == "none");
  CHECK(record.shadow_of == live.id);
  CHECK(record.decision.id != live.id);
  CHECK(record.org == "org_1");
  CHECK(record.seat == "seat_1");
  REQUIRE(record.packs.size() == 1);
  CHECK(record.packs.front().sha256 == draft.packs.front().sha256);
  CHECK(record.input == w.sink.records().front().input);
  CHECK(w.runtime.status("operator")->denials == 0);
  CHECK(w.runtime.status("operator")->draft->decisions == 1);
  CHECK(w.runtime.status("operator")->draft->differing == 1);
  CHECK(w.metrics.counter("ccp_policy_decisions_total", "", {{"point", "model.use"}, {"verdict", "deny"}}).value() == 0);

  // Points that the draft does not answer, and a draft that was taken away, cost nothing.
  w.runtime.decide({Point::redact, {}, {}, Json::object()});
  REQUIRE(w.runtime.shadow("operator", std::nullopt));
  w.ask();
  CHECK_FALSE(w.runtime.status("operator")->draft);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  CHECK(w.sink.shadows(1).size() == 1);
}

TEST_CASE("an organization's draft decides beside the operator's set; one that faults hurts nobody") {
  World w;
  w.offer(modelSet("operator", 1, "function decide(input) return { allow = input.model ~= \"glm-4.6\" } end"));
  REQUIRE(w.runtime.shadow("org_1", modelSet("org_1", 0, failing(1))));
  CHECK(w.ask("boom", "org_1").allow);
  CHECK_FALSE(w.ask("glm-4.6", "org_1").allow);
  w.ask("boom", "org_2");
  const auto shadows = w.sink.shadows(2);
  REQUIRE(shadows.size() == 2);
  CHECK((shadows[0].decision.verdict == Verdict::error));
  CHECK_FALSE(shadows[1].decision.allow);
  CHECK(shadows[1].packs.size() == 2);
}

TEST_CASE("a draft must compile and be of the set") {
  World w;
  const auto broken = w.runtime.shadow("operator", modelSet("operator", 0, "nonsense"));
  REQUIRE_FALSE(broken);
  CHECK((broken.error().code == Errc::policy_compile_failed));
  const auto foreign = w.runtime.shadow("operator", modelSet("org_1", 0, kAllowAll));
  REQUIRE_FALSE(foreign);
  CHECK((foreign.error().code == Errc::policy_wrong_org));
}

TEST_CASE("a draft that is too slow misses questions instead of slowing answers") {
  World w;
  w.offer(modelSet("operator", 1, kAllowAll));
  REQUIRE(w.runtime.shadow("operator", modelSet("operator", 0, "function decide(input) while true do end end")));
  for (int i = 0; i < 3000; ++i) w.ask();
  CHECK(w.metrics.counter("ccp_policy_shadow_dropped_total", "").value() > 0);
  REQUIRE(w.runtime.shadow("operator", std::nullopt));
}
