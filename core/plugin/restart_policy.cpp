#include "core/plugin/restart_policy.hpp"

#include <algorithm>

namespace ccp::plugin {

RestartPolicy::Instant RestartPolicy::crashed(Instant now) {
  while (!crashes_.empty() && now - crashes_.front() > settings_.window) crashes_.pop_front();
  crashes_.push_back(now);
  if (breaker_ != Breaker::closed || static_cast<int>(crashes_.size()) >= settings_.crashes) {
    breaker_ = Breaker::open;
    return now + settings_.open;
  }
  Duration delay = settings_.first_delay;
  for (std::size_t i = 1; i < crashes_.size() && delay < settings_.max_delay; ++i) delay *= 2;
  delay = std::min(delay, settings_.max_delay);
  // Between three and five quarters: instances that fell together do not rise together.
  return now + Duration(static_cast<std::int64_t>(static_cast<double>(delay.count()) * (0.75 + 0.5 * jitter_())));
}

void RestartPolicy::restarted(Instant now) {
  if (breaker_ != Breaker::open) return;
  breaker_ = Breaker::half_open;
  trial_since_ = now;
}

void RestartPolicy::alive(Instant now) {
  if (breaker_ != Breaker::half_open || now - trial_since_ < settings_.open) return;
  breaker_ = Breaker::closed;
  crashes_.clear();
}

const char* toString(RestartPolicy::Breaker breaker) noexcept {
  static constexpr const char* kNames[] = {"closed", "open", "half_open"};
  return kNames[static_cast<std::size_t>(breaker)];
}

}  // namespace ccp::plugin
