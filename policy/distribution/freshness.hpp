// When documents run out, and when to ask again. Pure functions.
#pragma once

#include <cstdint>

#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "policy/distribution/verified_set.hpp"
#include "policy/pack/verify.hpp"

namespace ccp::policy {

/// fresh: as signed. grace: ran out, still enforced, and shown as stale. over: points of the class `enforce`
/// deny (`policy_stale`), those of the class `advisory` allow and mark the record.
enum class Standing : std::uint8_t { fresh, grace, over };
const char* toString(Standing standing) noexcept;

/// `now` is trustedNow(): a clock that was set back makes nothing fresh again. A built-in set never runs out.
Standing standing(const VerifiedSet& set, Timestamp trusted_now, Duration grace) noexcept;
/// How long a set that ran out goes on: what is configured in prod, 7 days in dev.
Duration graceOf(Channel channel, Duration configured) noexcept;

/// Before the next attempt after `failures` in a row: anything between 0.1 s and 1 s, 2 s, 4 s … 5 min
/// ("full jitter"), so that a thousand clients do not come back together.
Duration backoff(int failures, Random& random);

}  // namespace ccp::policy
