// Which sessions and license versions are refused: written in the transaction of the deed, known to
// this node at once and to every other within seconds. A node that could not read the list for 45 s
// refuses to judge tokens: stale is never valid.
// Threads: thread-safe; check() takes a shared lock and does no I/O.
#pragma once

#include <atomic>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/db/db.hpp"
#include "core/licensing/revocation_repository.hpp"

namespace ccp::licensing {

inline constexpr Duration kRefreshInterval = seconds(5);
inline constexpr Duration kStaleAfter = seconds(45);
/// Every refresh reads this much of the past again: rows are committed after their time was taken,
/// and the clocks of nodes differ.
inline constexpr Duration kReadAgain = minutes(2);

class RevocationList {
 public:
  /// `token_life`: the longest time that an access token is accepted.
  RevocationList(db::Db& db, const Clock& clock, Random& random, Metrics& metrics, Duration token_life);

  void revokeSid(db::Tx& tx, const std::string& org, const std::string& sid);
  void requireVersion(db::Tx& tx, const std::string& org, std::int64_t min_version);

  /// Reads what is new; the first call reads everything that still counts.
  Status refresh();
  /// `stale_state`, `token_revoked`, or ok.
  Status check(const std::string& org, const std::string& sid, std::int64_t version) const;
  Status deleteExpired();
  std::size_t size() const;

 private:
  void remember(const Revocation& revocation);
  void add(db::Tx& tx, Revocation revocation);

  struct MinVersion {
    std::int64_t version = 0;
    Timestamp expires_at;
  };
  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  const Duration token_life_;
  Gauge& size_gauge_;
  Gauge& age_gauge_;
  std::atomic<std::uint64_t> refreshed_ns_{0};  ///< monotonic start of the last good refresh; 0: never
  std::atomic<std::int64_t> read_until_us_{0};
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Timestamp> sids_;
  std::unordered_map<std::string, MinVersion> versions_;  ///< by org
};

}  // namespace ccp::licensing
