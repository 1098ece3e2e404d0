#include "policy/distribution/freshness.hpp"

#include <algorithm>

namespace ccp::policy {

const char* toString(Standing standing) noexcept {
  switch (standing) {
    case Standing::fresh: return "fresh";
    case Standing::grace: return "grace";
    case Standing::over: return "over";
  }
  return "over";
}

Standing standing(const VerifiedSet& set, Timestamp trusted_now, Duration grace) noexcept {
  if (set.origin == Origin::builtin || trusted_now < set.expires_at) return Standing::fresh;
  return trusted_now - set.expires_at < grace ? Standing::grace : Standing::over;
}

Duration graceOf(Channel channel, Duration configured) noexcept { return channel == Channel::dev ? Duration(hours(24 * 7)) : configured; }

Duration backoff(int failures, Random& random) {
  constexpr std::int64_t kLongestMs = 5 * 60 * 1000;
  const int doublings = std::clamp(failures - 1, 0, 16);
  const std::int64_t cap = std::min(kLongestMs, std::int64_t{1000} << doublings);
  return milliseconds(std::max<std::int64_t>(100, random.below(static_cast<std::uint32_t>(cap) + 1)));
}

}  // namespace ccp::policy
