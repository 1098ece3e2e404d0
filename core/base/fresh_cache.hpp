// Answers that are true for seconds: read from the store, kept in memory, looked up again in time. From
// `fresh` on one caller at a time is sent to look again while the others go on; after `stale` nobody is
// answered from memory. Who changes the truth on this node says so with forget().
// Threads: thread-safe; one short lock, no I/O.
#pragma once

#include "core/base/sharded_cache.hpp"
#include "core/base/time.hpp"

namespace ccp {

struct Freshness {
  Duration fresh = seconds(5);
  Duration stale = seconds(10);
  Duration retry = seconds(1);  ///< the next caller is sent when the one before has not come back
};

template <class Key, class Value, class Hash = std::hash<Key>>
class FreshCache {
 public:
  FreshCache(const Clock& clock, CacheLimits limits, CacheMeters meters, Freshness freshness = {})
      : clock_(clock), fresh_ns_(ns(freshness.fresh)), stale_ns_(ns(freshness.stale)), retry_ns_(ns(freshness.retry)), cache_(limits, meters) {}

  /// Null: somebody has to look it up and put() it; another thread may.
  std::shared_ptr<const Value> find(const Key& key) {
    auto entry = cache_.find(key);
    if (entry) {
      const std::uint64_t now = clock_.monotonicNs();
      std::uint64_t ask_at = entry->ask_at_ns.load(std::memory_order_relaxed);
      const bool mine = now >= ask_at && entry->ask_at_ns.compare_exchange_strong(ask_at, now + retry_ns_, std::memory_order_relaxed);
      if (!mine && now - entry->read_at_ns < stale_ns_) {
        cache_.meters().hits.add();
        return std::shared_ptr<const Value>(entry, &entry->value);
      }
    }
    cache_.meters().misses.add();
    return nullptr;
  }

  /// For who can look it up at once: only what is younger than `fresh`, and nobody is sent.
  std::shared_ptr<const Value> findFresh(const Key& key) {
    auto entry = cache_.find(key);
    if (!entry || clock_.monotonicNs() - entry->read_at_ns >= fresh_ns_) return nullptr;
    return std::shared_ptr<const Value>(entry, &entry->value);
  }

  struct Ticket {
    std::uint64_t generation = 0;
    std::uint64_t now_ns = 0;  ///< the answer is as old as the question
  };
  /// Before the look-up.
  Ticket ticket(const Key& key) const { return {cache_.ticket(key), clock_.monotonicNs()}; }
  /// After it; not kept when forget() came between. Returns the value to use in either case.
  std::shared_ptr<const Value> put(const Key& key, Value value, std::size_t bytes, const Ticket& ticket) {
    auto entry = std::make_shared<Entry>(std::move(value), ticket.now_ns, ticket.now_ns + fresh_ns_);
    cache_.put(key, entry, bytes + sizeof(Entry), ticket.generation);
    return std::shared_ptr<const Value>(entry, &entry->value);
  }

  void forget(const Key& key) { cache_.forget(key); }
  template <class Matches>
  void forgetIf(const Matches& matches) {
    cache_.forgetIf([&](const Key&, const Entry& entry) { return matches(entry.value); });
  }
  std::size_t size() const noexcept { return cache_.size(); }

 private:
  struct Entry {
    Entry(Value v, std::uint64_t read_at, std::uint64_t ask_at) : value(std::move(v)), read_at_ns(read_at), ask_at_ns(ask_at) {}
    const Value value;
    const std::uint64_t read_at_ns;
    std::atomic<std::uint64_t> ask_at_ns;
  };
  static std::uint64_t ns(Duration d) { return static_cast<std::uint64_t>(d.count()) * 1000; }

  const Clock& clock_;
  const std::uint64_t fresh_ns_, stale_ns_, retry_ns_;
  ShardedCache<Key, Entry, Hash> cache_;
};

}  // namespace ccp
