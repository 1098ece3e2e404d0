#include "core/base/encoding.hpp"
#include "tests/unit/policy/runtime/world.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;

TEST_CASE("the shipped policies answer from the start") {
  World w;
  const auto d = w.ask();
  CHECK(d.allow);
  CHECK((d.verdict == Verdict::allow));
  CHECK(isId(d.id, "dec"));
  const auto status = w.runtime.status(std::string(kOperatorSet));
  REQUIRE(status);
  CHECK(status->version == 0);
  CHECK((status->origin == Origin::builtin));
  CHECK_FALSE(status->stale);
  CHECK(status->decisions == 1);
  CHECK(status->packs.size() == 1);
  CHECK(status->packs.front().document.files.empty());
}

TEST_CASE("a record says what was asked, by whom, and what decided") {
  World w;
  auto pack = makePack("operator", "models", 7, {{Point::model_use, "function decide(input) return { allow = input.org.plan == \"team\", rule = \"plan\" } end"}});
  pack.document.log_mask = {"/subject/email"};
  w.offer(makeSet("operator", 3, {pack}));
  const auto d = w.runtime.decide({Point::model_use, "org_1", "seat_1", modelInput()});
  const auto record = w.sink.last();
  CHECK(record.decision.id == d.id);
  CHECK(record.org == "org_1");
  CHECK(record.seat == "seat_1");
  CHECK((record.point == Point::model_use));
  CHECK((record.at == w.clock.now()));
  CHECK(record.generation == 2);
  REQUIRE(record.packs.size() == 1);
  CHECK(record.packs.front().name == "models");
  CHECK(record.packs.front().version == 7);
  CHECK(record.packs.front().sha256 == pack.sha256);
  CHECK((record.log_mask == std::vector<std::string>{"/subject/email"}));
  CHECK((record.origin == Origin::server));
  CHECK((std::find(record.fields_read.begin(), record.fields_read.end(), "/org/plan") != record.fields_read.end()));
  CHECK(record.memory_peak > 0);
  const auto input = parseJson(record.input);
  REQUIRE(input);
  CHECK(input->strOr("now") == formatRfc3339(kPolicyTime));
  CHECK(input->strOr("point") == "model.use");
  CHECK((*input)["model"] == Json("claude-sonnet-4-5"));
  CHECK_FALSE(record.shadow);
  CHECK(w.metrics.counter("ccp_policy_decisions_total", "", {{"point", "model.use"}, {"verdict", "allow"}}).value() == 1);
}

TEST_CASE("of a question that a machine repeats, a plain allow is counted and leaves no record; a denial leaves one") {
  World w;
  w.offer(modelSet("operator", 1, "function decide(input) return { allow = input.org.plan == \"team\" } end"));
  Question question;
  question.point = Point::model_use;
  question.org = "org_1";
  question.input = modelInput();
  question.repeated = true;
  const auto before = w.sink.records().size();
  CHECK(w.runtime.decide(question).allow);
  CHECK(w.sink.records().size() == before);
  CHECK(w.metrics.counter("ccp_policy_decisions_total", "", {{"point", "model.use"}, {"verdict", "allow"}}).value() == 1);
  Json org = question.input["org"];
  org.set("plan", "solo");
  question.input.set("org", std::move(org));
  CHECK_FALSE(w.runtime.decide(question).allow);
  CHECK(w.sink.records().size() == before + 1);
}

TEST_CASE("the same question at the same time has the same text; the time is the host's") {
  World w;
  w.offer(modelSet("operator", 1, "function decide(input) return { allow = true, reason = input.now .. input.point } end"));
  const auto first = w.ask();
  const auto text = w.sink.last().input;
  w.ask();
  CHECK(w.sink.last().input == text);
  CHECK(first.reason == formatRfc3339(kPolicyTime) + "model.use");
  auto input = modelInput();
  input.set("now", "1999-01-01T00:00:00Z").set("point", "redact");
  CHECK(w.runtime.decide({Point::model_use, {}, {}, input}).reason == first.reason);
  // Whole seconds, because policies compare times as text.
  w.clock.advance(milliseconds(999));
  CHECK(w.ask().reason == first.reason);
  w.clock.advance(milliseconds(1));
  CHECK(w.ask().reason != first.reason);
}

TEST_CASE("an input that does not fit the point reaches no policy") {
  World w;
  auto pack = makePack("operator", "models", 1, {{Point::model_use, kAllowAll}});
  const auto decide = [&](Json input) { return w.runtime.decide({Point::model_use, {}, {}, std::move(input)}); };
  w.offer(makeSet("operator", 1, {pack}));
  for (Json input : {Json(), Json("text"), Json::array({1}), Json::object(), modelInput().set("model", 7), modelInput().set("modle", "x")}) {
    const std::string text = input.dump();
    CAPTURE(text);
    const auto d = decide(std::move(input));
    CHECK_FALSE(d.allow);
    CHECK((d.verdict == Verdict::error));
    CHECK(d.reason == "policy_fault:bad_input");
  }
  CHECK(w.runtime.status(std::string(kOperatorSet))->faults == 0);
  auto advisory = makePack("operator", "models", 2, {{Point::model_use, kAllowAll}});
  advisory.document.classes[Point::model_use] = PointClass::advisory;
  w.offer(makeSet("operator", 2, {advisory}));
  const auto d = decide(Json::object());
  CHECK(d.allow);
  CHECK((d.verdict == Verdict::error));
}

TEST_CASE("the organization narrows, at the points that are its business") {
  World w;
  w.offer(modelSet("org_1", 1, kDenyAll));
  CHECK_FALSE(w.ask("claude-sonnet-4-5", "org_1").allow);
  CHECK(w.sink.last().packs.size() == 2);
  CHECK(w.ask("claude-sonnet-4-5", "org_2").allow);
  CHECK(w.ask().allow);
  w.offer(modelSet("operator", 1, kDenyAll));
  w.offer(modelSet("org_1", 2, kAllowAll));
  CHECK_FALSE(w.ask("claude-sonnet-4-5", "org_1").allow);
  CHECK(w.ask("claude-sonnet-4-5", "operator").reason == "no");
}

TEST_CASE("lanes are the operator's list") {
  World w({.channel = Channel::dev, .stale_grace = hours(72), .lanes = {"anthropic"}});
  w.offer(modelSet("operator", 1, "function decide(input) return { allow = true, lane = \"anthropic\" } end"));
  w.offer(modelSet("org_1", 1, "function decide(input) return { allow = true, lane = \"elsewhere\" } end"));
  CHECK(w.ask("claude-sonnet-4-5", "org_1").lane == "anthropic");
}

TEST_CASE("the shipped policies go on answering where the operator's do not") {
  World w;
  w.offer(modelSet("operator", 1, kDenyAll));
  const auto d = w.runtime.decide({Point::redact, {}, {}, Json::object()});
  CHECK((d.reason == "policy_fault:bad_input"));  // asked, not refused for want of a policy
  CHECK(w.sink.last().packs.front().name == "default");
  CHECK(w.runtime.status(std::string(kOperatorSet))->decisions == 0);
}

TEST_CASE("each fault denies and is counted") {
  World w;
  const auto verdict = [&](const std::string& source) {
    static std::int64_t version = 0;
    w.offer(modelSet("operator", ++version, source));
    return w.ask();
  };
  CHECK((verdict("function decide(input) while true do end end").verdict == Verdict::timeout));
  CHECK((verdict("function decide(input) local t = {} for i = 1, 1000000 do t[i] = i end return { allow = true } end").verdict != Verdict::allow));
  CHECK((verdict("function decide(input) error(\"x\") end").reason == "policy_fault:runtime_error"));
  // Written so that lint does not see what comes out.
  CHECK((verdict("function decide(input) return { allow = tonumber('1') } end").reason == "policy_fault:bad_result"));
  CHECK((verdict("function decide(input) local out = { allow = true } out['frobni' .. 'cate'] = 1 return out end").reason == "policy_fault:bad_result"));
  CHECK(w.runtime.status(std::string(kOperatorSet))->faults == 1);
  CHECK(w.metrics.counter("ccp_policy_decisions_total", "", {{"point", "model.use"}, {"verdict", "timeout"}}).value() == 1);
}
