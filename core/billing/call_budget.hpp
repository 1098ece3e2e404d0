// Calls that we may make to one provider now, so that background work leaves room for people within
// the provider's published rate. Threads: thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "core/base/time.hpp"
#include "core/config/live_settings.hpp"

namespace ccp::billing {

/// A bucket for each instance: billing.calls_per_minute, at most a minute's worth at once.
class CallBudget {
 public:
  CallBudget(const config::LiveSettings& settings, const Clock& clock)
      : settings_(settings), clock_(clock) {}
  /// Takes one call; false when there is none left now.
  bool take(const std::string& instance);
  /// The provider refused: nothing for this long.
  void pause(const std::string& instance, Duration d);

 private:
  struct Bucket {
    double left = 0;
    Timestamp filled_at{};
    Timestamp paused_until{};
  };
  const config::LiveSettings& settings_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace ccp::billing
