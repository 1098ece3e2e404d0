// Remembers DPoP proofs that were used on this node: bounded memory, forgotten when they expire. For
// calls where a lost memory costs little; token, issue and refresh use the store (identity's guard).
// Threads: thread-safe; no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>
#include <unordered_set>

#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/base/time.hpp"

namespace ccp::licensing {

class ReplayCache {
 public:
  /// At most about `max_entries`; beyond it the oldest minute is forgotten and counted.
  ReplayCache(Random& random, Metrics& metrics, std::size_t max_entries = 1u << 20);

  /// False when this pair was seen before and has not expired.
  bool firstUse(std::string_view jkt, std::string_view jti, Timestamp now, Timestamp expires_at);
  std::size_t size() const;

 private:
  /// Entries by the minute in which they expire, so that forgetting is dropping a set.
  struct Shard {
    mutable std::mutex mutex;
    std::map<std::int64_t, std::unordered_set<std::uint64_t>> minutes;
    std::size_t entries = 0;
  };
  std::array<Shard, 16> shards_;
  std::array<std::uint8_t, 16> hash_key_{};  ///< secret: nobody can aim for a collision
  const std::size_t max_per_shard_;
  Counter& forgotten_;
};

}  // namespace ccp::licensing
