// Counts attempts per bucket in fixed windows, in the store, so that all nodes share the count.
// Bucket names are hashed: they contain addresses of people. Threads: thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "core/db/db.hpp"

namespace ccp::identity {

struct AttemptLimit {
  std::string_view purpose;  ///< "login.mail.address"
  std::int64_t max = 5;
  Duration window = minutes(15);
};

class AttemptLimiter {
 public:
  AttemptLimiter(db::Db& db, const Clock& clock) : db_(db), clock_(clock) {}
  /// Counts one attempt; `rate_limited` with retry_after_s beyond the limit.
  Status take(const AttemptLimit& limit, std::string_view key);
  /// The same without counting: for limits on failures, which count() counts.
  Status check(const AttemptLimit& limit, std::string_view key);
  Status count(const AttemptLimit& limit, std::string_view key);

 private:
  Status judge(const AttemptLimit& limit, std::int64_t n, Timestamp window_at) const;

  db::Db& db_;
  const Clock& clock_;
};

}  // namespace ccp::identity
