// Runs each test in a process of its own (this program again, with --run-one), so that a plugin which
// crashes or hangs costs one test. Single-threaded; a few children at once.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.hpp"
#include "sdk/conformance/catalog.hpp"

namespace ccp::kit {

struct Options {
  std::string path;
  std::string fixtures;
  std::string host_program;  ///< ccp-plugin-host; empty: beside this program
  int level = 6;
  bool inproc = true, process = true;
  std::vector<std::string> only;  ///< ids or the beginning of ids
  unsigned jobs = 2;
  std::string junit;
  bool json = false;
};

struct Report {
  const Test* test = nullptr;
  Mode mode = Mode::file;
  std::string status;  ///< "passed", "failed", "skipped"
  std::string reason;  ///< of skipped
  std::vector<Failure> failures;
  std::vector<std::string> notes;
  double seconds = 0;
};

/// Every test that the options ask for, in the order of the catalogue.
std::vector<Report> runAll(const Subject& subject, const Options& options);

/// The child's side: runs one test and leaves its verdict in `scratch`. The exit status of the process.
int runOne(const Subject& subject, const std::string& id, Mode mode, const std::string& scratch);

}  // namespace ccp::kit
