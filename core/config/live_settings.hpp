// Settings that may change while the server runs. Readers take a snapshot and hold it while they use it.
// Threads: thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/config/settings.hpp"

namespace ccp::config {

class LiveSettings {
 public:
  explicit LiveSettings(Settings first) : now_(std::make_shared<const Settings>(std::move(first))) {}
  std::shared_ptr<const Settings> now() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void publish(Settings next) {
    auto fresh = std::make_shared<const Settings>(std::move(next));
    const std::lock_guard lock(mutex_);
    now_.swap(fresh);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> now_;
};

/// What a new version of the configuration changes, by the names of the settings ("server.listen").
struct SettingsDiff {
  std::vector<std::string> live;     ///< applied while running
  std::vector<std::string> restart;  ///< take effect at the next start
  bool plugins = false;              ///< `plugins` is among `live`
};
/// Live are: plugins, billing.default, billing.on_dispute, billing.reconcile_interval,
/// billing.calls_per_minute, billing.meters, billing.reminder_days, log.level,
/// log.format, reload.watch, and the catalog when nothing but the providers' ids of its prices differs.
/// Everything else needs a restart, whatever it is.
SettingsDiff compareSettings(const Settings& running, const Settings& wanted);
/// `running` with the live settings of `wanted`.
Settings withLive(const Settings& running, const Settings& wanted);

}  // namespace ccp::config
