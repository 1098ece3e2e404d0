#include "policy/runtime/organizations.hpp"

#include <utility>

namespace ccp::policy {

std::shared_ptr<Slot> Organizations::find(const std::string& org) const {
  const Shard& shard = shardOf(org);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.slots.find(org);
  return it == shard.slots.end() ? nullptr : it->second;
}

std::shared_ptr<Slot> Organizations::findOrMake(const std::string& org) {
  Shard& shard = shardOf(org);
  std::shared_ptr<Slot> forgotten;  // freed after the lock
  const std::lock_guard lock(shard.mutex);
  auto& slot = shard.slots[org];
  if (!slot) {
    slot = std::make_shared<Slot>(org);
    auto made = slot;
    if (shard.slots.size() > most_per_shard_) forgotten = makeRoom(shard);
    return made;
  }
  return slot;
}

/// Looks at a few: an exact order of use would cost every decision a lock on it.
std::shared_ptr<Slot> Organizations::makeRoom(Shard& shard) {
  constexpr int kLookAt = 16;
  auto oldest = shard.slots.end();
  int looked = 0;
  for (auto it = shard.slots.begin(); it != shard.slots.end() && looked < kLookAt; ++it, ++looked) {
    const auto used = it->second->usedAtNs();
    if (used == 0 || !it->second->forgettable()) continue;  // just made
    if (oldest == shard.slots.end() || used < oldest->second->usedAtNs()) oldest = it;
  }
  if (oldest == shard.slots.end()) return nullptr;
  auto out = std::move(oldest->second);
  shard.slots.erase(oldest);
  return out;
}

std::shared_ptr<Slot> Organizations::remove(const std::string& org) {
  Shard& shard = shardOf(org);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.slots.find(org);
  if (it == shard.slots.end()) return nullptr;
  auto out = std::move(it->second);
  shard.slots.erase(it);
  return out;
}

std::vector<std::shared_ptr<Slot>> Organizations::all() const {
  std::vector<std::shared_ptr<Slot>> out;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [org, slot] : shard.slots) out.push_back(slot);
  }
  return out;
}

std::size_t Organizations::size() const {
  std::size_t out = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    out += shard.slots.size();
  }
  return out;
}

}  // namespace ccp::policy
