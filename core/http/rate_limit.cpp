#include "core/http/rate_limit.hpp"

#include <algorithm>
#include <cmath>

namespace ccp::http {

RateLimiter::RateLimiter(const Clock& clock, int burst, Duration window, std::size_t max_keys)
    : clock_(clock),
      burst_(burst),
      per_ns_(static_cast<double>(burst) / (static_cast<double>(window.count()) * 1000.0)),
      max_keys_(std::max<std::size_t>(max_keys, 1)) {}

Status RateLimiter::take(const std::string& key) {
  const std::uint64_t now = clock_.monotonicNs();
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= max_keys_) {
      buckets_.erase(order_.back().key);
      order_.pop_back();
    }
    order_.push_front(Bucket{key, burst_, now});
    found = buckets_.emplace(key, order_.begin()).first;
  } else {
    order_.splice(order_.begin(), order_, found->second);
  }
  Bucket& bucket = *found->second;
  const auto elapsed = now > bucket.at_ns ? static_cast<double>(now - bucket.at_ns) : 0.0;
  bucket.tokens = std::min(burst_, bucket.tokens + elapsed * per_ns_);
  bucket.at_ns = now;
  if (bucket.tokens >= 1.0) {
    bucket.tokens -= 1.0;
    return {};
  }
  const double wait_s = (1.0 - bucket.tokens) / per_ns_ / 1e9;
  Error error{Errc::rate_limited,
              "too many attempts",
              {},
              std::max(1, static_cast<int>(std::ceil(wait_s)))};
  error.detail += "; come back in " + std::to_string(error.retry_after_s) + " s";
  return fail(std::move(error));
}

void RateLimiter::reset(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = buckets_.find(key);
  if (found == buckets_.end()) return;
  order_.erase(found->second);
  buckets_.erase(found);
}

std::size_t RateLimiter::size() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

}  // namespace ccp::http
