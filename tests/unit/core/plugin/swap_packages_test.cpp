// Swaps between packages on disk, in this process and in one of their own: what a new plugin does wrong
// costs the swap and nothing else.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/plugin/pipeline.hpp"
#include "core/plugin/plugin_host.hpp"
#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::plugin;
namespace fs = std::filesystem;

namespace {

class Network final : public net::HttpClient {
 public:
  Result<net::HttpResponse> send(const net::HttpRequest&, const net::HttpOptions&) override { return net::HttpResponse{204, {}, {}}; }
};

/// One instance of the ledger plugin, from a folder of the test's own.
struct World {
  World(const std::string& name, const std::string& isolation)
      : wanted{name, "ccp.test-ledger", isolation, Json(), {}}, host(db.db(), network, secrets, clock, db.random, db.metrics, settings()) {
    const Status loaded = host.load({wanted});
    REQUIRE_MESSAGE(loaded.has_value(), loaded.error().detail);
  }
  PluginHostSettings settings() {
    for (const char* folder : {"test_ledger", "test_puppet", "test_hello"}) {
      fs::copy(std::string(CCP_BINARY_DIR "/tests/plugins/") + folder, dir.path() + "/" + folder, fs::copy_options::recursive);
    }
    PluginHostSettings out;
    out.plugin_dir = dir.path();
    out.state_dir = dir.path();
    out.dev = true;
    return out;
  }
  bool serves() {
    const auto provider = host.identity().ofKind("device");
    return provider && (*provider)->beginDevice({}, "1", "s").has_value();
  }
  test::TempDir dir;
  test::TempDb db{db::Dialect::sqlite, {&plugin::kMigrations}};
  Network network;
  config::SecretStore secrets{"/nowhere", {}};
  SystemClock clock;
  config::PluginInstance wanted;
  PluginHost host;
};

}  // namespace

TEST_CASE("an instance moves into a process of its own and back under the same name") {
  World w("mover", "inproc");
  for (const char* isolation : {"process", "inproc", "process"}) {
    w.wanted.isolation = isolation;
    const auto change = w.host.swap(w.wanted, "operator");
    REQUIRE_MESSAGE(change.has_value(), change.error().detail);
    CHECK(change->after.strOr("isolation") == isolation);
    CHECK(w.host.list().at(0).isolation == isolation);
    CHECK(w.host.list().at(0).process.isNull() == (std::string(isolation) == "inproc"));
    CHECK(w.serves());
  }
}

TEST_CASE("a new plugin that dies, hangs or throws while it is brought up costs the swap only") {
  std::string isolation;
  SUBCASE("the old one in process") { isolation = "inproc"; }
  SUBCASE("the old one in a process of its own") { isolation = "process"; }
  struct Case {
    const char* name;  ///< what the puppet does, which goes by its instance's name
    const char* step;
  };
  for (const auto& c : {Case{"segv-in-create", "create"}, Case{"exit-in-configure", "configure"}, Case{"segv-in-start", "start"},
                        Case{"hang-in-start", "start"}, Case{"segv-in-health", "health"}}) {
    CAPTURE(c.name);
    World w(c.name, isolation);
    config::PluginInstance puppet = w.wanted;
    puppet.plugin = "ccp.test-puppet";
    puppet.isolation = "process";
    const auto change = w.host.swap(puppet, "operator");
    REQUIRE_FALSE(change.has_value());
    CHECK_MESSAGE(change.error().detail.find(std::string("Step \"") + c.step + "\"") != std::string::npos, change.error().detail);
    CHECK(change.error().detail.find("ccp.test-ledger 1.0.0 goes on as before") != std::string::npos);
    CHECK(w.serves());
    CHECK(w.host.retired() == 0);
    CHECK(w.host.swap(c.name, "operator").has_value());  // the settings are still those of the old one
    CHECK(w.serves());
  }
}

TEST_CASE("a package that was changed or taken away is found when it is swapped, not before") {
  World w("ledger", "process");
  std::ofstream(w.dir.path() + "/test_ledger/test_ledger.so", std::ios::app) << "x";
  auto change = w.host.swap("ledger", "operator");
  REQUIRE_FALSE(change.has_value());
  CHECK((change.error().code == Errc::plugin_refused));
  CHECK(change.error().detail.find("Step \"package\"") != std::string::npos);
  CHECK(change.error().detail.find("The file was changed after signing") != std::string::npos);
  CHECK(w.serves());
  fs::remove_all(w.dir.path() + "/test_ledger");
  CHECK_FALSE(w.host.swap("ledger", "operator").has_value());
  CHECK(w.serves());
}

TEST_CASE("a configuration that the new plugin does not take costs the swap only") {
  World w("ledger", "inproc");
  w.wanted.config = *parseJson(R"({"a":1})");
  const auto change = w.host.swap(w.wanted, "operator");
  REQUIRE_FALSE(change.has_value());
  CHECK_MESSAGE(change.error().detail.find("Step \"configuration\"") != std::string::npos, change.error().detail);
  CHECK(w.serves());
}

TEST_CASE("a process that ends is told to operators until it is back") {
  World w("ledger", "process");
  const auto pid = w.host.list().at(0).process.intOr("pid");
  REQUIRE(pid > 0);
  REQUIRE(::kill(static_cast<pid_t>(pid), SIGKILL) == 0);
  bool seen = false, back = false;
  for (int i = 0; i < 1000 && !back; ++i) {
    const auto info = w.host.list().at(0);
    seen = seen || info.state == "restarting";
    back = seen && info.state == "ready" && w.serves();
    std::this_thread::sleep_for(milliseconds(5));
  }
  CHECK(seen);
  CHECK(back);
  CHECK(w.host.list().at(0).process.intOr("restarts") == 1);
  CHECK(w.host.swap("ledger", "operator").has_value());
  CHECK(w.host.list().at(0).process.intOr("restarts") == 0);
}
