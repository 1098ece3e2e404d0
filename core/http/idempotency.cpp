#include "core/http/idempotency.hpp"

namespace ccp::http {

Result<IdempotencyStore::Begun> MemoryIdempotencyStore::begin(const IdempotencyKey& key) {
  const std::lock_guard lock(mutex_);
  const auto [entry, fresh] = entries_.try_emplace(key.org + "/" + key.id, Entry{key.fingerprint});
  if (fresh) return Begun{Outcome::fresh};
  if (entry->second.fingerprint != key.fingerprint) return Begun{Outcome::mismatch};
  if (!entry->second.done) return Begun{Outcome::in_progress};
  return Begun{Outcome::replay, entry->second.response};
}

Status MemoryIdempotencyStore::complete(const IdempotencyKey& key, const Response& response) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[key.org + "/" + key.id];
  entry.done = true;
  entry.response = response;
  return {};
}

void MemoryIdempotencyStore::abandon(const IdempotencyKey& key) noexcept {
  const std::lock_guard lock(mutex_);
  entries_.erase(key.org + "/" + key.id);
}

}  // namespace ccp::http
