// An instance in a process of its own, over the ends of that process.
#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include "core/base/file.hpp"
#include "core/plugin/instance.hpp"
#include "core/plugin/output_lines.hpp"
#include "core/plugin/process_runner.hpp"
#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

template <class F>
bool eventually(F&& condition, Duration patience = seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

std::shared_ptr<const SealedLibrary> puppetLibrary() {
  static const auto library = *SealedLibrary::inMemory(
      "test_puppet", *readFile(std::string(CCP_BINARY_DIR) + "/tests/plugins/test_puppet/test_puppet.so", std::size_t{256} << 20));
  return library;
}

/// The puppet as an instance, with a quick supervisor.
struct World {
  explicit World(const std::string& name = "puppet", RestartSettings restarts = quick(), std::function<void(Manifest&)> tune = {})
      : db(db::Dialect::sqlite), secrets("/nowhere", {{"CCP_SECRET_TEST_TOKEN", "s3cret"}}),
        context{db.db(), http, secrets, db.clock, db.random, db.metrics, true} {
    Manifest m = *parseManifest(*readFile(std::string(CCP_BINARY_DIR) + "/tests/plugins/test_puppet/plugin.json"));
    if (tune) tune(m);
    ProcessOptions options{std::string(CCP_BINARY_DIR) + "/bin/ccp-plugin-host", puppetLibrary(), restarts, [this](const Crash& crash) {
                             const std::lock_guard lock(mutex);
                             crashes.push_back(crash);
                           }};
    instance = std::make_unique<Instance>(context, InstanceGrants{name, m, {}}, processRunner(context, supervisor, options));
    status = instance->start({}, {});
  }
  ~World() { instance->stop(seconds(5)); }
  static RestartSettings quick() {
    RestartSettings out;
    out.first_delay = milliseconds(10);
    out.open = seconds(1);
    return out;
  }
  Result<Json> call(const Json& in) {
    auto place = instance->enter({});
    if (!place) return fail(std::move(place).error());
    return instance->call(*place, "ccp.identity/1", "begin", {}, in);
  }
  Result<Json> deed(const char* what, const char* text = "", int n = 0) { return call(Json::object({{"do", what}, {"text", text}, {"n", n}})); }
  std::string ask(const char* what, const char* text = "", int n = 0) {
    const auto answer = deed(what, text, n);
    return answer ? answer->strOr("value") : answer.error().name() + (": " + answer.error().detail);
  }
  bool serves() {
    return eventually([this] { return ask("echo", "x") == "x"; });
  }
  int restarts() { return static_cast<int>(instance->info().process.intOr("restarts")); }
  std::vector<Crash> seen() {
    const std::lock_guard lock(mutex);
    return crashes;
  }

  test::TempDb db;
  test::ScriptedHttp http;
  config::SecretStore secrets;
  HostContext context;
  Supervisor supervisor;
  std::mutex mutex;
  std::vector<Crash> crashes;
  std::unique_ptr<Instance> instance;
  Status status;
};

}  // namespace

TEST_CASE("a process that crashes is back with its configuration, its metrics and its ticks; its call is lost") {
  World w;
  REQUIRE_MESSAGE(w.status.has_value(), w.status.error().detail);
  CHECK(w.ask("metric") == "counted");
  for (int round = 1; round <= 3; ++round) {
    const auto lost = w.deed("segv");
    REQUIRE_FALSE(lost.has_value());
    CHECK((lost.error().code == Errc::plugin_unavailable));
    CHECK_MESSAGE(lost.error().detail.find("signal 11 (SIGSEGV)") != std::string::npos, lost.error().detail);
    CHECK(w.serves());
    CHECK(w.restarts() == round);
    CHECK(w.ask("metric") == "counted");
    CHECK(w.instance->ticks().size() == 1);
  }
  const std::string metrics = w.db.metrics.text();
  CHECK(metrics.find("ccp_plugin_restarts_total{instance=\"puppet\"} 3") != std::string::npos);
  CHECK(metrics.find("ccp_plugin_crashes_total{instance=\"puppet\"} 3") != std::string::npos);
  CHECK(metrics.find("ccp_plugin_deeds{instance=\"puppet\",plugin=\"ccp.test-puppet\"} 12") != std::string::npos);
  CHECK(w.seen().size() == 3);
  CHECK(w.seen()[0].reason == "signal 11 (SIGSEGV)");
}

TEST_CASE("a process that is killed while nothing runs is back too") {
  World w;
  REQUIRE(w.status.has_value());
  const auto pid = static_cast<pid_t>(std::stol(w.ask("pid")));
  ::kill(pid, SIGKILL);
  REQUIRE(eventually([&] { return w.restarts() == 1; }));
  CHECK(w.serves());
  CHECK(w.ask("pid") != std::to_string(pid));
}

TEST_CASE("while it is started again, calls are refused with the reason and a time") {
  RestartSettings slow = World::quick();
  slow.first_delay = seconds(20);
  World w("puppet", slow);
  REQUIRE(w.status.has_value());
  CHECK_FALSE(w.deed("abort").has_value());
  REQUIRE(eventually([&] { return !w.seen().empty(); }));
  const auto refused = w.deed("echo", "x");
  REQUIRE_FALSE(refused.has_value());
  CHECK((refused.error().code == Errc::plugin_unavailable));
  CHECK(refused.error().detail.find("signal 6 (SIGABRT)") != std::string::npos);
  CHECK(refused.error().retry_after_s >= 10);
  const Json trouble = w.instance->info().trouble;
  CHECK(trouble.strOr("state") == "restarting");
}

TEST_CASE("a process that ends again and again opens the breaker, which lets it try later") {
  World w;
  REQUIRE(w.status.has_value());
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(eventually([&] { return w.instance->info().trouble.isNull(); }));
    CHECK_FALSE(w.deed("segv").has_value());
    REQUIRE(eventually([&] { return static_cast<int>(w.seen().size()) == i; }));
  }
  CHECK(w.seen().back().broken);
  CHECK(w.instance->info().trouble.strOr("state") == "broken");
  CHECK(w.instance->info().process.strOr("breaker") == "open");
  // One second later (sixty in a server) it is tried once, and half-open until it has lived as long.
  REQUIRE(w.serves());
  CHECK(w.instance->info().process.strOr("breaker") == "half_open");
  CHECK(eventually([&] { return w.instance->info().process.strOr("breaker") == "closed"; }));
}

TEST_CASE("limits of the manifest are kept from outside: memory, threads, time") {
  struct Case {
    const char* deed;
    int n;
    int timeout_ms;
    const char* reason;
  };
  const Case cases[] = {{"leak_memory", 3000, 20'000, "of memory"}, {"threads", 200, 5'000, "threads"}, {"hang", 0, 500, "overran its deadline"}};
  for (const auto& c : cases) {
    CAPTURE(std::string(c.deed));
    World w("puppet", World::quick(), [&c](Manifest& m) { m.op_timeout = milliseconds(c.timeout_ms); });
    REQUIRE(w.status.has_value());
    w.deed(c.deed, "", c.n);
    if (w.seen().empty()) w.deed("sleep", "", 2000);  // the supervisor looks four times a second
    REQUIRE(eventually([&] { return !w.seen().empty(); }));
    CHECK_MESSAGE(w.seen()[0].reason.find(c.reason) != std::string::npos, w.seen()[0].reason);
    CHECK(w.serves());
  }
}

TEST_CASE("a process that breaks the protocol is counted and started again") {
  World w;
  REQUIRE(w.status.has_value());
  CHECK_FALSE(w.deed("violate", "garbage").has_value());
  CHECK(w.serves());
  CHECK(w.db.metrics.text().find("ccp_plugin_protocol_violations_total{instance=\"puppet\"} 1") != std::string::npos);
  CHECK(w.seen()[0].reason.find("it broke the protocol") == 0);
}

TEST_CASE("an end in any phase of the start is a start that failed, and leaves no process") {
  for (const char* phase : {"create", "configure", "start"}) {
    for (const char* how : {"segv-in-", "exit-in-", "throw-in-"}) {
      CAPTURE(phase);
      CAPTURE(how);
      World w(std::string(how) + phase);
      CHECK_FALSE(w.status.has_value());
      CHECK(w.seen().empty());
      CHECK(w.instance->info().process["pid"].isNull());
    }
  }
  World hangs("hang-in-start", World::quick(), [](Manifest& m) { m.op_timeout = milliseconds(500); });
  REQUIRE_FALSE(hangs.status.has_value());
  CHECK((hangs.status.error().code == Errc::deadline_exceeded));
}

TEST_CASE("an end while it is stopped is an end") {
  for (const char* name : {"segv-in-drain", "segv-in-stop", "segv-in-destroy", "segv-at-exit", "hang-in-drain"}) {
    CAPTURE(name);
    World w(name, World::quick(), [](Manifest& m) { m.op_timeout = milliseconds(500); });
    REQUIRE(w.status.has_value());
    CHECK(w.instance->stop(seconds(5)));
    CHECK((w.instance->info().state == InstanceState::stopped));
    CHECK(w.seen().empty());
    CHECK(w.instance->info().process["pid"].isNull());
  }
}

TEST_CASE("stopping cancels calls, then kills the process that does not heed it") {
  for (const char* deed : {"wait_for_cancel", "hang"}) {
    CAPTURE(deed);
    World w("puppet", World::quick(), [](Manifest& m) { m.op_timeout = seconds(60); });
    REQUIRE(w.status.has_value());
    std::thread caller([&] { CHECK_FALSE(w.deed(deed).has_value()); });
    REQUIRE(eventually([&] { return w.instance->info().in_flight == 1; }));
    std::this_thread::sleep_for(milliseconds(50));
    const auto began = std::chrono::steady_clock::now();
    CHECK(w.instance->stop(milliseconds(50)));
    CHECK(std::chrono::steady_clock::now() - began < seconds(5));
    caller.join();
    CHECK(w.seen().empty());
  }
}

TEST_CASE("host services answer a plugin in its process as they do one in ours") {
  World w;
  REQUIRE(w.status.has_value());
  CHECK(w.ask("kv_put", "stored") == "1");
  CHECK(w.ask("kv_get") == "stored");
  CHECK(w.ask("secret", "test/token") == "s3cret");
  CHECK(w.ask("secret", "other/token").find("provider_error") == 0);  // PERMISSION_DENIED
  CHECK(w.ask("http", "payload") == "body");
  CHECK(w.http.asked.at(0).request.body == "payload");
  CHECK(w.ask("sha256", "x") == "32");
  CHECK(w.ask("hmac", "x") == "32");
  CHECK(w.ask("random") == "32");
  CHECK(w.ask("verify", "x").find("provider_error") == 0);  // UNAUTHENTICATED
  CHECK(w.ask("event") == "appended");
}

TEST_CASE("a tick reaches the process by its name; its log lines come from it") {
  World w;
  REQUIRE(w.status.has_value());
  REQUIRE(w.instance->ticks().size() == 1);
  CHECK(w.instance->ticks()[0].name == "beat");
  CHECK(w.instance->tick("beat").has_value());
  CHECK_FALSE(w.instance->tick("no such tick").has_value());
}

TEST_CASE("what a process writes is logged by lines, at a bounded rate") {
  std::mutex mutex;
  std::vector<std::string> lines;
  log::setLevel(log::Level::info);
  log::setSink([&](std::string_view line) {
    const std::lock_guard lock(mutex);
    if (line.find("plugin_output") != std::string_view::npos) lines.emplace_back(line);
  });
  {
    World w;
    log::setLevel(log::Level::info);
    REQUIRE(w.status.has_value());
    CHECK(w.ask("stderr", "", 500) == "written");
    CHECK(w.serves());
  }
  log::setSink({});
  log::setLevel(log::Level::error);
  const std::lock_guard lock(mutex);
  CHECK(lines.size() >= 10);
  CHECK(lines.size() <= 2 * OutputLines::kLinesPerSecond + 10);
  CHECK(lines[0].find("0 eeee") != std::string::npos);
}

TEST_CASE("lines of output are cut, joined over reads, and dropped beyond the rate") {
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  std::vector<std::string> lines;
  OutputLines out([&](std::string_view line) { lines.emplace_back(line); });
  const auto now = std::chrono::steady_clock::now();
  const auto feed = [&](const std::string& text) {
    REQUIRE(::write(fds[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(fds[1]);
    CHECK_FALSE(out.read(fds[0], now));
    ::close(fds[0]);
    REQUIRE(::pipe(fds) == 0);
  };
  feed("one\ntw");
  feed("o\n\n" + std::string(3000, 'x') + "\nlast");
  out.flush();
  REQUIRE(lines.size() == 4);
  CHECK(lines[1] == "two");
  CHECK(lines[2] == std::string(OutputLines::kLineBytes, 'x'));
  CHECK(lines[3] == "last");
  std::string many;
  for (int i = 0; i < 200; ++i) many += "line\n";
  feed(many);
  CHECK(lines.size() == static_cast<std::size_t>(OutputLines::kLinesPerSecond));
  CHECK(out.takeDropped() == 204 - OutputLines::kLinesPerSecond);
  CHECK(out.takeDropped() == 0);
  ::close(fds[0]);
  ::close(fds[1]);
}
