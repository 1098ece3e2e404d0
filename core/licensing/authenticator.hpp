// Who sends `Authorization: DPoP <access token>` with a proof (RFC 9449, section 7). The composite
// authenticator of core/app asks this one for that scheme. Threads: thread-safe.
#pragma once

#include "core/config/settings.hpp"
#include "core/http/message.hpp"
#include "core/identity/service.hpp"
#include "core/licensing/replay_cache.hpp"
#include "core/licensing/revocations.hpp"
#include "core/licensing/token_verifier.hpp"

namespace ccp::licensing {

class AccessTokenAuthenticator {
 public:
  /// `replays` is durable and used where a repeated request does something; a cache serves the rest.
  AccessTokenAuthenticator(const Clock& clock, Random& random, Metrics& metrics, const config::Settings& settings,
                           TokenVerifier& verifier, const RevocationList& revocations, identity::ReplayGuard& replays)
      : clock_(clock), settings_(settings), verifier_(verifier), revocations_(revocations), replays_(replays), cache_(random, metrics) {}

  /// True when the request uses the scheme DPoP: then authenticate() has the word.
  static bool claims(const http::Request& request);
  /// `unauthenticated`, `token_invalid`, `token_expired`, `token_wrong_type`, `algorithm_refused`,
  /// `key_unknown`, `token_revoked`, `proof_invalid`, `proof_replayed`, `stale_state`, `rate_limited`.
  Result<http::Principal> authenticate(const http::Request& request);

 private:
  Status verifyProof(const http::Request& request, const std::string& token, const std::string& jkt);

  const Clock& clock_;
  const config::Settings& settings_;
  TokenVerifier& verifier_;
  const RevocationList& revocations_;
  identity::ReplayGuard& replays_;
  ReplayCache cache_;
};

}  // namespace ccp::licensing
