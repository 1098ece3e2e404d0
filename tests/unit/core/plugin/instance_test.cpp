// The life of an instance and what calls into it come to.
#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <thread>

#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using namespace ccp::plugin;
using ccp::test::PluginWorld;
using ccp::test::put;
using ccp::test::ScriptedPlugin;

namespace {

/// A gate that calls wait at until the test opens it.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
  }
  void waitFor(int callers) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, seconds(10), [&] { return waiting_ >= callers; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

template <class F>
void eventually(F&& condition) {
  const auto end = std::chrono::steady_clock::now() + seconds(10);
  while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  REQUIRE(condition());
}

ScriptedPlugin& script() { return ScriptedPlugin::get(); }

ScriptedPlugin::Op failing(ccp_rc rc, const char* problem) {
  return [rc, problem](const ccp_host*, const ccp_call* call, std::string_view) {
    put(call->err, problem);
    return rc;
  };
}

}  // namespace

TEST_CASE("an instance is created, configured and started once, and drained, stopped and destroyed once") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  CHECK(w.host.list().at(0).state == "ready");
  const auto provider = w.provider();
  w.host.stop();
  w.host.stop();
  CHECK(script().seen == std::vector<std::string>{"configure", "start", "describe", "drain", "stop"});
  CHECK(script().created.load() == 1);
  CHECK(script().destroyedAfter(1) == 1);
  CHECK(w.host.list().at(0).state == "stopped");
  CHECK(provider->beginDevice({}, "c", "s").error().code == Errc::plugin_unavailable);
}

TEST_CASE("configuration is checked and completed before the plugin sees it") {
  PluginWorld w;
  w.schema = *parseJson(R"({"type":"object","additionalProperties":false,"properties":{"limit":{"type":"integer","default":7},
    "token":{"type":"object","properties":{"$secret":{"type":"string"}}}}})");
  std::string configured;
  script().ops["configure"] = [&](const ccp_host*, const ccp_call* call, std::string_view in) {
    configured = in;
    return put(call->out, "{}");
  };
  SUBCASE("defaults are filled and secrets stay references") {
    w.instance.config = *parseJson(R"({"token":{"$secret":"test/token"}})");
    REQUIRE(w.load().has_value());
    const Json seen = *parseJson(configured);
    CHECK(seen.intOr("limit") == 7);
    CHECK(seen["token"].strOr("$secret") == "test/token");
    CHECK(configured.find("s3cret") == std::string::npos);
  }
  SUBCASE("an unknown key is refused by its place") {
    w.instance.config = *parseJson(R"({"limitt":8})");
    const Status status = w.load();
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().code == Errc::config_invalid);
    CHECK_MESSAGE(status.error().detail.find("plugins[one].config") != std::string::npos, status.error().detail);
    CHECK(script().created.load() == 0);
  }
  SUBCASE("a wrong type is refused") {
    w.instance.config = *parseJson(R"({"limit":"many"})");
    CHECK(w.load().error().code == Errc::config_invalid);
  }
  SUBCASE("a secret that the manifest does not allow is refused") {
    w.instance.config = *parseJson(R"({"token":{"$secret":"other/token"}})");
    const Status status = w.load();
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().code == Errc::config_invalid);
    CHECK(status.error().detail.find("test/*") != std::string::npos);
  }
  SUBCASE("a secret that is not there is named") {
    w.instance.config = *parseJson(R"({"token":{"$secret":"test/missing"}})");
    CHECK(w.load().error().code == Errc::secret_missing);
  }
  SUBCASE("what the schema cannot say, the plugin says") {
    script().ops["configure"] = failing(CCP_RC_INVALID_ARGUMENT, R"({"detail":"limit must be odd"})");
    const Status status = w.load();
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().code == Errc::config_invalid);
    CHECK(status.error().detail.find("limit must be odd") != std::string::npos);
    CHECK(script().destroyedAfter(1) == 1);
  }
}

TEST_CASE("configuration for a plugin that takes none, and two instances of one name") {
  PluginWorld w;
  w.instance.config = *parseJson(R"({"a":1})");
  CHECK(w.load().error().code == Errc::config_invalid);
  w.instance.config = Json();
  REQUIRE(w.load().has_value());
  CHECK(w.load().error().code == Errc::already_exists);
}

TEST_CASE("a start that fails destroys the instance and says why") {
  PluginWorld w;
  script().ops["start"] = failing(CCP_RC_UNAVAILABLE, R"({"detail":"no upstream"})");
  const Status status = w.load();
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().detail.find("no upstream") != std::string::npos);
  CHECK(script().destroyedAfter(1) == 1);
  CHECK(w.host.identity().ofKind("device").error().code == Errc::plugin_unavailable);
}

TEST_CASE("result classes and problems become our errors, redacted and bounded") {
  struct Case {
    ccp_rc rc;
    const char* problem;
    Errc code;
  };
  const Case cases[] = {{CCP_RC_INVALID_ARGUMENT, "", Errc::validation_failed},
                        {CCP_RC_UNAUTHENTICATED, R"({"detail":"bad token"})", Errc::provider_error},
                        {CCP_RC_UNAUTHENTICATED, R"({"code":"signature_invalid"})", Errc::signature_invalid},
                        {CCP_RC_UNAUTHENTICATED, R"({"code":"signature_stale"})", Errc::signature_stale},
                        {CCP_RC_UNAUTHENTICATED, R"({"code":"token_expired"})", Errc::provider_error},
                        {CCP_RC_PERMISSION_DENIED, "", Errc::provider_error},
                        {CCP_RC_NOT_FOUND, "", Errc::not_found},
                        {CCP_RC_CONFLICT, "", Errc::conflict},
                        {CCP_RC_RATE_LIMITED, R"({"retry_after_ms":1500})", Errc::rate_limited},
                        {CCP_RC_RESOURCE_EXHAUSTED, "", Errc::overloaded},
                        {CCP_RC_UNAVAILABLE, "", Errc::plugin_unavailable},
                        {CCP_RC_UNAVAILABLE, R"({"code":"provider_error"})", Errc::provider_error},
                        {CCP_RC_DEADLINE_EXCEEDED, "", Errc::deadline_exceeded},
                        {CCP_RC_CANCELLED, "", Errc::plugin_unavailable},
                        {CCP_RC_UNIMPLEMENTED, "", Errc::unimplemented},
                        {CCP_RC_INTERNAL, "not json", Errc::plugin_failed},
                        {CCP_RC_DATA_LOSS, "", Errc::plugin_failed},
                        {99, "", Errc::plugin_failed},
                        {-1, "", Errc::plugin_failed}};
  PluginWorld w;
  REQUIRE(w.load().has_value());
  for (const auto& c : cases) {
    CAPTURE(c.rc);
    CAPTURE(c.problem);
    script().ops["begin"] = failing(c.rc, c.problem);
    const auto answer = w.provider()->beginDevice({}, "c", "s");
    REQUIRE_FALSE(answer.has_value());
    CHECK((answer.error().code == c.code));
    CHECK(answer.error().detail.find("\"one\", begin") != std::string::npos);
  }
  script().ops["begin"] = failing(CCP_RC_RATE_LIMITED, R"({"detail":"key polar_oat_abcdefghijklmnop leaked","retry_after_ms":1500})");
  const auto answer = w.provider()->beginDevice({}, "c", "s");
  CHECK(answer.error().detail.find("abcdefghijklmnop") == std::string::npos);
  CHECK(answer.error().retry_after_s == 2);
  const std::string huge = R"({"detail":")" + std::string(20000, 'x') + "\"}";
  script().ops["begin"] = [&](const ccp_host*, const ccp_call* call, std::string_view) {
    CHECK(put(call->err, huge) == CCP_RC_RESOURCE_EXHAUSTED);
    return CCP_RC_INTERNAL;
  };
  CHECK(w.provider()->beginDevice({}, "c", "s").error().detail.size() < 2000);
}

TEST_CASE("output beyond the cap is refused at the sink, and what is no JSON is no answer") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  script().ops["begin"] = [](const ccp_host*, const ccp_call* call, std::string_view) { return put(call->out, std::string(5000, ' ')); };
  CHECK(w.provider()->beginDevice({}, "c", "s").error().code == Errc::overloaded);
  for (const char* text : {"", "{", "{} {}", "\xff", R"({"a":1,"a":2})"}) {
    script().ops["begin"] = [text](const ccp_host*, const ccp_call* call, std::string_view) { return put(call->out, text); };
    CHECK(w.provider()->beginDevice({}, "c", "s").error().code == Errc::plugin_failed);
  }
}

TEST_CASE("a call carries its deadline, its ids and its tenant") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  const std::uint64_t now = w.env().clock.monotonicNs();
  std::uint64_t deadline = 0;
  std::string ids;
  script().ops["begin"] = [&](const ccp_host*, const ccp_call* call, std::string_view) {
    deadline = call->deadline_mono_ns;
    const auto text = [](ccp_str s) { return std::string(s.ptr, s.len); };
    ids = text(call->request_id) + " " + text(call->tenant) + " " + text(call->idempotency_key);
    CHECK(call->is_cancelled(call) == 0);
    w.env().clock.advance(seconds(3));
    CHECK(call->is_cancelled(call) == 1);
    return CCP_RC_CANCELLED;
  };
  CallContext context{Deadline::none(), "req_1", "org_1", "key_1"};
  CHECK_FALSE(w.provider()->beginDevice(context, "c", "s").has_value());
  CHECK(ids == "req_1 org_1 key_1");
  // No deadline of the caller: the manifest's.
  CHECK(deadline == now + 2'000'000'000);
  // The caller's deadline when it is earlier; a dead one is not tried.
  const std::uint64_t later = w.env().clock.monotonicNs();
  context.deadline = Deadline::atMonotonicNs(later + 1'000'000'000);
  CHECK_FALSE(w.provider()->beginDevice(context, "c", "s").has_value());
  CHECK(deadline == later + 1'000'000'000);
  const auto calls = script().seen.size();
  CHECK(w.provider()->beginDevice(context, "c", "s").error().code == Errc::deadline_exceeded);
  CHECK(script().seen.size() == calls);
}

TEST_CASE("a call that overruns its deadline is abandoned, and its instance rests until it returns") {
  const SystemClock clock;
  PluginWorld w(true, &clock);
  w.manifest.set("limits", *parseJson(R"({"op_timeout_ms":20})"));
  REQUIRE(w.load().has_value());
  auto provider = w.provider();
  Gate gate;
  std::atomic<bool> told{false};
  script().ops["begin"] = [&](const ccp_host* host, const ccp_call* call, std::string_view) {
    gate.pass();
    told = call->is_cancelled(call) == 1;
    // Nobody waits any more: services answer nothing to such a call.
    const auto* kv = static_cast<const ccp_kv_v1*>(host->service(host, CCP_KV_ID));
    CHECK(kv->get(kv, call, {"k", 1}, call->out, nullptr) == CCP_RC_PERMISSION_DENIED);
    return put(call->out, "{}");
  };
  const auto answer = provider->beginDevice({}, "c", "s");
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == Errc::deadline_exceeded);
  CHECK(w.host.list().at(0).abandoned == 1);
  CHECK(provider->describe({}).error().code == Errc::plugin_unavailable);
  CHECK(w.host.health().items().at(0).strOr("status") == "failing");
  CHECK(w.metrics.counter("ccp_plugin_abandoned_calls_total", "", {{"instance", "one"}}).value() == 1);
  gate.open();
  eventually([&] { return w.host.list().at(0).abandoned == 0; });
  CHECK(told.load());
  CHECK(provider->describe({}).has_value());
  CHECK(w.host.health().items().at(0).strOr("status") == "ok");
}

TEST_CASE("no more calls run at once than the manifest allows") {
  const SystemClock clock;
  PluginWorld w(true, &clock);
  REQUIRE(w.load().has_value());
  auto provider = w.provider();
  Gate gate;
  script().ops["begin"] = [&](const ccp_host*, const ccp_call* call, std::string_view) {
    gate.pass();
    return put(call->out, R"({"user_code":"A","device_code":"B","state":{}})");
  };
  std::vector<std::thread> callers;
  std::atomic<int> fine{0};
  for (int i = 0; i < 2; ++i) callers.emplace_back([&] { fine += provider->beginDevice({}, "c", "s").has_value() ? 1 : 0; });
  gate.waitFor(2);
  CHECK(w.host.list().at(0).in_flight == 2);
  // Two are running, which is the limit: the third waits as long as it may, then is told.
  CallContext hurried;
  hurried.deadline = Deadline::after(clock, milliseconds(30));
  CHECK(provider->describe(hurried).error().code == Errc::overloaded);
  gate.open();
  for (auto& caller : callers) caller.join();
  CHECK(fine.load() == 2);
  CHECK(provider->describe({}).has_value());
}

TEST_CASE("all who wait behind a call that hangs are told at once when it is abandoned") {
  const SystemClock clock;
  PluginWorld w(true, &clock);
  w.manifest.set("limits", *parseJson(R"({"op_timeout_ms":200})"));
  w.manifest.set("max_concurrency", 1);
  REQUIRE(w.load().has_value());
  auto provider = w.provider();
  Gate gate;
  script().ops["begin"] = [&](const ccp_host*, const ccp_call* call, std::string_view) {
    gate.pass();
    return put(call->out, "{}");
  };
  std::thread hangs([&] { CHECK(provider->beginDevice({}, "c", "s").error().code == Errc::deadline_exceeded); });
  gate.waitFor(1);
  // They would wait for a minute.
  CallContext patient;
  patient.deadline = Deadline::after(clock, minutes(1));
  std::vector<std::thread> waiting;
  std::atomic<int> told{0};
  for (int i = 0; i < 5; ++i) {
    waiting.emplace_back([&] { told += provider->describe(patient).error().code == Errc::plugin_unavailable ? 1 : 0; });
  }
  hangs.join();
  eventually([&] { return told.load() == 5; });
  for (auto& thread : waiting) thread.join();
  gate.open();
  eventually([&] { return w.host.list().at(0).abandoned == 0; });
}

TEST_CASE("stopping waits for calls that run, and refuses new ones") {
  const SystemClock clock;
  PluginWorld w(true, &clock);
  REQUIRE(w.load().has_value());
  auto provider = w.provider();
  Gate gate;
  script().ops["begin"] = [&](const ccp_host*, const ccp_call* call, std::string_view) {
    gate.pass();
    return put(call->out, R"({"user_code":"A","device_code":"B","state":{}})");
  };
  bool fine = false;
  std::thread caller([&] { fine = provider->beginDevice({}, "c", "s").has_value(); });
  gate.waitFor(1);
  std::thread stopper([&] { w.host.stop(); });
  eventually([&] { return w.host.list().at(0).state == "draining"; });
  CHECK(provider->describe({}).error().code == Errc::plugin_unavailable);
  gate.open();
  caller.join();
  stopper.join();
  CHECK(fine);
  CHECK(script().destroyedAfter(1) == 1);
}

TEST_CASE("health moves an instance between ready and degraded, and both answer") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  script().ops["health"] = [](const ccp_host*, const ccp_call* call, std::string_view) {
    return put(call->out, R"({"status":"degraded","detail":"the provider is slow"})");
  };
  CHECK(w.host.health().items().at(0).strOr("detail") == "the provider is slow");
  CHECK(w.host.list().at(0).state == "degraded");
  CHECK(w.provider()->describe({}).has_value());
  script().ops["health"] = [](const ccp_host*, const ccp_call* call, std::string_view) { return put(call->out, R"({"status":"ok"})"); };
  CHECK(w.host.health().items().at(0).strOr("status") == "ok");
  CHECK(w.host.list().at(0).state == "ready");
  script().ops["health"] = failing(CCP_RC_INTERNAL, "{}");
  CHECK(w.host.health().items().at(0).strOr("status") == "failing");
}

TEST_CASE("scheduled work runs when it is due, and only registers during start") {
  PluginWorld w;
  ccp_rc twice = CCP_RC_OK, quick = CCP_RC_OK, late = CCP_RC_OK;
  static std::atomic<int> ticks{0};
  ticks = 0;
  const ccp_op tick = [](ccp_instance*, const ccp_call* call, ccp_str in) -> ccp_rc {
    CHECK(std::string(in.ptr, in.len) == R"({"name":"sync"})");
    ++ticks;
    return put(call->out, "{}");
  };
  const auto every = [&](const ccp_host* host, const ccp_call* call, const char* name, std::int64_t ms) {
    const auto* scheduler = static_cast<const ccp_scheduler_v1*>(host->service(host, CCP_SCHEDULER_ID));
    return scheduler->every(scheduler, call, {name, std::strlen(name)}, ms, tick);
  };
  script().ops["start"] = [&](const ccp_host* host, const ccp_call* call, std::string_view) {
    const ccp_rc rc = every(host, call, "sync", 60000);
    twice = every(host, call, "sync", 60000);
    quick = every(host, call, "quick", 10);
    put(call->out, "{}");
    return rc;
  };
  REQUIRE(w.load().has_value());
  CHECK(twice == CCP_RC_CONFLICT);
  CHECK(quick == CCP_RC_INVALID_ARGUMENT);
  late = w.inside([&](const ccp_host* host, const ccp_call* call) { return every(host, call, "late", 60000); });
  CHECK(late == CCP_RC_PERMISSION_DENIED);
  CHECK(w.host.runDueTicks() == 0);
  w.env().clock.advance(seconds(60));
  CHECK(w.host.runDueTicks() == 1);
  CHECK(w.host.runDueTicks() == 0);
  w.env().clock.advance(seconds(300));
  CHECK(w.host.runDueTicks() == 1);
  CHECK(ticks.load() == 2);
}

TEST_CASE("a URL that the schema marks must be within what the operator lets the instance reach") {
  PluginWorld w;
  w.schema = *parseJson(R"({"type":"object","properties":{"url":{"type":"string","x-ccp-egress":true},"note":{"type":"string"}}})");
  const auto load = [&](const char* url, std::vector<std::string> egress) {
    w.instance.config = Json::object({{"url", url}, {"note", "https://elsewhere.example.com"}});
    w.instance.egress.origins = std::move(egress);
    return w.load();
  };
  const Status refused = load("https://hooks.example.com/x", {"https://hooks.example.com:8443", "http://hooks.example.com"});
  REQUIRE_FALSE(refused.has_value());
  CHECK((refused.error().code == Errc::config_invalid));
  CHECK(refused.error().detail.find("plugins[one].config/url") != std::string::npos);
  CHECK(refused.error().detail.find("https://hooks.example.com") != std::string::npos);
  CHECK(refused.error().detail.find("egress") != std::string::npos);
  CHECK_FALSE(load("https://hooks.example.com@evil.example.net/", {"https://hooks.example.com"}).has_value());
  CHECK(ScriptedPlugin::get().seen.empty());  // no plugin code ran
  CHECK(load("https://HOOKS.example.com:443/x", {"https://hooks.example.com"}).has_value());
}

TEST_CASE("a URL within the signed manifest needs no leave of the operator") {
  PluginWorld w;
  w.schema = *parseJson(R"({"type":"object","properties":{"url":{"type":"string","x-ccp-egress":true}}})");
  w.instance.config = Json::object({{"url", "https://api.example.com/v1"}});
  CHECK(w.load().has_value());
}
