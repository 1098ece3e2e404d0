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
  bool golden = false;
  bool passed = false;
  std::string message;  ///< what differs, by JSON pointer; or the fault
  Json answer;          ///< what was decided; null for a fault
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
  std::size_t failures() const noexcept;
  /// 1 when no line can run.
  double coveredShare() const noexcept;
};
/// A case's input may leave out what the point's schema requires: it is taken from the schema's examples
/// (`now` and `point` too). Of `expect` the members that it names must be as it says, null: absent; of a golden
/// case everything must. `policy_compile_failed` when a file does not load.
Result<TestReport> runTests(Engine& engine, const PackDocument& pack, bool coverage = false);

/// The input of a case, filled in as said above.
Json completeInput(Point point, const Json& input);
/// What `answer` has otherwise than `expected` says, as one sentence; empty: nothing.
std::string difference(const Json& expected, const Json& answer, bool whole);

}  // namespace ccp::policy
