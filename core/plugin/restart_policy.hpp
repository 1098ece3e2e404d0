// When a plugin's process that ended is started again: exponential backoff with jitter, and a circuit breaker
// that stops trying for a while when restarts do not help. Pure but for the jitter it is given.
// Not thread-safe: the supervisor's thread owns it.
#pragma once

#include <chrono>
#include <deque>
#include <functional>

#include "core/base/time.hpp"

namespace ccp::plugin {

struct RestartSettings {
  Duration first_delay = milliseconds(100);
  Duration max_delay = seconds(30);
  int crashes = 5;  ///< within `window`: the breaker opens
  Duration window = minutes(5);
  Duration open = seconds(60);  ///< then one attempt (half-open); it closes when that one lives as long
};

class RestartPolicy {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  /// `jitter` gives a number in [0, 1).
  RestartPolicy(RestartSettings settings, std::function<double()> jitter) : settings_(settings), jitter_(std::move(jitter)) {}

  enum class Breaker { closed, open, half_open };
  /// The process ended, or could not be started: when to try (again).
  Instant crashed(Instant now);
  /// It runs again.
  void restarted(Instant now);
  /// It still runs; closes a half-open breaker in time.
  void alive(Instant now);

  Breaker breaker() const noexcept { return breaker_; }
  /// Within the window.
  int crashes() const noexcept { return static_cast<int>(crashes_.size()); }

 private:
  const RestartSettings settings_;
  const std::function<double()> jitter_;
  std::deque<Instant> crashes_;
  Breaker breaker_ = Breaker::closed;
  Instant trial_since_{};
};

const char* toString(RestartPolicy::Breaker breaker) noexcept;

}  // namespace ccp::plugin
