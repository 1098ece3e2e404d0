// A fleet of hostile plugins: for each deed, what it comes to in ccpd and in a process of its own, and that
// the next call to another plugin succeeds.
//
// The contract in process: a plugin there is trusted code, the signature is its boundary. What the host can
// outlive, it outlives (exceptions, hanging calls, floods of output, wrong answers); what ends a process or
// eats it up (a wild pointer, exit(), leaks) ends ccpd. Such deeds have no row for that mode.
#include <doctest/doctest.h>

#include <sqlite3.h>

#include <optional>

#include "core/base/file.hpp"
#include "core/package/loader.hpp"
#include "core/plugin/inproc_runner.hpp"
#include "core/plugin/instance.hpp"
#include "core/plugin/process_runner.hpp"
#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

const std::string kFixtures = std::string(CCP_BINARY_DIR) + "/tests/plugins";

/// What a call comes to: the value of the answer, or the name of the error.
constexpr const char* kEndsCcpd = nullptr;

struct Deed {
  const char* deed;
  const char* text;
  int n;
  const char* inproc;   ///< beginning of the answer or of the error; kEndsCcpd: not for this mode
  const char* process;
};

const Deed kDeeds[] = {
    {"throw", "", 0, "plugin_failed", "plugin_failed: Plugin instance \"hostile\", begin: an exception crossed the plugin boundary"},
    {"segv", "", 0, kEndsCcpd, "plugin_unavailable: Plugin instance \"hostile\" was lost while it ran begin (its process ended: signal 11 (SIGSEGV))"},
    {"abort", "", 0, kEndsCcpd, "plugin_unavailable"},
    {"exit", "", 0, kEndsCcpd, "plugin_unavailable: Plugin instance \"hostile\" was lost while it ran begin (its process ended: exit status 0)"},
    {"sleep", "", 2200, "deadline_exceeded: Plugin instance \"hostile\" did not finish begin in time and was taken out of service",
     "deadline_exceeded: Plugin instance \"hostile\" did not finish begin in time; its process was ended"},
    {"spin", "", 0, kEndsCcpd, "deadline_exceeded"},  // in process a core is lost for ever, and the instance with it
    {"leak_fds", "", 0, kEndsCcpd, "1"},              // a hundred and some, not a hundred thousand
    {"leak_memory", "", 2000, kEndsCcpd, "plugin_unavailable|overloaded|deadline_exceeded"},  // killed, refused more, or too slow at it
    {"threads", "", 4, "4", "4"},
    {"gigabyte", "", 0, "overloaded", "overloaded"},
    {"bad_json", "", 0, "plugin_failed: Plugin instance \"hostile\" answered begin with something that is no JSON", "plugin_failed"},
    {"bad_json", "{} {}", 0, "plugin_failed", "plugin_failed"},
    {"fail", "", 99, "plugin_failed|provider_error", "plugin_failed|provider_error"},
    {"tls", "", 0, "101", "101"},
    {"symbol", "", 0, "the puppet's", "the puppet's"},
    {"stderr", "", 800, kEndsCcpd, "written"},
    {"log", "", 5000, "logged", "logged"},
    {"attempt", "socket", 0, kEndsCcpd, "1"},  // EPERM
    {"attempt", "fork", 0, kEndsCcpd, "1"},
    {"attempt", "exec", 0, kEndsCcpd, "1"},
    {"violate", "garbage", 0, kEndsCcpd, "plugin_unavailable"},
    {"violate", "close_socket", 0, kEndsCcpd, "plugin_unavailable|deadline_exceeded"},
    {"not_reading", "", 0, kEndsCcpd, "deadline_exceeded"},
};

bool beginsWithOneOf(const std::string& text, std::string_view choices) {
  for (;;) {
    const auto bar = choices.find('|');
    if (text.starts_with(choices.substr(0, bar))) return true;
    if (bar == std::string_view::npos) return false;
    choices.remove_prefix(bar + 1);
  }
}

/// The hostile instance in one mode, and a bystander in ccpd.
struct Fleet {
  Fleet() : db(db::Dialect::sqlite), secrets("/nowhere", {}), context{db.db(), http, secrets, db.clock, db.random, db.metrics, true}, pool(32) {
    bystander = std::make_unique<Instance>(context, InstanceGrants{"bystander", manifest("test_hello"), {}}, inproc("test_hello"));
    REQUIRE(bystander->start({}, {}).has_value());
  }
  ~Fleet() {
    for (auto* instance : {&hostile, &bystander}) {
      if (*instance && !(*instance)->stop(seconds(5))) static_cast<void>(instance->release());  // threads may still be in it
    }
  }
  static Manifest manifest(const std::string& name) {
    Manifest m = *parseManifest(*readFile(kFixtures + "/" + name + "/plugin.json"));
    m.op_timeout = milliseconds(1500);
    return m;
  }
  RunnerFactory inproc(const std::string& name) {
    Package package;
    package.manifest = manifest(name);
    package.library = *readFile(kFixtures + "/" + name + "/" + name + ".so", std::size_t{256} << 20);
    return inprocRunner(db.clock, pool, *loadLibrary(package, dir.path()));
  }
  RunnerFactory process(const std::string& name) {
    RestartSettings restarts;
    restarts.first_delay = milliseconds(10);
    return processRunner(context, supervisor,
                         {std::string(CCP_BINARY_DIR) + "/bin/ccp-plugin-host",
                          *SealedLibrary::inMemory(name, *readFile(kFixtures + "/" + name + "/" + name + ".so", std::size_t{256} << 20)), restarts, {}});
  }
  std::string ask(Instance& instance, const char* interface_id, const char* operation, const Json& in) {
    const auto place = instance.enter({});
    if (!place) return std::string(place.error().name()) + ": " + place.error().detail;
    const auto answer = instance.call(*place, interface_id, operation, {}, in);
    if (!answer) return std::string(answer.error().name()) + ": " + answer.error().detail;
    return answer->strOr("value", "answered");
  }
  std::string ask(const Deed& d) {
    return ask(*hostile, "ccp.identity/1", "begin", Json::object({{"do", d.deed}, {"text", d.text}, {"n", d.n}}));
  }
  std::string askBystander() { return ask(*bystander, "ccp.exporter/1", "flush", Json::object({{"stream", "events"}})); }

  test::TempDir dir;
  test::TempDb db;
  test::ScriptedHttp http;
  config::SecretStore secrets;
  HostContext context;
  WorkerPool pool;
  Supervisor supervisor;
  std::unique_ptr<Instance> bystander, hostile;
};

template <class F>
bool eventually(F&& condition) {
  const auto end = std::chrono::steady_clock::now() + seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

}  // namespace

TEST_CASE("hostile deeds in ccpd cost their call") {
  for (const Deed& d : kDeeds) {
    if (d.inproc == kEndsCcpd) continue;
    CAPTURE(std::string(d.deed));
    Fleet f;
    f.hostile = std::make_unique<Instance>(f.context, InstanceGrants{"hostile", Fleet::manifest("test_puppet"), {}}, f.inproc("test_puppet"));
    REQUIRE(f.hostile->start({}, {}).has_value());
    const std::string came_to = f.ask(d);
    CHECK_MESSAGE(beginsWithOneOf(came_to, d.inproc), came_to);
    CHECK(f.askBystander() == "answered");
    // Out of service at most until the call has returned.
    CHECK(eventually([&] { return f.ask({"echo", "again", 0, "", ""}) == "again"; }));
  }
  CHECK(std::string(::sqlite3_libversion()) == SQLITE_VERSION);
}

TEST_CASE("hostile deeds in a process of its own cost their call, and at most their process") {
  for (const Deed& d : kDeeds) {
    CAPTURE(std::string(d.deed));
    CAPTURE(std::string(d.text));
    Fleet f;
    f.hostile = std::make_unique<Instance>(f.context, InstanceGrants{"hostile", Fleet::manifest("test_puppet"), {}}, f.process("test_puppet"));
    REQUIRE(f.hostile->start({}, {}).has_value());
    const std::string came_to = f.ask(d);
    CHECK_MESSAGE(beginsWithOneOf(came_to, d.process), came_to);
    CHECK(f.askBystander() == "answered");
    CHECK(eventually([&] { return f.ask({"echo", "again", 0, "", ""}) == "again"; }));
  }
}

TEST_CASE("deeds of the life cycle fail the start, in both modes, and the other plugin goes on") {
  for (const char* how : {"throw-in-create", "throw-in-configure", "throw-in-start", "no-instance", "segv-in-create", "exit-in-configure", "segv-in-start"}) {
    for (const bool process : {false, true}) {
      const std::string name = how;
      if (!process && (name.starts_with("segv") || name.starts_with("exit"))) continue;  // ends ccpd
      CAPTURE(how);
      CAPTURE(process);
      Fleet f;
      f.hostile = std::make_unique<Instance>(f.context, InstanceGrants{name, Fleet::manifest("test_puppet"), {}},
                                             process ? f.process("test_puppet") : f.inproc("test_puppet"));
      const Status status = f.hostile->start({}, {});
      REQUIRE_FALSE(status.has_value());
      CHECK_MESSAGE((status.error().code == Errc::plugin_failed || status.error().code == Errc::plugin_unavailable), status.error().text());
      CHECK(f.askBystander() == "answered");
    }
  }
}

TEST_CASE("libraries that are no good plugin are refused before ccpd is bound to them, in both modes") {
  struct Case {
    const char* plugin;
    const char* found;
  };
  const Case cases[] = {{"abi", "plugin ABI 2"},          {"magic", "magic number is wrong"},  {"half", "without the operation describe"},
                        {"life", "lifecycle function"},   {"liar", "calls itself ccp.billing-polar"}, {"absent", "does not provide it"},
                        {"constructor", "SIGSEGV"},       {"slow", "constructors do not come to an end"}};
  test::TempDir dir;
  test::TempDb db(db::Dialect::sqlite, {&kMigrations});
  test::ScriptedHttp http;
  config::SecretStore secrets("/nowhere", {});
  SystemClock clock;
  PluginHostSettings settings;
  settings.plugin_dir = kFixtures;
  settings.state_dir = dir.path();
  settings.dev = true;
  PluginHost host(db.db(), http, secrets, clock, db.random, db.metrics, settings);
  REQUIRE(host.load({{"bystander", "ccp.test-hello", "", Json(), {}}}).has_value());
  const std::size_t loaded = loadedLibraries();
  for (const auto& c : cases) {
    for (const char* isolation : {"inproc", "process"}) {
      CAPTURE(c.plugin);
      CAPTURE(isolation);
      const auto added = host.add({"hostile", std::string("ccp.test-broken-") + c.plugin, isolation, Json(), {}}, "test");
      REQUIRE_FALSE(added.has_value());
      CHECK((added.error().code == Errc::plugin_refused));
      CHECK_MESSAGE(added.error().detail.find(c.found) != std::string::npos, added.error().detail);
      CHECK(host.list().size() == 1);
      CHECK((*host.exporters().exporter("bystander"))->flush({}, "events").has_value());
    }
  }
  CHECK(loadedLibraries() == loaded);
}
