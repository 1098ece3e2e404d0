// Ed25519 keys and RFC 7638 thumbprints over libsodium. EdDSA is the only algorithm CCP signs with.
#pragma once

#include <array>
#include <string>

#include "core/base/encoding.hpp"
#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/random.hpp"
#include "core/base/secret.hpp"

namespace ccp::crypto {

struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};
  /// RFC 7638 SHA-256 thumbprint of the OKP JWK, base64url: our `kid` and `jkt`.
  std::string thumbprint() const;
  /// {"kty":"OKP","crv":"Ed25519","x":…}
  Json jwk() const;
  bool operator==(const PublicKey&) const = default;
};

/// From a JWK with kty OKP, crv Ed25519; refuses private members, low-order and non-canonical points.
Result<PublicKey> publicKeyFromJwk(const Json& jwk);

class SigningKey {
 public:
  static SigningKey generate(Random& random);
  /// From the 32-byte seed.
  static Result<SigningKey> fromSeed(std::span<const std::uint8_t> seed);
  const PublicKey& publicKey() const noexcept { return public_; }
  std::array<std::uint8_t, 64> sign(std::span<const std::uint8_t> message) const;
  /// The 32-byte seed, for sealing.
  SecretBytes seed() const;

 private:
  SigningKey() = default;
  SecretBytes secret_;  // 64 bytes: seed and public key, as libsodium keeps it
  PublicKey public_;
};

bool verifySignature(const PublicKey& key, std::span<const std::uint8_t> message, std::span<const std::uint8_t> signature) noexcept;

}  // namespace ccp::crypto
