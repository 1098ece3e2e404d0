// Access tokens whose signature was checked before: the hash of a token -> what it says. Also, for a few
// seconds, tokens that were refused, so that a client that repeats a bad one costs no signature check.
// What can end a token is not remembered here: its expiry, its key and the revocations are asked for at
// every use (docs/adr/0025-on-loop-validation.md).
// Threads: thread-safe; one short lock, no I/O.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/keyed_hash.hpp"
#include "core/base/sharded_cache.hpp"
#include "core/crypto/jws.hpp"
#include "core/http/principal.hpp"

namespace ccp::licensing {

/// What is kept of a token; the token itself is not.
struct VerifiedToken {
  VerifiedToken(const crypto::AccessClaims& claims, std::string signed_by, std::int64_t ring);
  std::size_t bytes() const noexcept;

  const http::Principal principal;
  const Timestamp expires_at;
  const std::string kid;            ///< the key that its signature was checked with
  const std::string introspection;  ///< members of RFC 7662's answer, without braces
  /// The newest key ring that is known to hold that key.
  mutable std::atomic<std::int64_t> ring_version;
};
using TokenPtr = std::shared_ptr<const VerifiedToken>;

inline constexpr Duration kRefusalLife = seconds(5);
inline constexpr CacheLimits kRefusalLimits{.entries = 8192, .bytes = 4u << 20};

class TokenCache {
 public:
  TokenCache(const Clock& clock, Random& random, Metrics& metrics, CacheLimits limits);

  /// The name of a token here: a hash under a key of this process.
  Digest keyOf(std::string_view token) const noexcept { return hash_(token); }

  struct Found {
    TokenPtr token;
    std::optional<Error> refused;
    bool known() const noexcept { return token || refused; }
  };
  Found find(const Digest& key);
  void keep(const Digest& key, TokenPtr token);
  /// For kRefusalLife. Only what does not change by itself: not `key_unknown`, not `stale_state`.
  void refuse(const Digest& key, Error error);

  std::size_t size() const noexcept { return tokens_.size(); }
  std::size_t refusals() const noexcept { return refusals_.size(); }

 private:
  struct Refusal {
    Error error;
    std::uint64_t until_ns = 0;
  };
  const Clock& clock_;
  const KeyedHash hash_;
  ShardedCache<Digest, const VerifiedToken, DigestHash> tokens_;
  ShardedCache<Digest, const Refusal, DigestHash> refusals_;
};

}  // namespace ccp::licensing
