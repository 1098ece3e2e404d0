// The slots of organizations, by id. Inside this room. Thread-safe.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/runtime/slot.hpp"

namespace ccp::policy {

class Organizations {
 public:
  explicit Organizations(std::size_t most) : most_per_shard_(most / kShards + 1) {}

  /// Null when nothing is known of it.
  std::shared_ptr<Slot> find(const std::string& org) const;
  /// Beyond the bound one that nobody would miss is forgotten, the one that was idle longest of a few.
  std::shared_ptr<Slot> findOrMake(const std::string& org);
  std::shared_ptr<Slot> remove(const std::string& org);
  std::vector<std::shared_ptr<Slot>> all() const;
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 32;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, std::shared_ptr<Slot>> slots;
  };
  static std::shared_ptr<Slot> makeRoom(Shard& shard);
  Shard& shardOf(const std::string& org) const { return shards_[std::hash<std::string>()(org) % kShards]; }

  const std::size_t most_per_shard_;
  mutable std::array<Shard, kShards> shards_;
};

}  // namespace ccp::policy
