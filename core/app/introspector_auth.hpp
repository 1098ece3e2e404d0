// Who may ask whether tokens are active (Auth::introspector): an API key of an organization, or the
// deployer's <state>/introspection.key for services of its own, which may ask about every organization
// and nothing else. As `Authorization: Bearer KEY`, or Basic with the key as password for OAuth clients
// (RFC 6749, 2.3.1). Keys are remembered for seconds; one revoked on this node is forgotten at once.
// Threads: thread-safe. fromMemory() does no I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/app/key_file.hpp"
#include "core/base/fresh_cache.hpp"
#include "core/base/keyed_hash.hpp"
#include "core/http/message.hpp"
#include "core/http/rate_limit.hpp"
#include "core/identity/api_keys.hpp"

namespace ccp::app {

class IntrospectorAuth {
 public:
  /// What Basic names the deployer's key by; an API key goes by its id.
  static constexpr std::string_view kDeployer = "introspection";

  static Status prepare(const std::string& file, Random& random);
  /// `keys` must outlive this; revocations of `keys` are told here from now on.
  IntrospectorAuth(std::string file, const Clock& clock, Random& random, Metrics& metrics, identity::ApiKeys& keys);

  std::optional<Result<http::Principal>> fromMemory(const http::Request& request);
  /// `unauthenticated`; `rate_limited` after many wrong keys from one address. Whether the key has the
  /// scope is for the route to say.
  Result<http::Principal> authenticate(const http::Request& request);

 private:
  Result<http::Principal> lookUp(std::string_view header);

  KeyFile file_;
  identity::ApiKeys& keys_;
  const KeyedHash hash_;
  http::RateLimiter failures_;
  FreshCache<Digest, http::Principal, DigestHash> known_;  ///< by the hash of the Authorization header
};

}  // namespace ccp::app
