#include "policy/evaluation/compiled_set.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/policy_sets.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;

namespace {

const std::string kAllow = "function decide(input) return { allow = true, rule = \"all\" } end";
const std::string kDenyGlm = "function decide(input) return { allow = input.model ~= \"glm-4.6\", rule = \"glm\" } end";

std::string input(const std::string& model = "claude-sonnet-4-5") { return modelInput(model).set("now", "2027-01-15T08:00:00Z").dump(); }

std::shared_ptr<const CompiledSet> must(Result<std::shared_ptr<const CompiledSet>> result) {
  if (!result) FAIL(result.error().text());
  return std::move(*result);
}
PackAnswer only(const CompiledSet& set, Point point, const std::string& text) {
  auto answer = set.decide(point, text);
  REQUIRE(answer.packs.size() == 1);
  return std::move(answer.packs.front());
}

}  // namespace

TEST_CASE("a set answers at the points of its packs, in their order") {
  Engine engine;
  const auto set = must(CompiledSet::compile(engine, makeSet("operator", 1, {makePack("operator", "a", 1, {{Point::model_use, kAllow}}),
                                                                             makePack("operator", "b", 1, {{Point::model_use, kDenyGlm}, {Point::redact, kAllow}})})));
  CHECK(set->answers(Point::model_use));
  CHECK(set->answers(Point::redact));
  CHECK_FALSE(set->answers(Point::feature_gate));
  CHECK(set->decide(Point::feature_gate, "{}").packs.empty());
  const auto answer = set->decide(Point::model_use, input("glm-4.6"));
  REQUIRE(answer.packs.size() == 2);
  CHECK(answer.packs[0].pack->document.name == "a");
  CHECK(answer.packs[0].outcome.result.boolOr("allow"));
  CHECK(answer.packs[1].pack->document.name == "b");
  CHECK_FALSE(answer.packs[1].outcome.result.boolOr("allow", true));
  CHECK(set->packs(Point::model_use).size() == 2);
}

TEST_CASE("what does not compile is refused by pack, file and line") {
  Engine engine;
  const auto broken = CompiledSet::compile(engine, makeSet("operator", 1, {makePack("operator", "bad", 1, {{Point::model_use, "function decide(input)\n  retrun 1\nend"}})}));
  REQUIRE_FALSE(broken);
  CHECK((broken.error().code == Errc::policy_compile_failed));
  CHECK(broken.error().detail.find("bad") != std::string::npos);
  CHECK(broken.error().detail.find("file0.lua:2") != std::string::npos);

  auto pack = makePack("operator", "gone", 1, {{Point::model_use, kAllow}});
  pack.document.files.clear();
  const auto missing = CompiledSet::compile(engine, makeSet("operator", 1, {pack}));
  REQUIRE_FALSE(missing);
  CHECK((missing.error().code == Errc::policy_compile_failed));
  CHECK(missing.error().detail.find("file0.lua") != std::string::npos);
}

TEST_CASE("wishes for limits are clamped to what a pack may have") {
  Engine engine;
  const std::string loop = "function decide(input) local n = 0 for i = 1, 5000000 do n = n + i end return { allow = true } end";
  const auto verdict = [&](Json limits, const std::string& source) {
    auto pack = makePack("operator", "loop", 1, {{Point::model_use, source}});
    pack.document.limits = std::move(limits);
    return only(*must(CompiledSet::compile(engine, makeSet("operator", 1, {pack}))), Point::model_use, input()).outcome;
  };
  const auto greedy = verdict(Json::object({{"fuel", 1'000'000'000'000}, {"wall_ms", 60'000}, {"memory_bytes", 1'000'000'000'000}}), loop);
  CHECK((greedy.fault == Fault::timeout));
  CHECK(greedy.fuel <= kMaxLimits.fuel + 10'000);
  const std::string some = "function decide(input) local n = 0 for i = 1, 100 do n = n + i end return { allow = true } end";
  CHECK((verdict(Json::object(), some).fault == Fault::none));
  CHECK((verdict(Json::object({{"fuel", 100}}), some).fault == Fault::timeout));
  CHECK((verdict(Json::object({{"fuel", -5}, {"wall_ms", 0}}), some).fault == Fault::none));
}

TEST_CASE("constants reach the policy, results are held against the point's schema") {
  Engine engine;
  auto pack = makePack("operator", "data", 1, {{Point::model_use, "function decide(input) return { allow = ccp.data.models[input.model] == true } end"},
                                               {Point::redact, "function decide(input) return { allow = true, conclusion = \"success\" } end"}});
  pack.document.data = Json::object({{"models", Json::object({{"claude-haiku-4-5", true}})}});
  const auto set = must(CompiledSet::compile(engine, makeSet("operator", 1, {pack})));
  CHECK(only(*set, Point::model_use, input("claude-haiku-4-5")).outcome.result.boolOr("allow"));
  CHECK_FALSE(only(*set, Point::model_use, input("glm-4.6")).outcome.result.boolOr("allow", true));
  const auto foreign = only(*set, Point::redact, "{}");
  CHECK((foreign.outcome.fault == Fault::bad_result));
  CHECK(foreign.outcome.message.find("conclusion") != std::string::npos);
}

TEST_CASE("the pack's own input schema narrows the point's") {
  Engine engine;
  auto pack = makePack("operator", "own", 1, {{Point::model_use, kAllow}});
  pack.document.input_schema[Point::model_use] = *parseJson(R"({"type":"object","properties":{"model":{"type":"string","enum":["claude-haiku-4-5"]}},"additionalProperties":true})");
  const auto set = must(CompiledSet::compile(engine, makeSet("operator", 1, {pack})));
  CHECK((only(*set, Point::model_use, input("claude-haiku-4-5")).condition == Condition::asked));
  const auto refused = only(*set, Point::model_use, input("glm-4.6"));
  CHECK((refused.condition == Condition::bad_input));
  CHECK(refused.outcome.message.find("/model") == 0);
  pack.document.input_schema[Point::model_use] = *parseJson(R"({"type":"object","frobnicate":1})");
  CHECK_FALSE(CompiledSet::compile(engine, makeSet("operator", 1, {pack})));
}

TEST_CASE("classes, expiry and packs that are not asked") {
  Engine engine;
  auto pack = makePack("operator", "a", 1, {{Point::model_use, kAllow}, {Point::redact, kAllow}});
  pack.document.classes[Point::model_use] = PointClass::advisory;
  auto set = makeSet("operator", 1, {pack});
  const auto compiled = must(CompiledSet::compile(engine, set));
  CHECK((compiled->unasked(Point::model_use, Condition::stale).packs.front().point_class == PointClass::advisory));
  CHECK((compiled->unasked(Point::redact, Condition::stale).packs.front().point_class == PointClass::enforce));
  CHECK((compiled->expiresAt(Point::model_use) == set.expires_at));
  CHECK((compiled->expiresAt(Point::pr_check) == Timestamp::max()));
  set.packs.front().document.expires_at = set.expires_at - hours(1);
  CHECK((must(CompiledSet::compile(engine, set))->expiresAt(Point::model_use) == set.expires_at - hours(1)));
  set.origin = Origin::builtin;
  CHECK((must(CompiledSet::compile(engine, set))->expiresAt(Point::model_use) == Timestamp::max()));
}

TEST_CASE("packs with the same digest are not compiled again, others are") {
  Engine engine;
  const auto a = makePack("operator", "a", 1, {{Point::model_use, kAllow}}), b = makePack("operator", "b", 1, {{Point::model_use, kAllow}});
  const auto first = must(CompiledSet::compile(engine, makeSet("operator", 1, {a, b})));
  // Were it compiled again, this would fail: the text of `a` is not that of its digest any more.
  auto broken = a;
  broken.document.files.front().second = "syntax error";
  const auto b2 = makePack("operator", "b", 2, {{Point::model_use, kDenyGlm}});
  const auto second = must(CompiledSet::compile(engine, makeSet("operator", 2, {b2, broken}), first.get()));
  const auto answer = second->decide(Point::model_use, input("glm-4.6"));
  REQUIRE(answer.packs.size() == 2);
  CHECK(answer.packs[0].pack->document.version == 2);
  CHECK_FALSE(answer.packs[0].outcome.result.boolOr("allow", true));
  CHECK(answer.packs[1].outcome.result.boolOr("allow"));
  CHECK(answer.packs[1].pack == &second->set().packs[1]);
  CHECK(second->has(b2.sha256));
  CHECK_FALSE(second->has(b.sha256));
  CHECK_FALSE(CompiledSet::compile(engine, makeSet("operator", 2, {broken})));
  const auto layered = CompiledSet::withFallback(first, first);
  CHECK(must(CompiledSet::compile(engine, makeSet("operator", 2, {broken}), layered.get()))->answers(Point::model_use));
}

TEST_CASE("what one set does not answer, the one behind it does") {
  Engine engine;
  const auto top = must(CompiledSet::compile(engine, makeSet("operator", 2, {makePack("operator", "top", 1, {{Point::model_use, kDenyGlm}})})));
  const auto base = must(CompiledSet::compile(engine, makeSet("operator", 1, {makePack("operator", "base", 1, {{Point::model_use, kAllow}, {Point::redact, kAllow}})})));
  const auto both = CompiledSet::withFallback(top, base);
  CHECK(both->set().version == 2);
  CHECK(only(*both, Point::model_use, input("glm-4.6")).pack->document.name == "top");
  CHECK(only(*both, Point::redact, "{}").pack->document.name == "base");
  CHECK_FALSE(both->answers(Point::pr_check));
}
