// Token buckets by key with bounded memory: log-in codes, device codes, wrong credentials.
// Thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/base/error.hpp"
#include "core/base/time.hpp"

namespace ccp::http {

class RateLimiter {
 public:
  /// `burst` at once, then `burst` per `window`, for each key; at most `max_keys` are remembered,
  /// the least recently used goes first.
  RateLimiter(const Clock& clock, int burst, Duration window, std::size_t max_keys = 10'000);

  /// Takes one token of `key`, or `rate_limited` with retry_after_s.
  Status take(const std::string& key);
  /// Gives the key its full bucket back: after a success.
  void reset(const std::string& key);
  std::size_t size() const;

 private:
  struct Bucket {
    std::string key;
    double tokens = 0;
    std::uint64_t at_ns = 0;
  };
  const Clock& clock_;
  double burst_;
  double per_ns_;
  std::size_t max_keys_;
  mutable std::mutex mutex_;
  std::list<Bucket> order_;  // most recently used first
  std::unordered_map<std::string, std::list<Bucket>::iterator> buckets_;
};

}  // namespace ccp::http
