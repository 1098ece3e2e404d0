// The rule that makes one decision of many answers, as a table.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "policy/evaluation/compiled_set.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

const VerifiedPack kPack;

PackAnswer says(const std::string& result, PointClass point_class = PointClass::enforce) {
  PackAnswer out{&kPack, point_class, Condition::asked, {}};
  out.outcome.result = *parseJson(result);
  out.outcome.fuel = 10;
  out.outcome.memory_peak = 100;
  return out;
}
PackAnswer faults(Fault fault, PointClass point_class = PointClass::enforce) {
  PackAnswer out{&kPack, point_class, Condition::asked, {}};
  out.outcome.fault = fault;
  return out;
}
PackAnswer unasked(Condition condition, PointClass point_class = PointClass::enforce) { return {&kPack, point_class, condition, {}}; }

const PackAnswer kYes = says(R"({"allow":true})");
const PackAnswer kNo = says(R"({"allow":false,"reason":"no","rule":"r.no"})");
constexpr auto kAdvisory = PointClass::advisory;

Combined decide(std::vector<PackAnswer> ours, std::vector<PackAnswer> theirs, std::vector<std::string> lanes = {}, Point point = Point::model_use) {
  const SetAnswer organization{std::move(theirs)};
  return combine(point, SetAnswer{std::move(ours)}, &organization, lanes);
}

struct Row {
  const char* what;
  std::vector<PackAnswer> ours, theirs;
  bool allow;
  Verdict verdict;
  std::string reason;
};

}  // namespace

TEST_CASE("who may narrow, and nobody may grant") {
  const std::vector<Row> rows{
      {"both allow", {kYes}, {kYes}, true, Verdict::allow, ""},
      {"the organization has no packs", {kYes}, {}, true, Verdict::allow, ""},
      {"the organization narrows", {kYes}, {kNo}, false, Verdict::deny, "no"},
      {"the organization cannot grant what the operator denies", {kNo}, {kYes}, false, Verdict::deny, "no"},
      {"any of several packs narrows", {kYes, kNo, kYes}, {kYes}, false, Verdict::deny, "no"},
      {"the first denial gives the reason", {kYes, says(R"({"allow":false,"reason":"first"})")}, {kNo}, false, Verdict::deny, "first"},
      {"a denial beats the reason of an allowance", {says(R"({"allow":true,"reason":"fine"})")}, {kNo}, false, Verdict::deny, "no"},
      {"the last word of an allowance is the organization's", {says(R"({"allow":true,"reason":"plan"})")}, {says(R"({"allow":true,"reason":"team"})")}, true, Verdict::allow, "team"},
      {"nobody on the operator's side", {}, {kYes}, false, Verdict::error, "policy_fault:no_policy"},
      {"nobody at all", {}, {}, false, Verdict::error, "policy_fault:no_policy"},

      {"timeout denies", {faults(Fault::timeout)}, {}, false, Verdict::timeout, "policy_fault:timeout"},
      {"memory denies", {faults(Fault::memory)}, {}, false, Verdict::memory, "policy_fault:memory"},
      {"a load error denies", {faults(Fault::load_error)}, {}, false, Verdict::error, "policy_fault:load_error"},
      {"a runtime error denies", {faults(Fault::runtime_error)}, {}, false, Verdict::error, "policy_fault:runtime_error"},
      {"a bad result denies", {faults(Fault::bad_result)}, {}, false, Verdict::error, "policy_fault:bad_result"},
      {"a fault of the organization denies", {kYes}, {faults(Fault::timeout)}, false, Verdict::timeout, "policy_fault:timeout"},
      {"a fault before a denial is the reason", {faults(Fault::memory)}, {kNo}, false, Verdict::memory, "policy_fault:memory"},
      {"a denial before a fault is the reason", {kNo}, {faults(Fault::memory)}, false, Verdict::deny, "no"},
      {"an advisory fault allows, marked", {faults(Fault::timeout, kAdvisory)}, {}, true, Verdict::timeout, "policy_fault:timeout"},
      {"an advisory fault allows beside others", {kYes}, {faults(Fault::runtime_error, kAdvisory)}, true, Verdict::error, "policy_fault:runtime_error"},
      {"an advisory fault does not save what is denied", {faults(Fault::timeout, kAdvisory)}, {kNo}, false, Verdict::deny, "no"},
      {"an advisory denial is a denial", {says(R"({"allow":false,"reason":"hm"})", kAdvisory)}, {}, false, Verdict::deny, "hm"},

      {"stale enforce denies", {unasked(Condition::stale)}, {}, false, Verdict::stale, "policy_stale"},
      {"stale advisory allows, marked", {unasked(Condition::stale, kAdvisory)}, {kYes}, true, Verdict::stale, "policy_stale"},
      {"a stale organization denies", {kYes}, {unasked(Condition::stale)}, false, Verdict::stale, "policy_stale"},
      {"bad input denies", {unasked(Condition::bad_input)}, {}, false, Verdict::error, "policy_fault:bad_input"},
      {"bad input at an advisory point allows, marked", {unasked(Condition::bad_input, kAdvisory)}, {}, true, Verdict::error, "policy_fault:bad_input"},
      {"packs that could not be loaded deny", {kYes}, {PackAnswer{nullptr, PointClass::enforce, Condition::missing, {}}}, false, Verdict::error, "policy_fault:not_loaded"},
      {"no boolean is no allowance", {says(R"({"allow":"true"})")}, {}, false, Verdict::deny, ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const auto d = decide(row.ours, row.theirs).decision;
    CHECK(d.allow == row.allow);
    CHECK((d.verdict == row.verdict));
    CHECK(d.reason == row.reason);
    CHECK((d.stale == (d.allow && row.verdict == Verdict::stale)));
    if (d.result.find("allow")) CHECK(d.result.boolOr("allow") == row.allow);
  }
}

TEST_CASE("commercial points do not ask the organization") {
  for (const auto& entry : allPoints()) {
    CAPTURE(entry.name);
    CHECK(decide({kYes}, {kNo}, {}, entry.point).decision.allow == entry.commercial);
  }
}

TEST_CASE("lanes are the operator's") {
  const auto lane = [](const char* name) { return says(std::string(R"({"allow":true,"lane":")") + name + "\"}"); };
  const std::vector<std::string> lanes{"anthropic", "local"};
  CHECK(decide({lane("anthropic")}, {}, lanes).decision.lane == "anthropic");
  CHECK(decide({lane("anthropic")}, {lane("local")}, lanes).decision.lane == "local");
  CHECK(decide({lane("anthropic"), lane("local")}, {}, lanes).decision.lane == "anthropic");
  CHECK(decide({kYes}, {lane("local"), lane("anthropic")}, lanes).decision.lane == "local");
  const auto elsewhere = decide({lane("anthropic")}, {lane("elsewhere")}, lanes).decision;
  CHECK(elsewhere.lane == "anthropic");
  CHECK(elsewhere.result.strOr("lane") == "anthropic");
  CHECK(elsewhere.result.strOr("lane_ignored") == "elsewhere");
  const auto nowhere = decide({lane("elsewhere")}, {}, lanes).decision;
  CHECK(nowhere.lane.empty());
  CHECK_FALSE(nowhere.result.find("lane"));
  CHECK(decide({lane("any")}, {lane("other")}, {}).decision.lane == "other");
}

TEST_CASE("redactions and obligations unite") {
  const auto d = decide({says(R"({"allow":true,"redact":["/a","/b"],"obligations":{"log":false,"notify":["ada"],"max_tokens":100,"label":"x","deep":{"a":1}}})")},
                        {says(R"({"allow":true,"redact":["/b","/c"],"obligations":{"log":true,"notify":["bob"],"max_tokens":50,"label":"y","deep":{"b":2},"own":1}})"),
                         says(R"({"allow":false,"redact":["/d"],"obligations":{"log":false,"max_tokens":70}})")})
                     .decision;
  CHECK((d.redact == std::vector<std::string>{"/a", "/b", "/c", "/d"}));
  CHECK(d.obligations == *parseJson(R"({"log":true,"notify":["ada","bob"],"max_tokens":50,"label":"x","deep":{"a":1,"b":2},"own":1})"));
  CHECK(d.result["obligations"] == d.obligations);
  CHECK_FALSE(d.allow);
}

TEST_CASE("other members of a result: the operator's stand, bounds shrink, the stricter conclusion counts") {
  const auto d = decide({says(R"({"allow":true,"model":"a","max_output_tokens":4096})")}, {says(R"({"allow":true,"model":"b","max_output_tokens":1024,"extra":1})")}).decision;
  CHECK(d.result.strOr("model") == "a");
  CHECK(d.result.intOr("max_output_tokens") == 1024);
  CHECK(d.result.intOr("extra") == 1);
  CHECK(decide({says(R"({"allow":true,"max_output_tokens":10})")}, {says(R"({"allow":true,"max_output_tokens":1024})")}).decision.result.intOr("max_output_tokens") == 10);

  const auto check = decide({says(R"({"allow":true,"conclusion":"success","title":"fine","annotations":[{"path":"a"}]})")},
                            {says(R"({"allow":false,"conclusion":"failure","title":"bad","annotations":[{"path":"b"},{"path":"a"}]})")}, {}, Point::pr_check)
                         .decision;
  CHECK(check.result.strOr("conclusion") == "failure");
  CHECK(check.result.strOr("title") == "bad");
  CHECK(check.result["annotations"].size() == 2);
  const auto milder = decide({says(R"({"allow":true,"conclusion":"failure","title":"bad"})")}, {says(R"({"allow":true,"conclusion":"success","title":"fine"})")}, {}, Point::pr_check).decision;
  CHECK(milder.result.strOr("conclusion") == "failure");
  CHECK(milder.result.strOr("title") == "bad");
}

TEST_CASE("what was read and burned is counted together") {
  auto a = kYes, b = kYes;
  a.outcome.fields_read = {"/a", "/c"};
  b.outcome.fields_read = {"/b", "/c"};
  const auto both = decide({a}, {b});
  CHECK((both.fields_read == std::vector<std::string>{"/a", "/b", "/c"}));
  CHECK(both.fuel == 20);
  CHECK(both.memory_peak == 100);
}

TEST_CASE("taking the answers apart and copying them give the same") {
  const SetAnswer ours{{says(R"({"allow":true,"lane":"a","redact":["/x"],"obligations":{"n":1}})")}}, theirs{{kNo}};
  const auto copied = combine(Point::model_use, ours, &theirs, {});
  SetAnswer first = ours, second = theirs;
  const auto moved = combine(Point::model_use, std::move(first), &second, {});
  CHECK(copied.decision.result == moved.decision.result);
  CHECK(copied.decision.reason == moved.decision.reason);
  CHECK(ours.packs.front().outcome.result.strOr("lane") == "a");
}
