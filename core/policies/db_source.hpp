// The documents of the database, as the updater takes them: bytes without trust.
// Threads: thread-safe.
#pragma once

#include "core/db/db.hpp"
#include "policy/distribution/source.hpp"
#include "policy/distribution/verified_set.hpp"

namespace ccp::policies {

class DbSource final : public policy::Source {
 public:
  explicit DbSource(db::Db& db) : db_(db) {}
  Result<std::optional<std::string>> root(const std::string& org, std::int64_t version, Deadline deadline) override;
  /// Does not wait: whoever asks is woken when there is something.
  Result<std::optional<std::string>> channel(const std::string& org, policy::Channel channel, const std::string& etag, Duration wait) override;
  Result<std::string> pack(const std::string& org, const std::string& sha256, std::size_t max_bytes, Deadline deadline) override;
  /// Digest of what is live, as stored; empty: nothing.
  Result<std::string> head(const std::string& org, policy::Channel channel);
  /// A pack that decided once, whatever its keys are worth today: what its digest says it is. `not_found`,
  /// `policy_hash_mismatch`.
  Result<policy::VerifiedPack> past(const std::string& org, const std::string& sha256);

 private:
  db::Db& db_;
};

}  // namespace ccp::policies
