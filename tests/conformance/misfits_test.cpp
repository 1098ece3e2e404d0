// The kit can fail: each misfit is wrong in one thing, and the test that is there for it says so.
#include <doctest/doctest.h>

#include <string>

#include "tests/conformance/kit_run.hpp"

using namespace ccp;

namespace {

const std::string kPlugins = std::string(CCP_BINARY_DIR) + "/tests/plugins/";

struct Misfit {
  const char* name;
  const char* test;
  const char* says;  ///< in what was found
  bool inproc = true, process = true;
};

/// In builds with AddressSanitizer a bad access ends with its report instead of the signal.
bool tells(const std::string& text, const std::string& says) {
  return text.find(says) != std::string::npos || (says == "SIGSEGV" && text.find("AddressSanitizer") != std::string::npos);
}

std::string folderOf(std::string name) {
  for (auto& c : name) c = c == '-' ? '_' : c;
  return kPlugins + "test_misfit_" + name;
}

}  // namespace

TEST_CASE("each misfit fails the test that is there for it, in every mode that can see it") {
  const Misfit misfits[] = {
      {"hole", "L1.interfaces", "test_connection is NULL", true, false},
      {"undeclared", "L1.interfaces", "a table that the manifest does not name", true, false},
      {"wrong-version", "L1.descriptor", "9.9.9", true, false},
      {"crash-entry", "L1.load", "SIGABRT"},
      {"takes-all-config", "L2.configure-invalid", "answered OK"},
      {"sick-health", "L2.start-health", "fine"},
      {"only-one", "L2.second-instance", "CONFLICT", true, false},  // a process of its own has one instance
      {"drains-once", "L2.double-drain", "drained already"},
      {"crash-destroy", "L2.destroy-created", "SIGSEGV"},
      {"eager", "L2.destroy-configured", "configure used a service"},
      {"bad-json", "L3.answers", "one JSON value"},
      {"wrong-result", "L3.answers", "last_sequence"},
      {"unknown-class", "L3.answers", "77"},
      {"ack-ahead", "L3.exporter-ack", "acknowledged"},
      {"impure", "L3.pure", "and then"},
      {"trusting", "L3.unsigned-webhook", "answered OK"},
      {"slow", "L4.expired-deadline", "past its deadline"},
      {"deaf", "L4.cancelled", "after its caller left"},
      {"careless-sink", "L4.failing-sink", "answered OK"},
      {"needs-log", "L4.missing-services", "SIGSEGV", true, false},  // ccp-plugin-host always has a log
      {"new-host-only", "L4.old-hosts", "SIGSEGV", true, false},
      {"strict", "L4.unknown-members", "with members of a later revision"},
      {"fragile", "L4.wrong-json", "SIGSEGV"},
      {"echo", "L4.wrong-texts", "one JSON value"},
      {"one-way-clock", "L4.clock-jumps", "SIGABRT"},
      {"gullible", "L4.garbage-provider", "one JSON value"},
      {"leaks-fd", "L5.leftovers", "open descriptors", true, false},
      {"threads", "L5.no-threads", "the plugin started", true, false},
      {"meddler", "L5.process-state", "the environment", true, false},
      {"prints", "L5.process-state", "misfit: started", true, false},
      {"leaks-secret", "L5.secrets", "the log line request"},
      {"racy", "L5.concurrency", "INTERNAL"},
      {"stray-log", "L5.contract", "Hello, World!"},
      {"bad-tick", "L5.ticks", "the tick has a bug"}};
  for (const auto& m : misfits) {
    CAPTURE(std::string(m.name));
    const auto run = test::checkPlugin(folderOf(m.name), {"--only", m.test, "--isolation", m.process ? "both" : "inproc"});
    CHECK_MESSAGE(run.exit_code == 1, run.output.substr(0, 2000));
    if (m.inproc) CHECK_MESSAGE(run.status(m.test, "inproc") == "failed", run.output.substr(0, 3000));
    if (m.process) CHECK_MESSAGE(run.status(m.test, "process") == "failed", run.output.substr(0, 3000));
    CHECK_MESSAGE(tells(run.failures(m.test), m.says), run.failures(m.test));
  }
}

TEST_CASE("a billing plugin that is right plays every story, whatever is lost on the way") {
  const auto run = test::checkPlugin(kPlugins + "test_paybox_none", {"--only", "L3"});
  CHECK_MESSAGE(run.exit_code == 0, run.failed());
  for (const char* id : {"L3.scenarios", "L3.scenarios-lost"}) {
    CHECK(run.status(id, "inproc") == "passed");
    CHECK(run.status(id, "process") == "passed");
  }
  CHECK(run.output.find("21 stories of 21") != std::string::npos);
}

TEST_CASE("a billing plugin that is wrong in one thing is told in which story") {
  struct Row {
    const char *name, *test, *says;
  };
  const Row rows[] = {{"no_refunds", "L3.scenarios", "refund_full, step \"refunded\""},
                      {"one_seat", "L3.scenarios", "plan team, 1 seats"},
                      {"half_signature", "L3.scenarios", "with the signature of another body answered OK"},
                      {"another_event", "L3.scenarios", "verify_webhook told of event \"evt_of_another\""},
                      {"stale_list", "L3.scenarios-lost", "a reconcile after every webhook has come changes"},
                      {"forgets_refunds", "L3.scenarios-lost", "refund_full, order "}};
  for (const auto& row : rows) {
    CAPTURE(std::string(row.name));
    const auto run = test::checkPlugin(kPlugins + "test_paybox_" + row.name, {"--only", row.test, "--isolation", "inproc"});
    CHECK_MESSAGE(run.exit_code == 1, run.output.substr(0, 2000));
    CHECK_MESSAGE(run.status(row.test, "inproc") == "failed", run.output.substr(0, 3000));
    CHECK_MESSAGE(tells(run.failures(row.test), row.says), run.failures(row.test));
  }
}

TEST_CASE("a crash is the failure of its test, names the signal and what ran, and ends no other test") {
  const auto run = test::checkPlugin(folderOf("fragile"), {"--only", "L4.wrong-json", "--only", "L4.clock-jumps", "--only", "L2.start-health", "--isolation", "inproc"});
  CHECK(run.exit_code == 1);
  CHECK(run.report.intOr("failed") == 1);
  CHECK(run.report.intOr("passed") == 2);
  const std::string text = run.failures("L4.wrong-json");
  CHECK_MESSAGE(tells(text, "SIGSEGV"), text);
  CHECK_MESSAGE(text.find("levels deep") != std::string::npos, text);
  CHECK_MESSAGE(text.find("--run-one L4.wrong-json") != std::string::npos, text);
}

TEST_CASE("a plugin that hangs costs its test its time and no more") {
  const auto run = test::checkPlugin(folderOf("hangs"), {"--only", "L2.destroy-running", "--only", "L2.destroy-created", "--isolation", "process"});
  CHECK(run.exit_code == 1);
  CHECK(run.status("L2.destroy-created", "process") == "passed");
  CHECK_MESSAGE(run.failures("L2.destroy-running").find("did not end in time") != std::string::npos, run.failures("L2.destroy-running"));
}
