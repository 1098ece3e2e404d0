// The key ring: which public keys sign packs, access tokens and policy channels, and since when.
// The server publishes it as `ccp.keyring/1` in a DSSE envelope signed by the root key; clients
// trust nothing but that root key. Pure values; no clock, no I/O.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/crypto/jws.hpp"

namespace ccp::crypto {

enum class KeyUse { pack, access, channel };
const char* toString(KeyUse use) noexcept;
std::optional<KeyUse> keyUseFrom(std::string_view text) noexcept;

/// pending: published, not yet signing; active: signs; retiring: what it signed still verifies;
/// retired: no longer published; compromised: refused at once and named as such.
enum class KeyState { pending, active, retiring, retired, compromised };
const char* toString(KeyState state) noexcept;
std::optional<KeyState> keyStateFrom(std::string_view text) noexcept;

struct RingKey {
  std::string kid;  ///< thumbprint of `key`
  KeyUse use = KeyUse::pack;
  KeyState state = KeyState::pending;
  PublicKey key;
  Timestamp not_before_at;
};

struct KeyRing {
  std::string iss;
  std::int64_t version = 0;
  Timestamp issued_at, expires_at;
  std::vector<RingKey> keys;             ///< published ones: pending, active, retiring
  std::vector<std::string> compromised;  ///< kids that must never verify again

  /// The key that signs for `use` at `now`: of the active and due pending ones the newest.
  const RingKey* signingKey(KeyUse use, Timestamp now) const noexcept;
  /// A published key of this use, whatever its state; nothing for a compromised one.
  std::optional<PublicKey> verificationKey(KeyUse use, std::string_view kid) const;
  /// verificationKey as verifyJws takes it. The ring must outlive the function.
  KeyLookup lookup(KeyUse use) const;
  /// Payload of the published document.
  Json document() const;
  /// RFC 7517 key set of the published keys.
  Json jwks() const;
};

/// The ring as a DSSE envelope signed by the root key.
std::string signKeyRing(const KeyRing& ring, const SigningKey& root);

struct KeyRingExpectation {
  std::string iss;               ///< empty: any (first contact)
  Timestamp now;
  std::int64_t min_version = 0;  ///< highest version seen so far: an older ring is a rollback
  Duration skew = minutes(5);
};

/// Verifies and reads a published ring. `envelope_invalid` (form, issuer, time, rollback),
/// `key_unknown`, `signature_invalid` (root), `signature_stale` (ring expired).
Result<KeyRing> parseKeyRing(std::string_view envelope, const std::map<std::string, PublicKey>& root_keys,
                             const KeyRingExpectation& expected);

}  // namespace ccp::crypto
