// The shipped pack: it answers everywhere, passes its own tests, covers every line and has no finding.
#include "policy/packs/shipped.hpp"

#include <doctest/doctest.h>

#include "policy/analysis/lint.hpp"
#include "policy/analysis/test_runner.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

Engine& engine() {
  static Engine one;
  return one;
}

}  // namespace

TEST_CASE("the shipped set answers every point, and needs nobody's signature") {
  const auto& set = shippedSet();
  CHECK(set.org == kOperatorSet);
  CHECK(set.version == 0);
  CHECK((set.origin == Origin::builtin));
  REQUIRE(set.packs.size() == 1);
  const auto& pack = set.packs[0].document;
  CHECK(pack.name == "default");
  CHECK(set.packs[0].sha256.size() == 64);
  for (const auto& point : allPoints()) {
    CAPTURE(point.name);
    const auto entry = pack.entry.find(point.point);
    REQUIRE(entry != pack.entry.end());
    CHECK(pack.file(entry->second) != nullptr);
  }
}

TEST_CASE("the shipped pack has no finding") {
  for (const auto& finding : lint(shippedSet().packs[0].document)) {
    FAIL_CHECK(finding.file, ":", finding.line, ":", finding.column, ": ", finding.code, ": ", finding.message);
  }
}

TEST_CASE("the shipped pack passes its tests, which run every line") {
  const auto report = runTests(engine(), shippedSet().packs[0].document, true);
  REQUIRE_MESSAGE(report.has_value(), (report.has_value() ? "" : report.error().text()));
  for (const auto& result : report->results) CHECK_MESSAGE(result.passed, result.name, ": ", result.message);
  for (const auto& [name, file] : report->coverage) {
    const std::string& path = name;  // clang 14 captures no structured bindings
    std::string missed;
    for (const int line : file.missed) missed += " " + std::to_string(line);
    CHECK_MESSAGE(missed.empty(), path, " never runs line", missed);
  }
  CHECK(report->results.size() >= 50);
}

TEST_CASE("the folder of the shipped pack reads as a pack, and is what is built in") {
  const auto folder = readPackFolder(std::string(CCP_SOURCE_DIR) + "/policy/packs/default");
  REQUIRE_MESSAGE(folder.has_value(), (folder.has_value() ? "" : folder.error().text()));
  const auto& built_in = shippedSet().packs[0].document;
  CHECK((folder->files == built_in.files));
  CHECK((folder->data == built_in.data));
  CHECK((folder->entry == built_in.entry));
  CHECK((folder->classes == built_in.classes));
  CHECK((folder->log_mask == built_in.log_mask));
  CHECK(folder->tests.size() == built_in.tests.size());
}
