#include "policy/analysis/matrix.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "policy/packs/shipped.hpp"
#include "policy/schema/schema.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

Engine& engine() {
  static Engine one;
  return one;
}

PackDocument gate(const std::string& body) {
  PackDocument pack;
  pack.org = "operator";
  pack.name = "p";
  pack.version = 1;
  pack.entry = {{Point::feature_gate, "p.lua"}};
  pack.files = {{"p.lua", "function decide(input)\n" + body + "\nend\n"}};
  return pack;
}

Matrix matrixOf(const std::vector<const PackDocument*>& packs, const std::map<std::string, Json>& fixed = {}) {
  auto plan = planMatrix(packs, Point::feature_gate, fixed);
  REQUIRE_MESSAGE(plan.has_value(), (plan.has_value() ? "" : plan.error().text()));
  auto out = runMatrix(engine(), packs, std::move(*plan));
  REQUIRE_MESSAGE(out.has_value(), (out.has_value() ? "" : out.error().text()));
  return std::move(*out);
}

std::string fieldsOf(const MatrixPlan& plan) {
  std::string out;
  for (const auto& field : plan.fields) {
    out += field.name() + ":";
    for (const auto& value : field.values) out += " " + MatrixField::valueText(value);
    out += "; ";
  }
  return out;
}

}  // namespace

TEST_CASE("fields take all their values, or the constants that the policy compares them with") {
  const auto pack = gate("if input.org.plan == 'solo' and input.license.version > 3 then return { allow = true } end\n"
                         "return { allow = input.entitled and input.subject.role ~= 'viewer' and input.org.id ~= nil }");
  const auto plan = planMatrix({&pack}, Point::feature_gate);
  REQUIRE(plan.has_value());
  CHECK(fieldsOf(*plan) == "entitled: false true; org.plan: solo team; license.version: 3 2 4 absent; subject.role: owner admin member viewer absent; ");
  CHECK((plan->held == std::vector<std::string>{"org.id"}));
  CHECK(plan->combinations() == 2 * 2 * 4 * 5);
  for (std::uint64_t i = 0; i < plan->combinations(); ++i) {
    const auto input = plan->input(i);
    REQUIRE(inputSchema(Point::feature_gate).check(input).empty());
  }
}

TEST_CASE("every combination is decided, and rows tell all of them") {
  const auto pack = gate("if not input.entitled then return { allow = false, rule = 'plan' } end\n"
                         "if input.action == 'issue' and input.subject.role == 'viewer' then return { allow = false, rule = 'viewer' } end\n"
                         "return { allow = true, rule = 'fine' }");
  const auto matrix = matrixOf({&pack});
  CHECK(matrix.cells.size() == 2 * 3 * 5);
  CHECK(matrix.outcomes.size() == 3);
  const auto rows = summarize(matrix);
  std::uint64_t told = 0;
  for (const auto& row : rows) told += row.count;
  CHECK(told == matrix.cells.size());
  CHECK(rows.size() <= 5);
  // Each cell lies in the row that claims it.
  for (std::uint64_t i = 0; i < matrix.cells.size(); ++i) {
    const auto choice = matrix.plan.choice(i);
    int claims = 0;
    for (const auto& row : rows) {
      bool fits = true;
      for (std::size_t f = 0; f < choice.size(); ++f) {
        fits = fits && (row.values[f].empty() || std::find(row.values[f].begin(), row.values[f].end(), choice[f]) != row.values[f].end());
      }
      if (!fits) continue;
      ++claims;
      CHECK(row.outcome == matrix.cells[i]);
    }
    CHECK(claims == 1);
  }
}

TEST_CASE("a fixed field has one value; one that cannot be is refused") {
  const auto pack = gate("return { allow = input.entitled and input.action ~= 'issue' }");
  CHECK(matrixOf({&pack}, {{"action", "issue"}}).cells.size() == 2);
  CHECK(matrixOf({&pack}, {{"action", "issue"}, {"entitled", true}}).outcomes.size() == 1);
  CHECK(planMatrix({&pack}, Point::feature_gate, {{"action", "isue"}}).error().detail == R"(action must be one of "issue", "refresh", "status".)");
  CHECK(!planMatrix({&pack}, Point::feature_gate, {{"acton", "issue"}}).has_value());
  CHECK(!planMatrix({&pack}, Point::redact).has_value());
}

TEST_CASE("two packs are asked the same inputs, of the fields that either reads") {
  const auto before = gate("return { allow = input.entitled }");
  const auto after = gate("return { allow = input.entitled and input.subject.role ~= 'viewer' }");
  const auto matrix = matrixOf({&before, &after});
  CHECK(matrix.cells.size() == 10);
  std::uint64_t flips = 0;
  for (const auto cell : matrix.cells) flips += matrix.outcomes[cell][0].allow != matrix.outcomes[cell][1].allow;
  CHECK(flips == 1);
}

TEST_CASE("a fault is an answer of its own") {
  const auto pack = gate("if input.entitled then return { allow = 'x' .. input.limits.seats == 'x5' } end return { allow = false }");
  const auto matrix = matrixOf({&pack});
  bool faulted = false;
  for (const auto& outcome : matrix.outcomes) faulted = faulted || outcome[0].fault.starts_with("runtime_error: p.lua:2");
  CHECK(faulted);
}

TEST_CASE("optional objects are there or not, and inputs always fit") {
  const auto& pack = shippedSet().packs[0].document;
  for (const auto& point : allPoints()) {
    CAPTURE(point.name);
    const auto plan = planMatrix({&pack}, point.point);
    REQUIRE(plan.has_value());
    CHECK(plan->combinations() > 1);
    CHECK(plan->combinations() <= kTestCombinations);
    const auto total = plan->combinations();
    for (std::uint64_t i = 0; i < total; i += 1 + total / 200) {
      const auto wrong = inputSchema(point.point).check(plan->input(i));
      CHECK_MESSAGE(wrong.empty(), (wrong.empty() ? "" : wrong[0].pointer + " " + wrong[0].rule));
    }
  }
}
