// Every plugin that CCP ships, and the honest ones among the fixtures, pass the kit in both modes.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/conformance/kit_run.hpp"

namespace fs = std::filesystem;
using namespace ccp;

namespace {

void checkPasses(const std::string& package, const std::string& fixtures) {
  std::vector<std::string> arguments = {"--level", "5", "--isolation", "both"};
  if (fs::is_directory(fixtures)) arguments.insert(arguments.end(), {"--fixtures", fixtures});
  const auto run = test::checkPlugin(package, arguments);
  CHECK_MESSAGE(run.exit_code == 0, run.failed());
  CHECK(run.report.intOr("failed", -1) == 0);
  CHECK(run.report.intOr("passed") >= 50);
  // A kit that skips everything would pass everything.
  for (const char* id : {"L0.exports", "L1.load", "L2.start-health", "L3.answers", "L4.wrong-json", "L4.old-hosts", "L5.concurrency"}) {
    CAPTURE(std::string(id));
    if (std::string(id) == "L0.exports") {
      CHECK(run.status(id, "file") == "passed");
      continue;
    }
    CHECK(run.status(id, "inproc") == "passed");
    CHECK(run.status(id, "process") == "passed");
  }
}

}  // namespace

TEST_CASE("every first-party plugin passes the kit, in process and in a process of its own") {
  std::vector<std::string> names;
  for (const auto& folder : fs::directory_iterator(std::string(CCP_BINARY_DIR) + "/lib/ccp/plugins")) {
    if (fs::exists(folder.path() / "plugin.json")) names.push_back(folder.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  CHECK(names.size() >= 3);
  for (const auto& name : names) {
    CAPTURE(name);
    checkPasses(std::string(CCP_BINARY_DIR) + "/lib/ccp/plugins/" + name, std::string(CCP_SOURCE_DIR) + "/plugins/" + name + "/conformance");
  }
}

TEST_CASE("plugins in C, of ABI 1.0 and with newer functions pass the kit") {
  for (const char* name : {"test_hello", "test_frozen_1_0", "test_signer", "test_misfit_none"}) {
    CAPTURE(std::string(name));
    checkPasses(std::string(CCP_BINARY_DIR) + "/tests/plugins/" + name, "");
  }
}
