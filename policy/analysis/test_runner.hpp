// Runs a pack's own tests in the real sandbox with the real limits: `ccp policy test`, and the stage
// self_tested. Thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "policy/distribution/verified_set.hpp"
#include "policy/engine/engine.hpp"

namespace ccp::policy {

struct TestResult {
  std::string name;
  Point point = Point::feature_gate;
  bool passed = false;
  std::string message;  ///< what differs, by JSON pointer; or the fault
  Duration elapsed{};
};
struct FileCoverage {
  int lines = 0;  ///< that can run
  int ran = 0;
  std::vector<int> missed;
};
struct TestReport {
  std::vector<TestResult> results;
  std::map<std::string, FileCoverage> coverage;  ///< by file; empty unless asked for
  bool passed() const noexcept;
  double coveredShare() const noexcept;
};
/// `policy_compile_failed` when a file does not load.
Result<TestReport> runTests(Engine& engine, const PackDocument& pack, bool coverage = false);

}  // namespace ccp::policy
