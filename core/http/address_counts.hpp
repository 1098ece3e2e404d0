// How many connections each address has open. Threads: thread-safe.
#pragma once

#include <array>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

namespace ccp::http {

class AddressCounts {
 public:
  /// One more of `group` (addressGroup), unless it has `most` already.
  bool enter(const std::string& group, int most) {
    Shard& shard = of(group);
    const std::lock_guard lock(shard.mutex);
    int& count = shard.counts[group];
    if (count >= most) return false;
    ++count;
    return true;
  }
  void leave(const std::string& group) {
    Shard& shard = of(group);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.counts.find(group);
    if (found != shard.counts.end() && --found->second <= 0) shard.counts.erase(found);
  }

 private:
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, int> counts;
  };
  Shard& of(const std::string& group) {
    return shards_[std::hash<std::string>{}(group) % shards_.size()];
  }
  std::array<Shard, 16> shards_;
};

}  // namespace ccp::http
