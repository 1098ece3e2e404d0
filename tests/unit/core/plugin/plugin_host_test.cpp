// Real libraries from a signed package, through the host and its facades.
#include <doctest/doctest.h>

#include "core/plugin/pipeline.hpp"
#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

struct Loaded {
  explicit Loaded(const std::vector<config::PluginInstance>& instances)
      : db(db::Dialect::sqlite, {&kMigrations}), secrets("/nowhere", {}), host(db.db(), http, secrets, clock, db.random, db.metrics, settings()) {
    status = host.load(instances);
  }
  PluginHostSettings settings() {
    PluginHostSettings out;
    out.plugin_dir = std::string(CCP_BINARY_DIR) + "/tests/plugins";
    out.state_dir = dir.path();
    out.dev = true;
    return out;
  }
  test::TempDir dir;
  test::TempDb db;
  test::ScriptedHttp http;
  SystemClock clock;
  config::SecretStore secrets;
  PluginHost host;
  Status status;
};

config::PluginInstance instance(const char* name, const char* plugin) { return {name, plugin, "", Json(), {}}; }

}  // namespace

TEST_CASE("a plugin that throws from every operation costs an error and nothing else") {
  Loaded w({instance("thrower", "ccp.test-throwing")});
  REQUIRE_MESSAGE(w.status.has_value(), w.status.error().detail);
  auto provider = w.host.billing().find("thrower").value();
  const std::pair<const char*, Errc> ways[] = {{"error", Errc::provider_error},
                                               {"json", Errc::plugin_failed},
                                               {"bad_alloc", Errc::overloaded},
                                               {"std", Errc::plugin_failed},
                                               {"int", Errc::plugin_failed}};
  for (const auto& [bound_how, code] : ways) {
    const auto& how = bound_how;  // clang 14 cannot capture a structured binding
    CAPTURE(how);
    const auto answer = provider->fetchEvent({}, Json::object({{"how", how}}));
    REQUIRE_FALSE(answer.has_value());
    CHECK((answer.error().code == code));
  }
  const auto limited = provider->fetchEvent({}, Json::object({{"how", "error"}}));
  CHECK(limited.error().retry_after_s == 2);
  CHECK(limited.error().detail.find("E42") != std::string::npos);
  CHECK(w.host.health().items().at(0).strOr("status") == "failing");  // health throws an int
  w.host.stop();  // drain and stop throw
  CHECK(w.host.list().at(0).state == "stopped");
}

TEST_CASE("a constructor that throws and a configuration that throws refuse the instance") {
  Loaded created({instance("throws-from-create", "ccp.test-throwing")});
  REQUIRE_FALSE(created.status.has_value());
  CHECK(created.status.error().code == Errc::plugin_failed);
  CHECK(created.host.list().empty());
}

TEST_CASE("two instances of one library, and what is not installed") {
  Loaded w({instance("a", "ccp.test-throwing"), instance("b", "ccp.test-throwing"), instance("c", "ccp.test-hello")});
  REQUIRE_MESSAGE(w.status.has_value(), w.status.error().detail);
  CHECK(w.host.billing().instances() == std::vector<std::string>{"a", "b"});
  const auto none = w.host.billing().find("polar");
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code == Errc::not_found);
  CHECK(none.error().detail.find("a, b") != std::string::npos);
  CHECK(w.host.billing().find("c").error().code == Errc::not_found);
  CHECK(w.host.identity().ofKind("device").error().code == Errc::plugin_unavailable);

  const Status missing = w.host.load({instance("d", "ccp.not-installed")});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == Errc::plugin_refused);
  CHECK_MESSAGE(missing.error().detail.find("not_installed") != std::string::npos, missing.error().detail);
}

TEST_CASE("a plugin in plain C is a plugin like any other") {
  Loaded w({instance("hello", "ccp.test-hello")});
  REQUIRE_MESSAGE(w.status.has_value(), w.status.error().detail);
  const auto list = w.host.list();
  CHECK(list.at(0).provides == std::vector<std::string>{"ccp.exporter/1"});
  CHECK(w.host.health().items().at(0).strOr("status") == "ok");
}
