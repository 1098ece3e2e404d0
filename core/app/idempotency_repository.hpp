// The http floor's IdempotencyStore in the database, so that a repeated request gets the same
// answer from every node and after a restart. Threads: thread-safe.
#pragma once

#include "core/db/db.hpp"
#include "core/http/idempotency.hpp"

namespace ccp::app {

class IdempotencyRepository final : public http::IdempotencyStore {
 public:
  explicit IdempotencyRepository(db::Db& db) : db_(db) {}
  Result<Begun> begin(const http::IdempotencyKey& key) override;
  Status complete(const http::IdempotencyKey& key, const http::Response& response) override;
  void abandon(const http::IdempotencyKey& key) noexcept override;
  /// Deletes what has expired.
  Status purge();

 private:
  db::Db& db_;
};

}  // namespace ccp::app
