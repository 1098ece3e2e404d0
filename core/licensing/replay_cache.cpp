#include "core/licensing/replay_cache.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace ccp::licensing {

ReplayCache::ReplayCache(Random& random, Metrics& metrics, std::size_t max_entries)
    : max_per_shard_(std::max<std::size_t>(max_entries / shards_.size(), 1)),
      forgotten_(metrics.counter("ccp_replay_cache_forgotten_total", "Proofs forgotten before they expired, because the cache was full")) {
  static_assert(sizeof(hash_key_) == crypto_shorthash_KEYBYTES);
  random.fill(hash_key_);
}

bool ReplayCache::firstUse(std::string_view jkt, std::string_view jti, Timestamp now, Timestamp expires_at) {
  std::string text(jkt);
  text += '\0';
  text += jti;
  std::uint64_t hash = 0;
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash_key_.data());
  Shard& shard = shards_[hash & 15];
  const auto minuteOf = [](Timestamp at) { return toUnixSeconds(at) / 60; };

  const std::scoped_lock lock(shard.mutex);
  const auto drop = [&](auto it) {
    shard.entries -= it->second.size();
    return shard.minutes.erase(it);
  };
  for (auto it = shard.minutes.begin(); it != shard.minutes.end() && it->first < minuteOf(now);) it = drop(it);
  for (const auto& [minute, seen] : shard.minutes) {
    if (seen.count(hash) != 0) return false;
  }
  if (shard.entries >= max_per_shard_) {
    forgotten_.add(static_cast<double>(shard.minutes.begin()->second.size()));
    drop(shard.minutes.begin());
  }
  shard.minutes[minuteOf(expires_at)].insert(hash);
  ++shard.entries;
  return true;
}

std::size_t ReplayCache::size() const {
  std::size_t total = 0;
  for (const auto& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    total += shard.entries;
  }
  return total;
}

}  // namespace ccp::licensing
