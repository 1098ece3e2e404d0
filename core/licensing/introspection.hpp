// Token introspection (RFC 7662) for services that take our access tokens and have no verifier of their
// own: is this token active, whose is it, and what is the organization licensed for now? A key of an
// organization may ask about tokens of that organization only; the answer about others, like the answer
// about anything that is not an active token, is {"active": false}.
// Whatever was asked a moment ago is answered from memory, on an event loop; a token, license or decision
// of the policies that is not known there goes to a worker.
// Threads: thread-safe. fromMemory() does no I/O, checks no signature and asks no policy.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/fresh_cache.hpp"
#include "core/http/message.hpp"
#include "core/licensing/license_memory.hpp"
#include "core/licensing/revocations.hpp"
#include "core/licensing/token_verifier.hpp"
#include "policy/decision/decision.hpp"

namespace ccp::licensing {

inline constexpr std::string_view kIntrospectScope = "introspect";

class Introspection {
 public:
  Introspection(const Clock& clock, Metrics& metrics, const config::Settings& settings, TokenVerifier& verifier,
                const RevocationList& revocations, LicenseMemory& licenses, policy::Decider& policies);

  /// The answer to a request whose principal is known; nothing: ask answer(). Errors in the form of
  /// RFC 6749 for bad requests (400, 403), else `stale_state`.
  std::optional<Result<http::Response>> fromMemory(const http::Request& request);
  /// The same with every look-up that it takes. Also `rate_limited` and the store's errors.
  Result<http::Response> answer(const http::Request& request);

 private:
  /// The license member of the answer, as the policies allow it to the bearer of one token.
  struct Gated {
    std::string fingerprint;  ///< of the facts that it was made of
    std::string json;
  };
  std::shared_ptr<const Gated> decide(const Digest& key, const VerifiedToken& token, const LicenseFacts& facts);

  TokenVerifier& verifier_;
  const RevocationList& revocations_;
  LicenseMemory& licenses_;
  policy::Decider& policies_;
  FreshCache<Digest, Gated, DigestHash> gated_;
};

}  // namespace ccp::licensing
