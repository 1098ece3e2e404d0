// Swapping, draining, adding and removing instances while calls run.
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

ScriptedPlugin& script() { return ScriptedPlugin::get(); }

/// begin answers which instance ran it.
ScriptedPlugin::Op tellGeneration() {
  return [](const ccp_host* host, const ccp_call* call, std::string_view) {
    return put(call->out, R"({"user_code":")" + std::to_string(script().generationOf(host)) + R"(","device_code":"d","state":{}})");
  };
}

std::string servedBy(PluginWorld& w) {
  const auto answer = w.provider()->beginDevice({}, "c", "s");
  return answer ? answer->user_code : answer.error().detail;
}

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
  while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(milliseconds(1));
  REQUIRE(condition());
}

ScriptedPlugin::Op failing(ccp_rc rc, const char* problem) {
  return [rc, problem](const ccp_host*, const ccp_call* call, std::string_view) {
    put(call->err, problem);
    return rc;
  };
}

struct Recorded {
  std::string action, actor, subject;
  Json after;
  std::string reason;
};
std::vector<Recorded> audit(PluginWorld& w) {
  return *w.env().db().read(db::Scope::system(), [](db::Tx& tx) -> Result<std::vector<Recorded>> {
    std::vector<Recorded> out;
    for (const auto& row : tx.query<std::string, std::string, std::string, std::string, std::string>(
             "select action, actor, subject, after_json, reason from audit_log order by rowid")) {
      out.push_back({std::get<0>(row), std::get<1>(row), std::get<2>(row), parseJson(std::get<3>(row)).value_or(Json()), std::get<4>(row)});
    }
    return out;
  });
}
std::vector<std::pair<std::string, Json>> events(PluginWorld& w) {
  return *w.env().db().read(db::Scope::system(), [](db::Tx& tx) -> Result<std::vector<std::pair<std::string, Json>>> {
    std::vector<std::pair<std::string, Json>> out;
    for (const auto& row : tx.query<std::string, std::string>("select type, data from outbox order by position")) {
      out.emplace_back(std::get<0>(row), parseJson(std::get<1>(row)).value_or(Json()));
    }
    return out;
  });
}

}  // namespace

TEST_CASE("a swap puts a new instance into service and ends the old one, and is written down") {
  PluginWorld w;
  script().ops["begin"] = tellGeneration();
  REQUIRE(w.load().has_value());
  CHECK(servedBy(w) == "1");
  script().seen.clear();
  const auto change = w.host.swap("one", "operator");
  REQUIRE_MESSAGE(change.has_value(), change.error().detail);
  CHECK(change->drained);
  CHECK(change->json()["before"].strOr("version") == "1.0.0");
  CHECK(change->json()["after"].strOr("isolation") == "inproc");
  // The new one was healthy before the old one was told to drain.
  CHECK(script().seen == std::vector<std::string>{"configure", "start", "health", "drain", "stop"});
  CHECK(script().destroyedAfter(1) == 1);
  CHECK(servedBy(w) == "2");
  CHECK(w.host.list().size() == 1);
  CHECK(w.metrics.counter("ccp_plugin_swaps_total", "", {{"instance", "one"}, {"result", "ok"}}).value() == 1);

  const auto rows = audit(w);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].action == "plugin.load");
  CHECK(rows[0].actor == "system");
  CHECK(rows[1].action == "plugin.swap");
  CHECK(rows[1].actor == "operator");
  CHECK(rows[1].subject == "one");
  const auto emitted = events(w);
  REQUIRE(emitted.size() == 1);
  CHECK(emitted[0].first == "plugin.swapped");
  CHECK(emitted[0].second.strOr("instance") == "one");
}

TEST_CASE("a swap that fails at any step leaves the old instance serving and says which step and why") {
  PluginWorld w;
  script().ops["begin"] = tellGeneration();
  REQUIRE(w.load().has_value());
  config::PluginInstance next = w.instance;
  const char* step = "";
  const char* why = "";
  Errc code = Errc::plugin_failed;
  int created = 2;
  SUBCASE("package") {
    next.plugin = "ccp.not-installed";
    step = "package";
    why = "not_installed";
    code = Errc::plugin_refused;
    created = 1;
  }
  SUBCASE("configuration") {
    next.config = *parseJson(R"({"a":1})");
    step = "configuration";
    why = "takes no configuration";
    code = Errc::config_invalid;
    created = 1;
  }
  SUBCASE("create") {
    script().create_rc = CCP_RC_RESOURCE_EXHAUSTED;
    step = "create";
    why = "failed without saying why";
    code = Errc::overloaded;
    created = 1;
  }
  SUBCASE("configure") {
    script().ops["configure"] = failing(CCP_RC_INVALID_ARGUMENT, R"({"detail":"limit must be odd"})");
    step = "configure";
    why = "limit must be odd";
    code = Errc::config_invalid;
  }
  SUBCASE("start") {
    script().ops["start"] = failing(CCP_RC_UNAVAILABLE, R"({"detail":"no upstream"})");
    step = "start";
    why = "no upstream";
    code = Errc::plugin_unavailable;
  }
  SUBCASE("health says so") {
    script().ops["health"] = [](const ccp_host*, const ccp_call* call, std::string_view) {
      return put(call->out, R"({"status":"failing","detail":"token refused"})");
    };
    step = "health";
    why = "token refused";
  }
  SUBCASE("health fails") {
    script().ops["health"] = failing(CCP_RC_INTERNAL, R"({"detail":"cannot tell"})");
    step = "health";
    why = "cannot tell";
  }
  const auto change = w.host.swap(next, "operator");
  REQUIRE_FALSE(change.has_value());
  CAPTURE(change.error().detail);
  CHECK((change.error().code == code));
  CHECK(change.error().detail.find(std::string("Step \"") + step + "\"") != std::string::npos);
  CHECK(change.error().detail.find(why) != std::string::npos);
  CHECK(change.error().detail.find("\"one\" was not swapped; ccp.test-scripted 1.0.0 goes on as before") != std::string::npos);
  script().create_rc = CCP_RC_OK;
  script().ops.erase("health");
  CHECK(servedBy(w) == "1");
  CHECK(w.host.list().at(0).state == "ready");
  // What was created for it is gone again.
  CHECK(script().created.load() == created);
  CHECK(script().destroyedAfter(created - 1) == created - 1);
  CHECK(w.metrics.counter("ccp_plugin_swaps_total", "", {{"instance", "one"}, {"result", "failed"}}).value() == 1);
  const auto emitted = events(w);
  REQUIRE(emitted.size() == 1);
  CHECK(emitted[0].first == "plugin.failed");
  CHECK(emitted[0].second.strOr("step") == step);
  const auto rows = audit(w);
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].action == "plugin.swap");
  CHECK(rows[1].after.strOr("result") == "failed");
  CHECK(rows[1].reason == change.error().detail);
}

TEST_CASE("a swap that cannot be written down is not made") {
  PluginWorld w;
  script().ops["begin"] = tellGeneration();
  REQUIRE(w.load().has_value());
  const auto provider = w.provider();
  w.env().db().close();
  const auto change = w.host.swap("one", "operator");
  REQUIRE_FALSE(change.has_value());
  CHECK(servedBy(w) == "1");
  CHECK(script().destroyedAfter(1) == 1);
}

TEST_CASE("a degraded instance may replace another one") {
  PluginWorld w;
  script().ops["begin"] = tellGeneration();
  REQUIRE(w.load().has_value());
  script().ops["health"] = [](const ccp_host*, const ccp_call* call, std::string_view) { return put(call->out, R"({"status":"degraded"})"); };
  REQUIRE(w.host.swap("one", "operator").has_value());
  CHECK(w.host.list().at(0).state == "degraded");
  CHECK(servedBy(w) == "2");
}

TEST_CASE("calls on the old instance end there; new ones do not wait for them") {
  const SystemClock clock;
  PluginWorld w(true, &clock);
  REQUIRE(w.load().has_value());
  const auto provider = w.provider();
  Gate gate;
  std::atomic<bool> held{false};
  script().ops["begin"] = [&](const ccp_host* host, const ccp_call* call, std::string_view in) {
    if (!held.exchange(true)) gate.pass();
    return tellGeneration()(host, call, in);
  };
  std::string first;
  std::thread caller([&] { first = servedBy(w); });
  gate.waitFor(1);
  std::thread swapper([&] { CHECK(w.host.swap("one", "operator").has_value()); });
  eventually([&] { return script().created.load() == 2 && servedBy(w) == "2"; });
  CHECK(script().destroyed.load() == 0);
  gate.open();
  caller.join();
  swapper.join();
  CHECK_MESSAGE(first == "1", first);
  CHECK(script().destroyedAfter(1) == 1);
  CHECK(w.host.retired() == 0);
}

TEST_CASE("calls that do not end in time are told that nobody needs them") {
  const SystemClock clock;
  PluginWorld w(true, &clock, milliseconds(100));
  REQUIRE(w.load().has_value());
  std::atomic<bool> running{false};
  script().ops["begin"] = [&](const ccp_host*, const ccp_call* call, std::string_view) {
    running = true;
    while (call->is_cancelled(call) == 0) std::this_thread::yield();
    return CCP_RC_CANCELLED;
  };
  const auto provider = w.provider();
  Errc code = Errc::internal;
  std::thread caller([&] { code = provider->beginDevice({}, "c", "s").error().code; });
  eventually([&] { return running.load(); });
  const auto began = std::chrono::steady_clock::now();
  const auto change = w.host.swap("one", "operator");
  CHECK(std::chrono::steady_clock::now() - began < milliseconds(1500));  // not the two seconds of its deadline
  caller.join();
  REQUIRE(change.has_value());
  CHECK(change->drained);
  CHECK((code == Errc::plugin_unavailable));  // not `cancelled`: its caller is still there and gets an answer
  CHECK(script().destroyedAfter(1) == 1);
}

TEST_CASE("an instance whose calls never end is ended when they do, and nothing runs beside them") {
  const SystemClock clock;
  PluginWorld w(true, &clock, milliseconds(50));
  REQUIRE(w.load().has_value());
  const auto provider = w.provider();
  Gate gate;
  script().ops["begin"] = [&](const ccp_host* host, const ccp_call* call, std::string_view in) {
    if (script().generationOf(host) == 1) gate.pass();
    return tellGeneration()(host, call, in);
  };
  std::thread caller([&] { CHECK_FALSE(provider->beginDevice({}, "c", "s").has_value()); });
  gate.waitFor(1);
  script().seen.clear();
  const auto change = w.host.swap("one", "operator");
  REQUIRE(change.has_value());
  CHECK_FALSE(change->drained);
  CHECK(w.host.retired() == 1);
  CHECK(servedBy(w) == "2");
  caller.join();
  w.host.tend();
  CHECK(script().destroyed.load() == 0);
  CHECK(script().seen == std::vector<std::string>{"configure", "start", "health", "describe", "begin"});
  gate.open();
  eventually([&] {
    w.host.tend();
    return w.host.retired() == 0;
  });
  CHECK(script().destroyedAfter(1) == 1);
  CHECK(script().seen == std::vector<std::string>{"configure", "start", "health", "describe", "begin", "drain", "stop"});
}

TEST_CASE("an operator drains an instance and a swap brings it back") {
  PluginWorld w;
  script().ops["begin"] = tellGeneration();
  REQUIRE(w.load().has_value());
  const auto provider = w.provider();
  REQUIRE(w.host.drain("one", "operator").has_value());
  const auto refused = provider->beginDevice({}, "c", "s");
  REQUIRE_FALSE(refused.has_value());
  CHECK((refused.error().code == Errc::plugin_unavailable));
  CHECK(refused.error().detail.find("drained by operator") != std::string::npos);
  CHECK(w.host.list().at(0).state == "stopped");
  CHECK(w.host.list().at(0).detail == "drained by operator");
  CHECK(w.host.health("one")->strOr("status") == "failing");
  const auto found = w.host.identity().ofKind("device");
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().detail.find("drained by operator") != std::string::npos);
  REQUIRE(w.host.drain("one", "operator").has_value());
  REQUIRE(w.host.swap("one", "operator").has_value());
  CHECK(provider->beginDevice({}, "c", "s")->user_code == "2");
  CHECK(audit(w).at(1).action == "plugin.drain");
}

TEST_CASE("a guard is asked about every change before its code runs, and refuses all that was asked for together") {
  PluginWorld w;
  std::vector<std::string> asked;
  Status answer;
  w.host.guard([&](const Change& change, const std::vector<std::string>& provides, const std::string& actor) -> Status {
    asked.push_back(std::string(toString(change.kind)) + " " + change.wanted.name + " at " + toString(change.occasion) + " by " + actor + ": " +
                    change.before.strOr("version", "nothing") + " to " + change.after.strOr("version", "nothing") + ", " + std::to_string(provides.size()));
    return answer;
  });
  script().ops["begin"] = tellGeneration();
  REQUIRE(w.load().has_value());
  REQUIRE(w.host.swap("one", "operator").has_value());
  answer = fail(Errc::policy_denied, "not today");
  script().seen.clear();
  const auto swapped = w.host.swap("one", "operator");
  REQUIRE_FALSE(swapped.has_value());
  CHECK((swapped.error().code == Errc::policy_denied));
  CHECK(swapped.error().detail.find("Step \"policy\": not today") != std::string::npos);
  CHECK((w.host.drain("one", "operator").error().code == Errc::policy_denied));
  auto second = w.instance;
  second.name = "two";
  CHECK((w.host.apply({w.instance, second}, "config:watch").error().code == Errc::policy_denied));
  CHECK(script().seen.empty());  // no code ran
  CHECK(w.host.list().size() == 1);
  CHECK(servedBy(w) == "2");
  CHECK(asked == std::vector<std::string>{"load one at start by system: nothing to 1.0.0, 1", "swap one at request by operator: 1.0.0 to 1.0.0, 1",
                                          "swap one at request by operator: 1.0.0 to 1.0.0, 1", "drain one at request by operator: 1.0.0 to nothing, 0",
                                          "load two at reload by config:watch: nothing to 1.0.0, 1"});
  const auto rows = audit(w);
  REQUIRE(rows.size() == 5);
  CHECK(rows[3].action == "plugin.drain");
  CHECK(rows[3].after.strOr("step") == "policy");
  CHECK(rows[3].after.strOr("result") == "failed");
}

TEST_CASE("what does not exist cannot be changed, and nothing changes after the end") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  CHECK((w.host.swap("two", "operator").error().code == Errc::not_found));
  CHECK((w.host.drain("two", "operator").error().code == Errc::not_found));
  CHECK((w.host.remove("two", "operator").error().code == Errc::not_found));
  CHECK((w.host.health("two").error().code == Errc::not_found));
  CHECK((w.host.inspect("two").error().code == Errc::not_found));
  CHECK((w.host.add(w.instance, "operator").error().code == Errc::already_exists));
  w.host.stop();
  CHECK((w.host.swap("one", "operator").error().code == Errc::shutting_down));
}

TEST_CASE("a line-up is applied as a whole or not at all") {
  PluginWorld w;
  script().ops["begin"] = tellGeneration();
  REQUIRE(w.load().has_value());
  config::PluginInstance two = w.instance;
  two.name = "two";
  const auto names = [&] {
    std::vector<std::string> out;
    for (const auto& info : w.host.list()) out.push_back(info.name);
    return out;
  };

  auto changes = w.host.apply({two, w.instance}, "config");
  REQUIRE_MESSAGE(changes.has_value(), changes.error().detail);
  REQUIRE(changes->size() == 1);
  CHECK((changes->at(0).kind == Change::Kind::load));
  CHECK(names() == std::vector<std::string>{"two", "one"});  // in the order of the configuration
  CHECK(w.host.apply({two, w.instance}, "config")->empty());

  // A new one that cannot start: neither it nor the change beside it nor the removal is made.
  config::PluginInstance changed = w.instance;
  changed.egress.origins = {"https://other.example.com"};
  config::PluginInstance broken = w.instance;
  broken.name = "three";
  broken.plugin = "ccp.not-installed";
  const auto failed = w.host.apply({changed, broken}, "config");
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().detail.find("plugins[three]") != std::string::npos);
  CHECK(names() == std::vector<std::string>{"two", "one"});
  CHECK(w.host.inspect("one")->at("/egress/origins")->empty());
  CHECK(script().created.load() == 3);
  CHECK(script().destroyedAfter(1) == 1);

  // The hooks see what would serve, may refuse it, and run in order.
  ChangeHooks hooks;
  hooks.check = [](const Lineup& lineup) -> Status {
    CHECK(lineup.has("one", "ccp.identity/1"));
    CHECK_FALSE(lineup.has("two", "ccp.identity/1"));
    CHECK_FALSE(lineup.has("one", "ccp.billing/1"));
    return fail(Errc::config_invalid, "not today");
  };
  CHECK(w.host.apply({changed}, "config", hooks).error().detail == "not today");
  CHECK(names() == std::vector<std::string>{"two", "one"});
  bool two_served_when_published = false;
  hooks.check = {};
  hooks.record = [](db::Tx& tx) -> Status {
    tx.audit({"", "config", "config.reload", "ccp.yaml", {}, {}, ""});
    return {};
  };
  hooks.published = [&] { two_served_when_published = names() == std::vector<std::string>{"one"}; };
  changes = w.host.apply({changed}, "config", hooks);
  REQUIRE_MESSAGE(changes.has_value(), changes.error().detail);
  CHECK(changes->size() == 2);
  CHECK(two_served_when_published);
  CHECK(w.host.inspect("one")->at("/egress/origins")->size() == 1);
  CHECK(audit(w).back().action == "config.reload");
}

TEST_CASE("callers that hold a removed instance are told so") {
  PluginWorld w;
  script().ops["begin"] = tellGeneration();
  REQUIRE(w.load().has_value());
  const auto provider = w.provider();
  w.host.tend();
  CHECK(w.metrics.gauge("ccp_plugin_ready", "", {{"instance", "one"}}).value() == 1);
  REQUIRE(w.host.remove("one", "config").has_value());
  CHECK(w.metrics.gauge("ccp_plugin_ready", "", {{"instance", "one"}}).value() == 0);
  const auto refused = provider->beginDevice({}, "c", "s");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().detail.find("removed from the configuration") != std::string::npos);
  CHECK(w.host.list().empty());
}

TEST_CASE("an identity plugin is asked for its kind again after a swap") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  REQUIRE(w.host.identity().ofKind("device").has_value());
  script().ops["describe"] = [](const ccp_host*, const ccp_call* call, std::string_view) { return put(call->out, R"({"kind":"redirect"})"); };
  REQUIRE(w.host.identity().ofKind("device").has_value());  // known
  REQUIRE(w.host.swap("one", "operator").has_value());
  CHECK_FALSE(w.host.identity().ofKind("device").has_value());
  CHECK(w.host.identity().ofKind("redirect").has_value());
}

TEST_CASE("periodic work moves to the new instance and keeps its time") {
  PluginWorld w;
  static std::atomic<int> ticks{0};
  ticks = 0;
  script().ops["start"] = [&](const ccp_host* host, const ccp_call* call, std::string_view) {
    const auto* scheduler = static_cast<const ccp_scheduler_v1*>(host->service(host, CCP_SCHEDULER_ID));
    const ccp_op tick = [](ccp_instance*, const ccp_call* c, ccp_str) -> ccp_rc {
      ++ticks;
      return put(c->out, "{}");
    };
    put(call->out, "{}");
    return scheduler->every(scheduler, call, {"sync", 4}, 60000, tick);
  };
  REQUIRE(w.load().has_value());
  w.env().clock.advance(seconds(40));
  REQUIRE(w.host.swap("one", "operator").has_value());
  w.env().clock.advance(seconds(20));
  CHECK(w.host.runDueTicks() == 1);  // 60 seconds after the first instance began, and once
  CHECK(ticks.load() == 1);
  REQUIRE(w.host.drain("one", "operator").has_value());
  w.env().clock.advance(seconds(600));
  CHECK(w.host.runDueTicks() == 0);
}

TEST_CASE("what an operator sees of an instance") {
  PluginWorld w;
  script().ops["begin"] = tellGeneration();
  REQUIRE(w.load().has_value());
  CHECK(servedBy(w) == "1");
  w.host.tend();
  CHECK(w.metrics.gauge("ccp_plugin_ready", "", {{"instance", "one"}}).value() == 1);
  const auto seen = w.host.inspect("one");
  REQUIRE(seen.has_value());
  CHECK(seen->strOr("trust") == "linked");
  CHECK((*seen)["manifest"].strOr("id") == "ccp.test-scripted");
  CHECK((*seen)["manifest"]["permissions"]["secrets"].items().at(0).asString() != nullptr);
  bool counted = false;
  for (const auto& operation : (*seen)["operations"].items()) counted = counted || (operation.strOr("operation") == "begin" && operation.intOr("calls") == 1);
  CHECK(counted);
  CHECK(w.metrics.counter("ccp_plugin_calls_total", "", {{"instance", "one"}, {"operation", "begin"}}).value() == 1);
}
