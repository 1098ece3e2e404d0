// DSSE envelopes: the one signing envelope of CCP (policy documents, plugin manifests, key ring,
// revocation lists). Signature over "DSSEv1" SP len(type) SP type SP len(payload) SP payload.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/crypto/ed25519.hpp"

namespace ccp::crypto {

inline constexpr std::string_view kPayloadPluginManifest = "application/vnd.ccp.plugin-manifest+json";
inline constexpr std::string_view kPayloadKeyRing = "application/vnd.ccp.keyring+json";

struct DsseSignature {
  std::string keyid;
  Bytes signature;
};
struct DsseEnvelope {
  std::string payload_type;
  std::string payload;  ///< exact bytes
  std::vector<DsseSignature> signatures;
};

/// The bytes that are signed ("pre-authentication encoding").
std::string dssePae(std::string_view payload_type, std::string_view payload);

/// Strict JSON with exactly the three members; `envelope_invalid` otherwise.
Result<DsseEnvelope> parseDsse(std::string_view text, std::size_t max_bytes = 2u << 20);
std::string signDsse(std::string_view payload_type, std::string_view payload, const std::vector<const SigningKey*>& keys);

/// The payload once at least `threshold` different trusted keys verify; one key counts once.
/// `envelope_invalid` (other type), `key_unknown` (no trusted key at all), `signature_invalid`.
Result<std::string> verifyDsse(std::string_view envelope, std::string_view payload_type,
                               const std::map<std::string, PublicKey>& trusted, std::size_t threshold = 1);

}  // namespace ccp::crypto
