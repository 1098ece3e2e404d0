#include "tests/unit/policy/runtime/world.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;

namespace {

PastDecision past(World& w, const std::string& id, const std::string& model, bool allow = true) {
  PastDecision out;
  out.id = id;
  out.org = "org_1";
  out.point = Point::model_use;
  out.input = modelInput(model).set("now", formatRfc3339(w.clock.now())).dump();
  out.allow = allow;
  return out;
}
VerifiedSet withTest(std::int64_t version, bool expected) {
  auto pack = makePack("operator", "models", version, {{Point::model_use, kAllowAll}});
  pack.document.tests.push_back({"sonnet", Point::model_use, modelInput().set("now", "2027-01-15T08:00:00Z"), Json::object({{"allow", expected}}), false});
  pack.sha256 = sha256Hex(pack.sha256 + (expected ? "t" : "f"));
  return makeSet("operator", version, {pack});
}
double refusals(World& w, const char* stage, const char* code) {
  return w.metrics.counter("ccp_policy_refusals_total", "", {{"stage", stage}, {"code", code}}).value();
}

}  // namespace

TEST_CASE("each stage refuses with its code, and nothing that runs changes") {
  World w;
  w.offer(modelSet("operator", 1, kAllowAll));
  const auto stillOne = [&] {
    const auto status = w.runtime.status(std::string(kOperatorSet));
    CHECK(status->version == 1);
    CHECK(status->generation == 2);
    CHECK(w.ask().rule == "all");
    return status->last_refusal;
  };
  struct Row {
    VerifiedSet set;
    ActivationOptions options;
    Stage stage;
    Errc code;
  };
  ActivationOptions flips, faults;
  flips.shadow_inputs = {past(w, "dec_1", "claude-sonnet-4-5"), past(w, "dec_2", "glm-4.6")};
  faults.shadow_inputs = {past(w, "dec_3", "boom")};
  faults.force_shadow = true;
  const std::string no_glm = "function decide(input) return { allow = input.model ~= \"glm-4.6\" } end";
  for (const auto& row : std::vector<Row>{
           {modelSet("operator", 2, kAllowAll, Channel::prod), {}, Stage::verified, Errc::policy_wrong_channel},
           {modelSet("operator", 2, "function decide(input"), {}, Stage::compiled, Errc::policy_compile_failed},
           {modelSet("operator", 2, "x = 1"), {}, Stage::compiled, Errc::policy_compile_failed},
           {modelSet("operator", 2, "function decide(input) return { allow = input.modle == \"x\" } end"), {}, Stage::linted, Errc::policy_lint_failed},
           {withTest(2, false), {}, Stage::self_tested, Errc::policy_tests_failed},
           {modelSet("operator", 2, no_glm), flips, Stage::shadowed, Errc::policy_shadow_flips},
           {modelSet("operator", 2, failing(2)), faults, Stage::shadowed, Errc::policy_shadow_faults},
       }) {
    const std::string code = info(row.code).name;
    CAPTURE(code);
    const auto examined = w.runtime.examine(row.set, row.options);
    REQUIRE_FALSE(examined);
    CHECK((examined.error().error.code == row.code));
    const auto refusal = w.refused(row.set, row.options);
    CHECK((refusal.stage == row.stage));
    CHECK((refusal.error.code == row.code));
    CHECK_FALSE(refusal.error.detail.empty());
    const auto remembered = stillOne();
    REQUIRE(remembered);
    CHECK((remembered->error.code == row.code));
    CHECK(refusals(w, toString(row.stage), code.c_str()) >= 1);
  }
  CHECK((w.refused(makeSet("", 1, {})).error.code == Errc::policy_wrong_org));
  // What was wrong is forgotten when something else is taken.
  w.offer(modelSet("operator", 3, kDenyAll));
  CHECK_FALSE(w.runtime.status(std::string(kOperatorSet))->last_refusal);
}

TEST_CASE("a set that passes its tests and its shadow decides from now on") {
  World w;
  w.offer(withTest(1, true));
  ActivationOptions options;
  options.shadow_inputs = {past(w, "dec_1", "claude-sonnet-4-5"), past(w, "dec_2", "glm-4.6")};
  const auto report = w.runtime.examine(modelSet("operator", 2, saying("v", 2)), options);
  REQUIRE(report);
  CHECK(report->total == 2);
  CHECK(report->same == 2);
  CHECK(w.runtime.status(std::string(kOperatorSet))->version == 1);
  const auto status = w.offer(modelSet("operator", 2, saying("v", 2)), options);
  CHECK(status.version == 2);
  CHECK(status.generation == 3);
  CHECK(status.on_trial);
  CHECK((status.activated_at == w.clock.now()));
  CHECK(w.ask().obligations.intOr("v") == 2);
  CHECK(w.gauge("ccp_policy_generation", {{"set", "operator"}}) == 3);
}

TEST_CASE("flips can be allowed, by their share or altogether") {
  World w;
  ActivationOptions options;
  for (int i = 0; i < 100; ++i) options.shadow_inputs.push_back(past(w, "dec_" + std::to_string(i), i < 3 ? "glm-4.6" : "claude-sonnet-4-5"));
  const std::string no_glm = "function decide(input) return { allow = input.model ~= \"glm-4.6\" } end";
  CHECK((w.refused(modelSet("operator", 1, no_glm), options).error.code == Errc::policy_shadow_flips));
  options.max_flip = 0.03;
  w.offer(modelSet("operator", 1, no_glm), options);
  options.max_flip = 0.02;
  options.force_shadow = true;
  w.offer(modelSet("operator", 2, kDenyAll), options);
}

TEST_CASE("the shadow stage sees what the organization's packs say, too") {
  World w;
  w.offer(modelSet("org_1", 1, "function decide(input) return { allow = input.model ~= \"glm-4.6\" } end"));
  ActivationOptions options;
  options.shadow_inputs = {past(w, "dec_1", "glm-4.6", false), past(w, "dec_2", "claude-sonnet-4-5")};
  CHECK(w.runtime.examine(modelSet("operator", 1, kAllowAll), options)->same == 2);
  // An organization's set beside the operator's.
  CHECK((w.refused(modelSet("org_1", 2, kAllowAll), options).error.code == Errc::policy_shadow_flips));
}

TEST_CASE("a set that runs already is taken at once; documents signed anew keep tally and trial") {
  World w;
  auto set = modelSet("operator", 1, kAllowAll);
  const auto first = w.offer(set);
  CHECK(w.offer(set).generation == first.generation);
  w.ask();
  set.version = 2;
  set.sha256 = sha256Hex("signed anew");
  set.expires_at += hours(24);
  const auto renewed = w.offer(set);
  CHECK(renewed.version == 2);
  CHECK(renewed.generation == first.generation + 1);
  CHECK(renewed.decisions == 1);
  CHECK((renewed.expires_at == set.expires_at));
}

TEST_CASE("only what changed is compiled and tested again") {
  World w;
  const auto a = makePack("operator", "a", 1, {{Point::model_use, kAllowAll}});
  w.offer(makeSet("operator", 1, {a}));
  auto same_digest = a;
  same_digest.document.tests.push_back({"would fail", Point::model_use, modelInput(), Json::object({{"allow", false}}), false});
  w.offer(makeSet("operator", 2, {same_digest, makePack("operator", "b", 1, {{Point::model_use, kAllowAll}})}));
}

TEST_CASE("a draft is decided as if it stood in its set") {
  World w;
  w.offer(makeSet("operator", 1, {makePack("operator", "a", 1, {{Point::model_use, kAllowAll}}), makePack("operator", "b", 1, {{Point::model_use, kAllowAll}})}));
  const std::vector<PastDecision> all{past(w, "dec_1", "glm-4.6"), past(w, "dec_2", "claude-sonnet-4-5")};
  auto draft = makeSet("operator", 0, {makePack("operator", "b", 2, {{Point::model_use, "function decide(input) return { allow = input.model ~= \"glm-4.6\" } end"}})});
  const auto report = w.runtime.replay(draft, all);
  REQUIRE(report);
  CHECK(report->newly_denied == 1);
  CHECK(report->same == 1);
  CHECK(w.runtime.status(std::string(kOperatorSet))->version == 1);
  draft = makeSet("org_1", 0, {makePack("org_1", "x", 1, {{Point::model_use, kDenyAll}})});
  CHECK(w.runtime.replay(draft, all)->newly_denied == 2);
  draft = makeSet("org_1", 0, {makePack("org_1", "x", 1, {{Point::model_use, "nonsense"}})});
  const auto broken = w.runtime.replay(draft, all);
  REQUIRE_FALSE(broken);
  CHECK((broken.error().code == Errc::policy_compile_failed));
}
