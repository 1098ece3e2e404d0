// ReplayGuard over the store: a proof seen by one node is known to all. Threads: thread-safe.
#pragma once

#include "core/db/db.hpp"
#include "core/identity/service.hpp"

namespace ccp::identity {

class StoredReplayGuard final : public ReplayGuard {
 public:
  explicit StoredReplayGuard(db::Db& db) : db_(db) {}
  /// Blocks for one commit.
  Result<bool> firstUse(const std::string& jkt, const std::string& jti, Timestamp expires_at) override;

 private:
  db::Db& db_;
};

}  // namespace ccp::identity
