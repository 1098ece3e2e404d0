// One run of ccp-plugin-check as a program, and its report.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.hpp"

namespace ccp::test {

struct KitRun {
  int exit_code = -1;
  std::string output;
  Json report;  ///< null unless --json gave one

  /// "passed", "failed" or "skipped"; empty when the test did not run in this mode.
  std::string status(const std::string& id, const std::string& mode) const;
  /// What was found, needed and to do, of every failure of a test.
  std::string failures(const std::string& id) const;
  /// Every failed test with what was found: for the message of a check.
  std::string failed() const;
};

/// Runs with --json and these arguments.
KitRun checkPlugin(const std::string& plugin, const std::vector<std::string>& arguments = {});
/// Runs with exactly these arguments.
KitRun runKit(const std::vector<std::string>& arguments);

}  // namespace ccp::test
