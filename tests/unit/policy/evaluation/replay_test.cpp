#include "policy/evaluation/replay.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/support/policy_sets.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;

namespace {

const std::string kDraft = R"(
function decide(input)
  if input.model == "glm-4.6" then return { allow = false, rule = "glm" } end
  if input.model == "loop" then while true do end end
  if input.model == "local" then return { allow = true, lane = "local" } end
  if input.model == "who" and input.subject.user == "usr_hidden" then return { allow = false } end
  return { allow = true, lane = "anthropic" }
end)";

PastDecision past(const std::string& id, const std::string& model, bool allow = true, const std::string& lane = "anthropic") {
  PastDecision out;
  out.id = id;
  out.org = "org_1";
  out.point = Point::model_use;
  out.input = modelInput(model).set("now", "2027-01-15T08:00:00Z").dump();
  out.allow = allow;
  out.lane = allow ? lane : "";
  return out;
}

std::shared_ptr<const CompiledSet> compile(Engine& engine, const std::string& source, const std::string& org = "operator") {
  auto out = CompiledSet::compile(engine, makeSet(org, 1, {makePack(org, "draft", 1, {{Point::model_use, source}})}));
  if (!out) FAIL(out.error().text());
  return *out;
}

Flip flipOf(const ReplayReport& report, const std::string& id) {
  for (const auto& line : report.flips) {
    if (line.past.id == id) return line.flip;
  }
  return Flip::same;
}

}  // namespace

TEST_CASE("each decision falls into one class") {
  Engine engine;
  const auto draft = compile(engine, kDraft);
  auto gone = past("07", "x");
  gone.input.clear();
  auto hidden = past("08", "who"), unread = past("09", "plain");
  hidden.masked = unread.masked = {"/subject/user"};
  hidden.input = modelInput("who").set("now", "x").set("subject", Json::object({{"kind", "user"}, {"user", "***"}})).dump();
  const std::vector<PastDecision> all{past("01", "plain"), past("02", "glm-4.6"), past("03", "plain", false), past("04", "local"),
                                      past("05", "loop"), past("06", "glm-4.6", false), gone, hidden, unread};
  const auto report = replay(all, *draft, nullptr, {});
  CHECK(report.total == 9);
  CHECK((flipOf(report, "01") == Flip::same));
  CHECK((flipOf(report, "02") == Flip::newly_denied));
  CHECK((flipOf(report, "03") == Flip::newly_allowed));
  CHECK((flipOf(report, "04") == Flip::rerouted));
  CHECK((flipOf(report, "05") == Flip::fault));
  CHECK((flipOf(report, "06") == Flip::same));
  CHECK((flipOf(report, "07") == Flip::indeterminate));
  CHECK((flipOf(report, "08") == Flip::indeterminate));
  CHECK((flipOf(report, "09") == Flip::same));
  CHECK(report.same == 3);
  CHECK(report.newly_denied == 1);
  CHECK(report.newly_allowed == 1);
  CHECK(report.rerouted == 1);
  CHECK(report.faults == 1);
  CHECK(report.indeterminate == 2);
  CHECK(report.flipRate() == doctest::Approx(4.0 / 7));
  CHECK(report.p99 >= report.p50);
}

TEST_CASE("the organization's side counts where it is asked") {
  Engine engine;
  const auto operators = compile(engine, "function decide(input) return { allow = true, lane = \"anthropic\" } end");
  const auto organization = compile(engine, kDraft, "org_1");
  const std::vector<PastDecision> all{past("1", "plain"), past("2", "glm-4.6"), past("3", "local")};
  const auto report = replay(all, *operators, organization.get(), {"anthropic"});
  CHECK(report.newly_denied == 1);
  CHECK(report.rerouted == 0);  // "local" is no lane of the operator's
  CHECK(replay(all, *operators, organization.get(), {}).rerouted == 1);
}

TEST_CASE("a report does not depend on the order, and stays short") {
  Engine engine;
  const auto draft = compile(engine, kDraft);
  std::vector<PastDecision> all;
  for (int i = 0; i < 400; ++i) all.push_back(past("dec_" + std::to_string(1000 + i), i % 2 ? "glm-4.6" : "plain"));
  const auto forward = replay(all, *draft, nullptr, {}, 10);
  std::reverse(all.begin(), all.end());
  const auto backward = replay(all, *draft, nullptr, {}, 10);
  CHECK(forward.newly_denied == 200);
  CHECK(backward.newly_denied == 200);
  REQUIRE(forward.flips.size() == 10);
  REQUIRE(backward.flips.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) CHECK(forward.flips[i].past.id == backward.flips[i].past.id);
  CHECK(forward.flips.front().past.id == "dec_1001");

  auto halves = replay({all.begin(), all.begin() + 200}, *draft, nullptr, {}, 10);
  merge(halves, replay({all.begin() + 200, all.end()}, *draft, nullptr, {}, 10), 10);
  CHECK(halves.newly_denied == 200);
  CHECK(halves.total == 400);
  CHECK(halves.flips.front().past.id == "dec_1001");
  CHECK(ReplayReport{}.flipRate() == 0);
}
