// What the Idempotency-Key middleware remembers. The floor knows no database: core/app keeps the
// answers in one, tests in memory. Implementations are thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "core/http/message.hpp"

namespace ccp::http {

/// Names one request of one asker: `id` is a hash of asker, route and Idempotency-Key.
struct IdempotencyKey {
  std::string org;  ///< empty for askers without an org
  std::string id;
  std::string
      fingerprint;  ///< hash of method, path, query and body: the same key means the same request
};

class IdempotencyStore {
 public:
  virtual ~IdempotencyStore() = default;
  enum class Outcome {
    fresh,        ///< reserved for the caller, who must complete() or abandon()
    replay,       ///< `response` is the stored answer
    mismatch,     ///< the key was used with another request
    in_progress,  ///< another request with this key is being answered
  };
  struct Begun {
    Outcome outcome = Outcome::fresh;
    Response response = {};
  };
  virtual Result<Begun> begin(const IdempotencyKey& key) = 0;
  virtual Status complete(const IdempotencyKey& key, const Response& response) = 0;
  virtual void abandon(const IdempotencyKey& key) noexcept = 0;
};

/// In memory, for tests and programs without a store.
class MemoryIdempotencyStore final : public IdempotencyStore {
 public:
  Result<Begun> begin(const IdempotencyKey& key) override;
  Status complete(const IdempotencyKey& key, const Response& response) override;
  void abandon(const IdempotencyKey& key) noexcept override;

 private:
  struct Entry {
    std::string fingerprint;
    bool done = false;
    Response response = {};
  };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace ccp::http
