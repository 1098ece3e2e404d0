// Verifies a license pack as a client does: offline, with a key ring that the root key signed.
// Pure; used by the CLI, libccp and the server's tests.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "core/crypto/jws.hpp"
#include "core/crypto/keyring.hpp"

namespace ccp::crypto {

/// valid until exp; in_grace until exp + grace_s, when the server could not be reached; then expired.
enum class PackState { valid, in_grace, expired };
const char* toString(PackState state) noexcept;

struct PackExpectation {
  std::string iss;
  std::string aud;
  std::string jkt;  ///< thumbprint of this device's key; empty: not checked (server side inspection)
  Timestamp now;
  Duration skew = minutes(5);
};

struct VerifiedPack {
  PackClaims claims;
  PackState state = PackState::expired;
  Timestamp usable_until;  ///< exp + grace_s
};

/// `token_wrong_type`, `algorithm_refused`, `key_unknown`, or `pack_invalid` with the reason. An
/// expired pack is no error here: the caller decides what still works.
Result<VerifiedPack> verifyPack(std::string_view pack, const KeyRing& ring, const PackExpectation& expected);

}  // namespace ccp::crypto
