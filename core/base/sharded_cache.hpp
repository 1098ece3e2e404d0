// A bounded map for what is costly to find again: sharded by key, at most so many entries and bytes,
// the least used goes first (CLOCK: one bit instead of a list to reorder). Values are shared and never
// change, so that a reader keeps what it found while it is evicted.
// Threads: thread-safe; every call takes one short lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/short_lock.hpp"

namespace ccp {

struct CacheLimits {
  std::size_t entries = 10'000;
  std::size_t bytes = 64u << 20;
};

/// ccp_cache_*{cache="…"}: what every cache of the server shows.
struct CacheMeters {
  CacheMeters(Metrics& metrics, const std::string& name)
      : hits(metrics.counter("ccp_cache_hits_total", "Answers found in memory", {{"cache", name}})),
        misses(metrics.counter("ccp_cache_misses_total", "Answers that had to be found elsewhere", {{"cache", name}})),
        evictions(metrics.counter("ccp_cache_evictions_total", "Entries given up for room", {{"cache", name}})),
        entries(metrics.gauge("ccp_cache_entries", "Entries in memory", {{"cache", name}})),
        bytes(metrics.gauge("ccp_cache_bytes", "About how much memory they take", {{"cache", name}})) {}
  Counter& hits;
  Counter& misses;
  Counter& evictions;
  Gauge& entries;
  Gauge& bytes;
};

template <class Key, class Value, class Hash = std::hash<Key>>
class ShardedCache {
 public:
  using Ptr = std::shared_ptr<Value>;
  /// What a look-up elsewhere starts with, so that an answer from before an invalidation is not kept
  /// after it.
  using Ticket = std::uint64_t;

  ShardedCache(CacheLimits limits, CacheMeters meters)
      : meters_(meters),
        entries_per_shard_((limits.entries + kShards - 1) / kShards),
        bytes_per_shard_((limits.bytes + kShards - 1) / kShards) {}

  /// Null when there is none. Counts neither hit nor miss: the owner knows which it was.
  Ptr find(const Key& key) {
    Shard& shard = shardOf(key);
    const ShortLock lock(shard.mutex);
    const auto it = shard.index.find(key);
    if (it == shard.index.end()) return nullptr;
    Slot& slot = shard.slots[it->second];
    slot.used = true;
    return slot.value;
  }

  Ticket ticket(const Key& key) const {
    const Shard& shard = shardOf(key);
    const std::scoped_lock lock(shard.mutex);
    return shard.generation;
  }

  /// Keeps or replaces; does nothing when the shard was invalidated since `ticket`, or when the value
  /// alone is larger than a shard may be. `bytes`: what the value takes, all in all.
  void put(const Key& key, Ptr value, std::size_t bytes, std::optional<Ticket> ticket = std::nullopt) {
    bytes += sizeof(Slot) + kOverhead;
    if (entries_per_shard_ == 0 || bytes > bytes_per_shard_) return;
    Shard& shard = shardOf(key);
    std::size_t evicted = 0;
    Ptr gone;  // destroyed without the lock
    {
      const std::scoped_lock lock(shard.mutex);
      if (ticket && *ticket != shard.generation) return;
      if (const auto it = shard.index.find(key); it != shard.index.end()) {
        gone = shard.slots[it->second].value;
        drop(shard, it->second);
      }
      while (!shard.index.empty() && (shard.index.size() >= entries_per_shard_ || shard.bytes + bytes > bytes_per_shard_)) {
        evictOne(shard);
        ++evicted;
      }
      const std::uint32_t at = shard.freeSlot();
      Slot& slot = shard.slots[at];
      slot.key = key;
      slot.value = std::move(value);
      slot.bytes = bytes;
      slot.used = false;  // proves its worth by a second look
      shard.index.emplace(key, at);
      shard.bytes += bytes;
      account(1, static_cast<std::int64_t>(bytes));
    }
    if (evicted != 0) meters_.evictions.add(static_cast<double>(evicted));
    show();
  }

  /// The key is no longer true, and neither is what somebody is looking up for it now.
  void forget(const Key& key) {
    Shard& shard = shardOf(key);
    {
      const std::scoped_lock lock(shard.mutex);
      ++shard.generation;
      if (const auto it = shard.index.find(key); it != shard.index.end()) drop(shard, it->second);
    }
    show();
  }

  /// The same for every entry that `matches(key, value)`; walks all of them.
  template <class Matches>
  void forgetIf(const Matches& matches) {
    for (Shard& shard : shards_) {
      const std::scoped_lock lock(shard.mutex);
      ++shard.generation;
      for (std::uint32_t i = 0; i < shard.slots.size(); ++i) {
        const Slot& slot = shard.slots[i];
        if (slot.value && matches(slot.key, *slot.value)) drop(shard, i);
      }
    }
    show();
  }

  std::size_t size() const noexcept { return static_cast<std::size_t>(entries_.load(std::memory_order_relaxed)); }
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(bytes_.load(std::memory_order_relaxed)); }
  CacheMeters& meters() noexcept { return meters_; }

 private:
  static constexpr std::size_t kShards = 16;
  /// Nodes and buckets of the index, the control block: roughly.
  static constexpr std::size_t kOverhead = 96;

  struct Slot {
    Key key{};
    Ptr value;
    std::size_t bytes = 0;
    bool used = false;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<Key, std::uint32_t, Hash> index;
    std::vector<Slot> slots;  ///< grows to the bound and no further
    std::vector<std::uint32_t> free;
    std::size_t bytes = 0;
    std::size_t hand = 0;
    Ticket generation = 0;

    std::uint32_t freeSlot() {
      if (free.empty()) {
        slots.emplace_back();
        return static_cast<std::uint32_t>(slots.size() - 1);
      }
      const std::uint32_t at = free.back();
      free.pop_back();
      return at;
    }
  };

  /// The index takes the low bits of the hash, the shard others.
  std::size_t shardNumber(const Key& key) const { return (Hash{}(key) >> 48) % kShards; }
  Shard& shardOf(const Key& key) { return shards_[shardNumber(key)]; }
  const Shard& shardOf(const Key& key) const { return shards_[shardNumber(key)]; }

  void drop(Shard& shard, std::uint32_t at) {
    Slot& slot = shard.slots[at];
    shard.index.erase(slot.key);
    shard.bytes -= slot.bytes;
    account(-1, -static_cast<std::int64_t>(slot.bytes));
    slot = Slot{};
    shard.free.push_back(at);
  }

  void evictOne(Shard& shard) {
    for (;;) {
      shard.hand = shard.hand + 1 < shard.slots.size() ? shard.hand + 1 : 0;
      Slot& slot = shard.slots[shard.hand];
      if (!slot.value) continue;
      if (!std::exchange(slot.used, false)) return drop(shard, static_cast<std::uint32_t>(shard.hand));
    }
  }

  void account(std::int64_t entries, std::int64_t bytes) {
    entries_.fetch_add(entries, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  void show() {
    meters_.entries.set(static_cast<double>(size()));
    meters_.bytes.set(static_cast<double>(bytes()));
  }

  CacheMeters meters_;
  const std::size_t entries_per_shard_;
  const std::size_t bytes_per_shard_;
  std::atomic<std::int64_t> entries_{0};
  std::atomic<std::int64_t> bytes_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace ccp
