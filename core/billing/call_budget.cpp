#include "core/billing/call_budget.hpp"

#include <algorithm>

namespace ccp::billing {

bool CallBudget::take(const std::string& instance) {
  const Timestamp now = clock_.now();
  const double per_minute = settings_.now()->billing.calls_per_minute;
  const std::lock_guard lock(mutex_);
  Bucket& bucket = buckets_[instance];
  if (now < bucket.paused_until) return false;
  if (bucket.filled_at == Timestamp{}) {
    bucket.left = per_minute;
  } else {
    const double elapsed_s =
        std::max(0.0, std::chrono::duration<double>(now - bucket.filled_at).count());
    bucket.left = std::min(per_minute, bucket.left + elapsed_s * per_minute / 60);
  }
  bucket.filled_at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

void CallBudget::pause(const std::string& instance, Duration d) {
  const std::lock_guard lock(mutex_);
  buckets_[instance].paused_until = clock_.now() + d;
}

}  // namespace ccp::billing
