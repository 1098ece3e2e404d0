#include "core/identity/attempt_limiter.hpp"

#include "core/base/encoding.hpp"
#include "core/identity/login_repository.hpp"

namespace ccp::identity {
namespace {

std::string bucketOf(const AttemptLimit& limit, std::string_view key) {
  return std::string(limit.purpose) + ":" + sha256Hex(key).substr(0, 32);
}
Timestamp windowOf(const AttemptLimit& limit, Timestamp now) {
  const auto us = toMicros(now);
  return fromMicros(us - us % limit.window.count());
}

}  // namespace

Status AttemptLimiter::judge(const AttemptLimit& limit, std::int64_t n, Timestamp window_at) const {
  if (n <= limit.max) return {};
  Error error{Errc::rate_limited, "Too many attempts. Wait a few minutes, then try again."};
  error.retry_after_s = static_cast<int>(toUnixSeconds(window_at + limit.window) - toUnixSeconds(clock_.now())) + 1;
  return fail(std::move(error));
}

Status AttemptLimiter::take(const AttemptLimit& limit, std::string_view key) {
  const auto window_at = windowOf(limit, clock_.now());
  // System scope: attempts are counted before anybody is known.
  CCP_TRY(const auto n, db_.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
    return LoginRepository(tx).countAttempt(bucketOf(limit, key), window_at);
  }));
  return judge(limit, n, window_at);
}

Status AttemptLimiter::check(const AttemptLimit& limit, std::string_view key) {
  const auto window_at = windowOf(limit, clock_.now());
  CCP_TRY(const auto n, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
    return LoginRepository(tx).attempts(bucketOf(limit, key), window_at);
  }));
  return judge(limit, n + 1, window_at);
}

Status AttemptLimiter::count(const AttemptLimit& limit, std::string_view key) {
  const auto window_at = windowOf(limit, clock_.now());
  return db_.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Status {
    LoginRepository(tx).countAttempt(bucketOf(limit, key), window_at);
    return {};
  });
}

}  // namespace ccp::identity
