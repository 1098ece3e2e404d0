// Applies a changed configuration to the running server: plugins are added, swapped and removed, live
// settings published, everything else named as needing a restart. All of it or nothing; what was refused
// stays visible in the log, the metrics and doctor until a later version is taken.
// Threads: thread-safe; one reload at a time.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/app/config_watch.hpp"
#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/metrics.hpp"
#include "core/base/time.hpp"
#include "core/billing/feature.hpp"
#include "core/config/live_settings.hpp"
#include "core/plugin/plugin_host.hpp"

namespace ccp::app {

/// Level and format of the process's log.
void applyLogSettings(const config::Settings& settings);

struct ReloadReport {
  Timestamp at;
  std::string actor;  ///< "config:watch", "config:sighup", or the operator
  std::vector<plugin::Change> plugins;
  std::vector<std::string> applied;        ///< names of live settings that changed
  std::vector<std::string> needs_restart;  ///< names of settings that wait for the next start
  std::optional<Error> error;              ///< why nothing was changed
  Json json() const;
};

class Reloader {
 public:
  struct Deps {
    config::LiveSettings& live;
    plugin::PluginHost& plugins;
    billing::Feature& billing;
    db::Db& db;
    const Clock& clock;
    Metrics& metrics;
    std::map<std::string, std::string> environment;
  };
  explicit Reloader(Deps deps);

  /// Reads the files and applies what can be applied. The report is there in any case; its error too.
  ReloadReport reload(const std::string& actor);
  /// To be called each second: reloads when the files changed, or when somebody asked.
  void poll();
  /// The next poll() reloads. From any thread, also the one that waits for signals.
  void ask();
  /// Of the last reload; nothing before the first.
  std::optional<ReloadReport> last() const;

 private:
  ReloadReport apply(const std::string& actor);
  Status change(const config::Settings& wanted, ReloadReport& report);
  void account(const ReloadReport& report);

  Deps deps_;
  std::mutex one_at_a_time_;
  ConfigWatch watch_;
  mutable std::mutex mutex_;
  bool asked_ = false;
  std::optional<ReloadReport> last_;
};

}  // namespace ccp::app
