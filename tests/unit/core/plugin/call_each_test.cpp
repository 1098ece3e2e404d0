// One operation with several inputs in one hop: each has its own answer, and what a hang in the middle costs.
#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <set>
#include <thread>

#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using namespace ccp::plugin;
using ccp::test::PluginWorld;
using ccp::test::put;
using ccp::test::ScriptedPlugin;

namespace {

ScriptedPlugin& script() { return ScriptedPlugin::get(); }

const SystemClock kClock;

/// A webhook whose one header says which it is.
struct Named {
  HeaderList headers;
  explicit Named(const std::string& name) : headers{{"Name", name}} {}
};

struct World : PluginWorld {
  explicit World(int op_timeout_ms = 5000, int max_concurrency = 2) : PluginWorld(true, &kClock) {
    manifest.set("max_concurrency", max_concurrency);
    manifest.set("provides", *parseJson(R"(["ccp.identity/1","ccp.billing/1"])"));
    manifest.set("limits", Json::object({{"op_timeout_ms", op_timeout_ms}}));
    REQUIRE(load().has_value());
    script().seen.clear();
  }
  std::vector<Result<WebhookFacts>> verify(const std::vector<std::string>& names) {
    std::vector<Named> named(names.begin(), names.end());
    std::vector<Webhook> deliveries;
    for (const auto& one : named) deliveries.push_back({one.headers, "{}"});
    return (*host.billing().find("one"))->verifyWebhooks({}, deliveries);
  }
  /// As operators see it.
  double calls(const char* operation) {
    return metrics
        .counter("ccp_plugin_calls_total", "", {{"instance", "one"}, {"operation", operation}})
        .value();
  }
  /// How often the plugin was asked.
  std::size_t asked() {
    const std::lock_guard lock(script().mutex);
    return script().seen.size();
  }
  int abandoned() { return host.list().at(0).abandoned; }
};

/// Answers with the webhook's name as its event, unless `op` knows better.
void verifying(std::function<std::optional<ccp_rc>(const ccp_call*, const std::string& name)> op) {
  script().ops["verify_webhook"] = [op = std::move(op)](const ccp_host*, const ccp_call* call, std::string_view in) {
    const std::string name = *parseJson(in)->operator[]("headers").items().at(0).items().at(1).asString();
    if (const auto rc = op(call, name)) return *rc;
    return put(call->out, Json::object({{"event_id", "evt_" + name}, {"type", "x.y"}}).dump());
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
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return opened; });
  }
};

void returned(World& w) {
  for (int i = 0; i < 1000 && w.abandoned() > 0; ++i) std::this_thread::sleep_for(milliseconds(10));
  CHECK(w.abandoned() == 0);
  CHECK(w.verify({"later"}).front().has_value());
}

}  // namespace

TEST_CASE("each input has its answer, in order, and each is counted") {
  World w;
  verifying([](const ccp_call* call, const std::string& name) -> std::optional<ccp_rc> {
    if (name != "bad") return {};
    put(call->err, R"({"code":"signature_invalid","detail":"no"})");
    return CCP_RC_UNAUTHENTICATED;
  });
  const auto answers = w.verify({"a", "bad", "c"});
  REQUIRE(answers.size() == 3);
  CHECK(answers[0]->event_id == "evt_a");
  CHECK(answers[1].error().code == Errc::signature_invalid);
  CHECK(answers[2]->event_id == "evt_c");
  CHECK(answers[2]->type == "x.y");
  CHECK(w.calls("verify_webhook") == 3);
}

TEST_CASE("a plugin that tells nothing of a genuine webhook is not asked for more") {
  World w;
  const auto answers = w.verify({"a"});
  REQUIRE(answers.front().has_value());
  CHECK(answers.front()->event_id.empty());
}

TEST_CASE("an answer that is no JSON is no answer, and costs the others nothing") {
  World w;
  verifying([](const ccp_call* call, const std::string& name) -> std::optional<ccp_rc> {
    if (name != "broken") return {};
    return put(call->out, "{");
  });
  const auto answers = w.verify({"broken", "b"});
  CHECK(answers[0].error().code == Errc::plugin_failed);
  CHECK(answers[1].has_value());
}

TEST_CASE("behind a hang nothing is begun; what ended before it keeps its answer") {
  World w(30);
  Latch latch;
  verifying([&](const ccp_call*, const std::string& name) -> std::optional<ccp_rc> {
    if (name == "hangs") latch.wait();
    return {};
  });
  const auto answers = w.verify({"first", "hangs", "third", "fourth"});
  REQUIRE(answers.size() == 4);
  CHECK(answers[0]->event_id == "evt_first");
  CHECK(answers[1].error().code == Errc::deadline_exceeded);
  for (const std::size_t i : {2u, 3u}) CHECK(answers[i].error().code == Errc::overloaded);
  CHECK(w.abandoned() == 1);
  CHECK(w.verify({"while it hangs"}).front().error().code == Errc::plugin_unavailable);
  CHECK(w.asked() == 2);
  latch.open();
  returned(w);
}

TEST_CASE("of many, two are under way at a time: those behind one that hangs have their answers") {
  World w(300);
  Latch latch;
  std::mutex mutex;
  std::set<std::thread::id> threads;
  verifying([&](const ccp_call*, const std::string& name) -> std::optional<ccp_rc> {
    {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    if (name == "hangs") latch.wait();
    return {};
  });
  const std::vector<std::string> names{"a", "b", "hangs", "c", "d", "e", "f", "g", "h"};
  const auto answers = w.verify(names);
  REQUIRE(answers.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    CAPTURE(names[i]);
    if (names[i] == "hangs")
      CHECK(answers[i].error().code == Errc::deadline_exceeded);
    else
      CHECK(answers[i]->event_id == "evt_" + names[i]);
  }
  CHECK(threads.size() == 2);
  CHECK(w.abandoned() == 1);
  latch.open();
  returned(w);
}

TEST_CASE("a plugin that wants one call at a time gets one at a time, however many there are") {
  World w(5000, 1);
  std::mutex mutex;
  std::condition_variable entered;
  int inside = 0, most = 0, begun = 0;
  verifying([&](const ccp_call*, const std::string&) -> std::optional<ccp_rc> {
    std::unique_lock lock(mutex);
    most = std::max(most, ++inside);
    entered.notify_all();
    // The first gives a second one every chance to come.
    if (++begun == 1) entered.wait_for(lock, milliseconds(100), [&] { return inside > 1; });
    --inside;
    return {};
  });
  for (const auto& answer : w.verify(std::vector<std::string>(20, "x"))) CHECK(answer.has_value());
  CHECK(most == 1);
}

TEST_CASE("what begins too late is not begun, and is not the plugin's fault") {
  World w(30);
  verifying([](const ccp_call*, const std::string&) -> std::optional<ccp_rc> {
    std::this_thread::sleep_for(milliseconds(60));  // beyond the deadline, within the grace
    return {};
  });
  const auto answers = w.verify({"slow", "late"});
  CHECK(answers[0].has_value());
  CHECK(answers[1].error().code == Errc::deadline_exceeded);
  CHECK(w.asked() == 1);
  CHECK(w.abandoned() == 0);
}

TEST_CASE("a hang is measured for as long as it was waited for") {
  World w(30);
  Latch latch;
  verifying([&](const ccp_call*, const std::string&) -> std::optional<ccp_rc> {
    latch.wait();
    return {};
  });
  CHECK_FALSE(w.verify({"hangs"}).front().has_value());
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
