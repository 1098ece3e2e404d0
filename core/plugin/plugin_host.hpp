// PluginHost: loads the configured plugin instances, changes them while they serve, and hands out the typed
// facades. core/app owns one; it outlives every feature that holds a facade. load() and stop() belong to
// the starting thread; everything else is thread-safe.
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
#include "core/plugin/change.hpp"

namespace ccp::plugin {

struct PluginHostSettings {
  std::string plugin_dir;  ///< one folder per plugin: billing_polar for ccp.billing-polar
  std::string state_dir;   ///< <state>/plugins/<sha256>/ when a library cannot run from memory
  bool dev = false;
  /// Who may sign; empty: the vendor key of this build.
  std::optional<TrustStore> trust;
  /// How long calls that run are waited for when an instance is taken out of service.
  Duration drain_timeout = seconds(10);

  static PluginHostSettings from(const config::Settings& settings);
};

/// One instance, for `ccp plugin list` and the operator API.
struct PluginInfo {
  std::string name;
  std::string plugin;
  std::string version;
  std::string isolation;  ///< "inproc" or "process"
  std::string trust;      ///< "vendor", "key:<kid>", "unsigned", "linked"
  std::string state;      ///< of the instance; "restarting" or "broken" when its process is
  std::string detail;     ///< why it is not ready; empty otherwise
  std::vector<std::string> provides;
  int in_flight = 0;
  int abandoned = 0;
  Timestamp since;  ///< when it was put into service
  Json process;     ///< Runner::facts(); null in this process
  Json json() const;
};

class PluginHost {
 public:
  PluginHost(db::Db& db, net::HttpClient& http, const config::SecretStore& secrets, const Clock& clock, Random& random,
             Metrics& metrics, PluginHostSettings settings);
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  /// Who may refuse changes; before load().
  void guard(ChangeGuard guard);
  /// Brings up every instance, or none. `plugin_refused`, `config_invalid`, `secret_missing`,
  /// `plugin_failed`; the detail names the instance, the file, what was found and what is needed.
  Status load(const std::vector<config::PluginInstance>& instances);
  /// A plugin that is linked into this program is found by its manifest's id, before any package: for tests.
  Status link(const ccp_plugin* plugin, const Json& manifest, const Json& config_schema);
  Status loadLinked(const config::PluginInstance& instance, const ccp_plugin* plugin, const Json& manifest, const Json& config_schema);

  // Changes while calls run (changes.hpp). `actor` is who asked, for the audit log. A new instance is
  // created, configured, started and found healthy before it serves; after any failure everything is as
  // before. `not_found`, `already_exists`, and what load() fails with.
  Result<Change> add(const config::PluginInstance& instance, const std::string& actor);
  Result<Change> swap(const config::PluginInstance& instance, const std::string& actor);
  /// With the settings it has; the package is read anew.
  Result<Change> swap(const std::string& name, const std::string& actor, const std::string& reason = {});
  Result<Change> remove(const std::string& name, const std::string& actor);
  /// Out of service until a swap: callers get `plugin_unavailable`.
  Result<Change> drain(const std::string& name, const std::string& actor, const std::string& reason = {});
  /// Makes the line-up that of `instances`; returns what had to change. All of it or nothing.
  Result<std::vector<Change>> apply(const std::vector<config::PluginInstance>& instances, const std::string& actor, const ChangeHooks& hooks = {});
  /// Ends replaced instances whose calls have returned and writes gauges; to be called every few seconds.
  void tend();
  /// Libraries that this process holds until it ends: swaps in process add to them.
  std::size_t libraries() const;
  static constexpr std::size_t kManyLibraries = 32;  ///< from here on a restart is recommended
  /// Replaced instances whose calls have not returned.
  int retired() const;

  std::vector<PluginInfo> list() const;
  /// Asks every instance; [{"name","plugin","version","state","status":"ok|degraded|failing","detail"}].
  Json health();
  /// The same of one instance; `not_found`.
  Result<Json> health(const std::string& name);
  /// Everything an operator may want to know of one instance: {"info":…,"manifest":…}. `not_found`.
  Result<Json> inspect(const std::string& name) const;
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
