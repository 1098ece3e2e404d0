// Is this an access token of ours, in time? From memory when its signature was checked before; cold
// checks are metered per client address, because each costs a core some 60 microseconds. Whether the
// session or license version was revoked is the caller's to ask (RevocationList), at every use.
// Threads: thread-safe. known() does no I/O and checks no signature; verify() may read the keys.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/config/settings.hpp"
#include "core/http/rate_limit.hpp"
#include "core/licensing/keys.hpp"
#include "core/licensing/token_cache.hpp"

namespace ccp::licensing {

class TokenVerifier {
 public:
  TokenVerifier(const Clock& clock, Random& random, Metrics& metrics, const config::Settings& settings, KeyService& keys);

  Digest keyOf(std::string_view token) const noexcept { return cache_.keyOf(token); }
  /// The answer when it is known; nothing: ask verify(). `stale_state` is always known.
  std::optional<Result<TokenPtr>> known(const Digest& key);
  /// `token_invalid`, `token_expired`, `token_wrong_type`, `algorithm_refused`, `key_unknown`,
  /// `stale_state`; `rate_limited` when `address` has sent too many tokens that were not known.
  Result<TokenPtr> verify(std::string_view token, const std::string& address);

 private:
  Result<crypto::AccessClaims> check(std::string_view token, std::string& kid);

  const Clock& clock_;
  const config::Settings& settings_;
  KeyService& keys_;
  TokenCache cache_;
  std::unique_ptr<http::RateLimiter> cold_;  ///< null: no limit
  Counter& refused_cold_;
};

}  // namespace ccp::licensing
