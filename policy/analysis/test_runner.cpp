// First version, so that the runtime links: no coverage yet. Whoever brings the whole one replaces this file.
#include "policy/analysis/test_runner.hpp"

#include <algorithm>

#include "policy/evaluation/compiled_set.hpp"

namespace ccp::policy {
namespace {

std::string difference(const Json& expected, const Json& actual, bool whole, const std::string& pointer = {}) {
  const auto* members = expected.asObject();
  if (!members || whole || !actual.isObject()) {
    return expected == actual ? std::string() : (pointer.empty() ? "/" : pointer) + ": expected " + expected.dump() + ", got " + actual.dump();
  }
  for (const auto& [name, value] : *members) {
    const auto* there = actual.find(name);
    if (auto text = difference(value, there ? *there : Json(), false, pointer + "/" + name); !text.empty()) return text;
  }
  return {};
}

}  // namespace

bool TestReport::passed() const noexcept {
  return std::all_of(results.begin(), results.end(), [](const TestResult& result) { return result.passed; });
}
double TestReport::coveredShare() const noexcept { return 0; }

Result<TestReport> runTests(Engine& engine, const PackDocument& pack, bool) {
  VerifiedSet set;
  set.packs.push_back({pack, {}, {}});
  CCP_TRY(const auto compiled, CompiledSet::compile(engine, std::move(set)));
  TestReport report;
  for (const auto& test : pack.tests) {
    TestResult result{test.name, test.point, false, "the pack has no entry for this point", {}};
    for (const auto& answer : compiled->decide(test.point, test.input.dump()).packs) {
      result.elapsed = answer.outcome.elapsed;
      result.message = answer.faulted() || answer.condition != Condition::asked ? answer.outcome.message : difference(test.expect, answer.outcome.result, test.golden);
      result.passed = result.message.empty();
    }
    report.results.push_back(std::move(result));
  }
  return report;
}

}  // namespace ccp::policy
