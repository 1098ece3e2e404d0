// PluginHost: loads the configured plugin instances, keeps them, and hands out the typed facades.
// core/app owns one; it outlives every feature that holds a facade. load() and stop() belong to the
// starting thread; everything else is thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ccp/abi/plugin.h"
#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"
#include "core/net/http_client.hpp"
#include "core/plugin/facades/billing_provider.hpp"
#include "core/plugin/facades/exporter.hpp"
#include "core/plugin/facades/identity_provider.hpp"
#include "core/package/trust/verify.hpp"

namespace ccp::plugin {

struct PluginHostSettings {
  std::string plugin_dir;  ///< one folder per plugin: billing_polar for ccp.billing-polar
  std::string state_dir;   ///< <state>/plugins/<sha256>/ when a library cannot run from memory
  bool dev = false;
  /// Who may sign; empty: the vendor key of this build.
  std::optional<TrustStore> trust;
  /// How long stop() waits for calls that are running.
  Duration drain_timeout = seconds(10);

  static PluginHostSettings from(const config::Settings& settings);
};

/// One instance, for `ccp plugin list` and the operator API.
struct PluginInfo {
  std::string name;
  std::string plugin;
  std::string version;
  std::string state;   ///< created, configured, ready, degraded, draining, stopped, failed
  std::string detail;  ///< why it is not ready; empty otherwise
  std::vector<std::string> provides;
  int in_flight = 0;
  int abandoned = 0;
  Json json() const;
};

class PluginHost {
 public:
  PluginHost(db::Db& db, net::HttpClient& http, const config::SecretStore& secrets, const Clock& clock, Random& random,
             Metrics& metrics, PluginHostSettings settings);
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  /// Verifies, loads, configures and starts every instance, in this order; the first that fails stops
  /// it. `plugin_refused`, `config_invalid`, `secret_missing`, `plugin_failed`; the detail names the
  /// instance, the file, what was found and what is needed.
  Status load(const std::vector<config::PluginInstance>& instances);
  /// The same for a plugin that is linked into this program, without files and signatures; for tests.
  Status loadLinked(const config::PluginInstance& instance, const ccp_plugin* plugin, const Json& manifest, const Json& config_schema);

  std::vector<PluginInfo> list() const;
  /// Asks every instance; [{"name","plugin","version","state","status":"ok|degraded|failing","detail"}].
  Json health();
  /// Drains and stops every instance, then the threads. Idempotent.
  void stop();

  BillingProviders& billing();
  IdentityProviders& identity();
  Exporters& exporters();

  /// Runs scheduled plugin work that is due now and waits for it; for tests that own the clock.
  int runDueTicks();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::plugin
