// DPoP proofs (RFC 9449): making one for the client, checking one for the server. Replay (jti) is the
// caller's to remember; this file is pure.
#pragma once

#include <optional>
#include <string>

#include "core/base/time.hpp"
#include "core/crypto/jws.hpp"

namespace ccp::crypto {

std::string makeDpopProof(const SigningKey& key, std::string_view method, std::string_view url, std::string_view jti,
                          Timestamp now, std::optional<std::string_view> access_token = std::nullopt);

struct DpopExpectation {
  std::string method;
  std::string url;                          ///< from server.public_url, never from Host; no query, no fragment
  Timestamp now;
  Duration max_age = seconds(300);
  Duration max_future = seconds(60);
  std::optional<std::string> access_token = {};  ///< then `ath` must match
  std::optional<std::string> jkt = {};           ///< then the key must have this thumbprint
};

struct DpopProof {
  std::string jkt;
  std::string jti;
  Timestamp issued_at;
  PublicKey key;
};

/// `proof_invalid` with the reason. Ed25519 is the only algorithm ("EdDSA" is its older name), as discovery says in
/// dpop_signing_alg_values_supported (docs/adr).
Result<DpopProof> verifyDpopProof(std::string_view proof, const DpopExpectation& expected);

}  // namespace ccp::crypto
