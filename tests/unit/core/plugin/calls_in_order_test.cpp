// Several operations in one hop: who is asked, what each answer is, and what a hang in the middle costs.
#include <doctest/doctest.h>

#include <condition_variable>

#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using namespace ccp::plugin;
using ccp::test::PluginWorld;
using ccp::test::put;
using ccp::test::ScriptedPlugin;

namespace {

using Names = std::vector<std::string>;

ScriptedPlugin& script() { return ScriptedPlugin::get(); }

const SystemClock kClock;

struct World : PluginWorld {
  explicit World(int op_timeout_ms = 5000) : PluginWorld(true, &kClock) {
    manifest.set("provides", *parseJson(R"(["ccp.identity/1","ccp.billing/1"])"));
    manifest.set("limits", Json::object({{"op_timeout_ms", op_timeout_ms}}));
    REQUIRE(load().has_value());
    script().seen.clear();
    script().ops["parse_webhook"] = [](const ccp_host*, const ccp_call* call, std::string_view) {
      return put(call->out, R"({"events":[{"event_id":"evt_1","type":"x.y","kind":"ignored"}]})");
    };
  }
  BillingProvider::Received receive() {
    return (*host.billing().find("one"))->receiveWebhook({}, {{"A", "b"}}, "{}");
  }
  /// As operators see it.
  double calls(const char* operation) {
    return metrics
        .counter("ccp_plugin_calls_total", "", {{"instance", "one"}, {"operation", operation}})
        .value();
  }
};

ScriptedPlugin::Op refusing() {
  return [](const ccp_host*, const ccp_call* call, std::string_view) {
    put(call->err, R"({"code":"signature_invalid","detail":"no"})");
    return CCP_RC_UNAUTHENTICATED;
  };
}

/// Holds whoever calls until it is opened.
struct Latch {
  std::mutex mutex;
  std::condition_variable changed;
  bool opened = false;
  void open() {
    const std::lock_guard lock(mutex);
    opened = true;
    changed.notify_all();
  }
  ScriptedPlugin::Op op() {
    return [this](const ccp_host*, const ccp_call* call, std::string_view) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return opened; });
      return put(call->out, "{}");
    };
  }
};

void returned(World& w) {
  for (int i = 0; i < 1000 && w.host.list().at(0).abandoned > 0; ++i)
    std::this_thread::sleep_for(milliseconds(10));
  CHECK(w.host.list().at(0).abandoned == 0);
  CHECK(w.receive().verified.has_value());
}

}  // namespace

TEST_CASE("what verifies is read in the same call, and both are counted") {
  World w;
  const auto received = w.receive();
  REQUIRE(received.verified.has_value());
  REQUIRE(received.events.has_value());
  CHECK(received.events->front().event_id == "evt_1");
  CHECK(script().seen == Names{"verify_webhook", "parse_webhook"});
  CHECK(w.calls("verify_webhook") == 1);
  CHECK(w.calls("parse_webhook") == 1);
}

TEST_CASE("what does not verify is not read") {
  World w;
  script().ops["verify_webhook"] = refusing();
  const auto received = w.receive();
  CHECK(received.verified.error().code == Errc::signature_invalid);
  CHECK(received.events.error().code == Errc::signature_invalid);
  CHECK(script().seen == Names{"verify_webhook"});
  CHECK(w.calls("parse_webhook") == 0);
}

TEST_CASE("what verifies and cannot be read is told apart") {
  World w;
  script().ops["parse_webhook"] = [](const ccp_host*, const ccp_call* call, std::string_view) {
    put(call->err, R"({"detail":"not ours"})");
    return CCP_RC_INVALID_ARGUMENT;
  };
  auto received = w.receive();
  CHECK(received.verified.has_value());
  CHECK(received.events.error().code == Errc::validation_failed);
  // An answer that is no JSON is no answer.
  script().ops["parse_webhook"] = [](const ccp_host*, const ccp_call* call, std::string_view) {
    return put(call->out, "{");
  };
  received = w.receive();
  CHECK(received.verified.has_value());
  CHECK(received.events.error().code == Errc::plugin_failed);
}

TEST_CASE("a hang in the first operation is one abandoned call, and the second never runs") {
  World w(30);
  Latch latch;
  script().ops["verify_webhook"] = latch.op();
  CHECK(w.receive().verified.error().code == Errc::deadline_exceeded);
  CHECK(w.host.list().at(0).abandoned == 1);
  CHECK(w.receive().verified.error().code == Errc::plugin_unavailable);
  latch.open();
  returned(w);
}

TEST_CASE("what begins too late is not begun, and is not the plugin's fault") {
  World w(30);
  script().ops["verify_webhook"] = [](const ccp_host*, const ccp_call* call, std::string_view) {
    std::this_thread::sleep_for(milliseconds(60));  // beyond the deadline, within the grace
    return put(call->out, "{}");
  };
  const auto received = w.receive();
  CHECK(received.verified.has_value());
  CHECK(received.events.error().code == Errc::deadline_exceeded);
  CHECK(script().seen == Names{"verify_webhook"});
  CHECK(w.host.list().at(0).abandoned == 0);
}

TEST_CASE("a hang is measured for as long as it was waited for") {
  World w(30);
  Latch latch;
  script().ops["verify_webhook"] = latch.op();
  CHECK_FALSE(w.receive().verified.has_value());
  const Json inspected = *w.host.inspect("one");
  bool measured = false;
  for (const auto& operation : inspected["operations"].items()) {
    if (operation.strOr("operation") != "verify_webhook") continue;
    measured = operation["max_ms"].asDouble().value_or(0) >= 30;
  }
  CHECK(measured);
  latch.open();
  returned(w);
}

TEST_CASE("a hang in the second operation leaves the first one's answer") {
  World w(30);
  Latch latch;
  const auto reads = script().ops["parse_webhook"];
  script().ops["parse_webhook"] = latch.op();
  const auto received = w.receive();
  CHECK(received.verified.has_value());
  CHECK(received.events.error().code == Errc::deadline_exceeded);
  CHECK(w.host.list().at(0).abandoned == 1);
  {
    const std::lock_guard lock(script().mutex);
    script().ops["parse_webhook"] = reads;
  }
  latch.open();
  returned(w);
}
