// Every plugin that CCP ships, and the honest ones among the fixtures, pass the kit in both modes.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/package/manifest.hpp"
#include "tests/conformance/kit_run.hpp"

namespace fs = std::filesystem;
using namespace ccp;

namespace {

void checkPasses(const std::string& package) {
  const auto run = test::checkPlugin(package, {"--level", "5", "--isolation", "both"});
  CHECK_MESSAGE(run.exit_code == 0, run.failed());
  CHECK(run.report.intOr("failed", -1) == 0);
  // A plugin that opens connections of its own cannot run where there is no network.
  std::ifstream file(package + "/plugin.json");
  std::stringstream text;
  text << file.rdbuf();
  const auto manifest = plugin::parseManifest(text.str());
  REQUIRE(manifest.has_value());
  REQUIRE(manifest->allows_inproc);
  CHECK(run.report.intOr("passed") >= (manifest->allows_process ? 50 : 30));
  // A kit that skips everything would pass everything.
  for (const char* id : {"L0.exports", "L1.load", "L2.start-health", "L3.answers", "L4.wrong-json", "L4.old-hosts", "L5.concurrency"}) {
    CAPTURE(std::string(id));
    if (std::string(id) == "L0.exports") {
      CHECK(run.status(id, "file") == "passed");
      continue;
    }
    CHECK(run.status(id, "inproc") == "passed");
    CHECK(run.status(id, "process") == (manifest->allows_process ? "passed" : "skipped"));
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
    MESSAGE(name);
    checkPasses(std::string(CCP_BINARY_DIR) + "/lib/ccp/plugins/" + name);
  }
}

TEST_CASE("plugins in C, of ABI 1.0 and with newer functions pass the kit") {
  for (const char* name : {"test_hello", "test_frozen_1_0", "test_signer", "test_misfit_none"}) {
    CAPTURE(std::string(name));
    checkPasses(std::string(CCP_BINARY_DIR) + "/tests/plugins/" + name);
  }
}
