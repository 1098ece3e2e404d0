// The http floor's IdempotencyStore in the database, so that a repeated request gets the same
// answer from every node and after a restart. Answers may hold secrets (the link of an invitation):
// their bodies are sealed under the master key. Threads: thread-safe.
#pragma once

#include "core/base/random.hpp"
#include "core/crypto/seal.hpp"
#include "core/db/db.hpp"
#include "core/http/idempotency.hpp"

namespace ccp::app {

class IdempotencyRepository final : public http::IdempotencyStore {
 public:
  IdempotencyRepository(db::Db& db, crypto::MasterKey master, Random& random)
      : db_(db), master_(std::move(master)), random_(random) {}
  Result<Begun> begin(const http::IdempotencyKey& key) override;
  Status complete(const http::IdempotencyKey& key, const http::Response& response) override;
  void abandon(const http::IdempotencyKey& key) noexcept override;
  /// Deletes what has expired.
  Status purge();

 private:
  db::Db& db_;
  const crypto::MasterKey master_;
  Random& random_;
};

}  // namespace ccp::app
