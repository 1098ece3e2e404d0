#include "core/licensing/revocations.hpp"

#include <mutex>

namespace ccp::licensing {

RevocationList::RevocationList(db::Db& db, const Clock& clock, Random& random, Metrics& metrics, Duration token_life)
    : db_(db),
      clock_(clock),
      random_(random),
      token_life_(token_life),
      size_gauge_(metrics.gauge("ccp_revocations", "Revoked sessions and license versions that this node knows")),
      age_gauge_(metrics.gauge("ccp_revocations_age_seconds", "Time between the last two good reads of the revocation list")) {}

void RevocationList::revokeSid(db::Tx& tx, const std::string& org, const std::string& sid) {
  add(tx, Revocation{org, sid, 0, tx.now() + token_life_});
}

void RevocationList::requireVersion(db::Tx& tx, const std::string& org, std::int64_t min_version) {
  add(tx, Revocation{org, {}, min_version, tx.now() + token_life_});
}

void RevocationList::add(db::Tx& tx, Revocation revocation) {
  RevocationRepository(tx).add(newId("rev", clock_, random_), revocation);
  // This node knows it as soon as it is true.
  tx.afterCommit([this, revocation = std::move(revocation)] { remember(revocation); });
}

Status RevocationList::refresh() {
  const std::uint64_t started_ns = clock_.monotonicNs();
  const Timestamp now = clock_.now();
  const std::int64_t read_until = read_until_us_.load();
  const Timestamp since = read_until == 0 ? fromMicros(0) : fromMicros(read_until) - kReadAgain;
  // Every organization: the list is the server's own.
  auto rows = db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Revocation>> {
    return RevocationRepository(tx).since(since, now);
  });
  if (!rows) return fail(std::move(rows).error());
  for (const auto& row : *rows) remember(row);
  {
    const std::unique_lock lock(mutex_);
    std::erase_if(sids_, [&](const auto& entry) { return entry.second <= now; });
    std::erase_if(versions_, [&](const auto& entry) { return entry.second.expires_at <= now; });
    size_gauge_.set(static_cast<double>(sids_.size() + versions_.size()));
  }
  read_until_us_ = toMicros(now);
  const std::uint64_t before = refreshed_ns_.exchange(started_ns);
  if (before != 0) age_gauge_.set(static_cast<double>(started_ns - before) / 1e9);
  return {};
}

void RevocationList::remember(const Revocation& revocation) {
  const std::unique_lock lock(mutex_);
  if (!revocation.sid.empty()) {
    sids_[revocation.sid] = revocation.expires_at;
    return;
  }
  auto& entry = versions_[revocation.org];
  entry.version = std::max(entry.version, revocation.min_version);
  entry.expires_at = std::max(entry.expires_at, revocation.expires_at);
}

Status RevocationList::check(const std::string& org, const std::string& sid, std::int64_t version) const {
  const std::uint64_t refreshed = refreshed_ns_.load();
  const auto age_ns = static_cast<std::int64_t>(clock_.monotonicNs() - refreshed);
  if (refreshed == 0 || age_ns > std::chrono::duration_cast<std::chrono::nanoseconds>(kStaleAfter).count()) {
    Error error{Errc::stale_state, "This node has not read the revocation list for more than 45 seconds."};
    error.retry_after_s = 5;
    return fail(std::move(error));
  }
  const Timestamp now = clock_.now();
  const std::shared_lock lock(mutex_);
  if (const auto it = sids_.find(sid); it != sids_.end() && it->second > now) {
    return fail(Errc::token_revoked, "The session of this token has ended.");
  }
  if (const auto it = versions_.find(org); it != versions_.end() && version < it->second.version) {
    return fail(Errc::token_revoked, "The license has changed since this token was issued; refresh the token.");
  }
  return {};
}

Status RevocationList::deleteExpired() {
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    RevocationRepository(tx).deleteExpired(tx.now());
    return {};
  });
}

std::size_t RevocationList::size() const {
  const std::shared_lock lock(mutex_);
  return sids_.size() + versions_.size();
}

}  // namespace ccp::licensing
