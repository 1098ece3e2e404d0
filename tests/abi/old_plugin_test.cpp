// A plugin of the past on this host: built from the frozen headers of 1.0, loaded like any other.
#include <doctest/doctest.h>

#include <string>

#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;

TEST_CASE("a plugin that was built from the headers of 1.0 runs on this host") {
  test::TempDir dir;
  test::TempDb db(db::Dialect::sqlite, {&plugin::kMigrations});
  test::ScriptedHttp http;
  SystemClock clock;
  config::SecretStore secrets("/nowhere", {});
  plugin::PluginHostSettings settings;
  settings.plugin_dir = std::string(CCP_BINARY_DIR) + "/tests/plugins";
  settings.state_dir = dir.path();
  settings.dev = true;
  plugin::PluginHost host(db.db(), http, secrets, clock, db.random, db.metrics, settings);
  config::PluginInstance instance;
  instance.name = "old";
  instance.plugin = "ccp.test-frozen-1-0";
  const Status loaded = host.load({instance});
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().detail);
  CHECK(host.health().items().at(0).strOr("status") == "ok");
  const auto exporter = host.exporters().exporter("old").value();
  CHECK(exporter->open({}, "events", 0).has_value());
  for (std::int64_t sequence = 7; sequence < 10; ++sequence) {
    const auto progress = exporter->writeBatch({}, "events", {{sequence, "evt_1", "thing.happened", clock.now(), "org_a", "thing_1", Json::object()}});
    REQUIRE_MESSAGE(progress.has_value(), progress.error().detail);
    CHECK(progress->last_sequence == sequence);
  }
  CHECK(exporter->flush({}, "events").has_value());
  CHECK(exporter->close({}, "events").has_value());
  host.stop();
  CHECK(host.list().at(0).state == "stopped");
}
