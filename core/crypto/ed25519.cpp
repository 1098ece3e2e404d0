#include "core/crypto/ed25519.hpp"

#include <sodium.h>

#include <algorithm>
#include <stdexcept>

#include "core/crypto/sodium.hpp"

namespace ccp::crypto {
namespace {

/// RFC 7517/7518 members that hold or wrap private or symmetric key material.
constexpr std::string_view kPrivateMembers[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

tl::unexpected<Error> refuseJwk(std::string why) {
  return fail(Errc::bad_encoding, "Not a public Ed25519 JWK: " + std::move(why) + ".");
}

}  // namespace

std::string PublicKey::thumbprint() const {
  // RFC 7638: required members in lexicographic order, no white space. RFC 8037, section 2 names them.
  const std::string canonical = R"({"crv":"Ed25519","kty":"OKP","x":")" + base64UrlEncode(bytes) + R"("})";
  return base64UrlEncode(sha256(bytesOf(canonical)));
}

Json PublicKey::jwk() const {
  return Json::object({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64UrlEncode(bytes)}});
}

Result<PublicKey> publicKeyFromJwk(const Json& jwk) {
  ensureSodium();
  if (!jwk.isObject()) return refuseJwk("it is no JSON object");
  for (const auto name : kPrivateMembers) {
    if (jwk.find(name)) return refuseJwk("it has the private member \"" + std::string(name) + "\"");
  }
  if (jwk.strOr("kty") != "OKP") return refuseJwk("kty must be OKP");
  if (jwk.strOr("crv") != "Ed25519") return refuseJwk("crv must be Ed25519");
  // One algorithm, two names: EdDSA of RFC 8037, Ed25519 of RFC 9864.
  if (const auto alg = jwk.strOr("alg"); jwk.find("alg") && alg != "EdDSA" && alg != "Ed25519") return refuseJwk("alg must be Ed25519 or EdDSA");
  if (jwk.find("use") && jwk.strOr("use") != "sig") return refuseJwk("use must be sig");
  const auto* x = jwk["x"].asString();
  if (!x) return refuseJwk("x is missing");
  const auto bytes = base64UrlDecode(*x);
  if (!bytes || bytes->size() != 32) return refuseJwk("x must be 32 bytes in base64url");
  // Canonical, on the curve, of the prime-order subgroup: a low-order key would let one signature
  // verify for many messages.
  if (crypto_core_ed25519_is_valid_point(bytes->data()) != 1) return refuseJwk("x is no point of the main subgroup");
  PublicKey key;
  std::copy(bytes->begin(), bytes->end(), key.bytes.begin());
  return key;
}

SigningKey SigningKey::generate(Random& random) {
  std::array<std::uint8_t, 32> seed{};
  random.fill(seed);
  auto key = fromSeed(seed);
  sodium_memzero(seed.data(), seed.size());
  return std::move(*key);  // 32 bytes always make a key
}

Result<SigningKey> SigningKey::fromSeed(std::span<const std::uint8_t> seed) {
  ensureSodium();
  if (seed.size() != crypto_sign_SEEDBYTES) return fail(Errc::bad_encoding, "An Ed25519 seed has 32 bytes.");
  SigningKey key;
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret{};
  crypto_sign_seed_keypair(key.public_.bytes.data(), secret.data(), seed.data());
  key.secret_ = SecretBytes(std::span<const std::uint8_t>(secret));
  sodium_memzero(secret.data(), secret.size());
  return key;
}

std::array<std::uint8_t, 64> SigningKey::sign(std::span<const std::uint8_t> message) const {
  if (secret_.size() != crypto_sign_SECRETKEYBYTES) throw std::logic_error("signing with a moved-from key");
  std::array<std::uint8_t, 64> signature{};
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret_.view().data());
  return signature;
}

SecretBytes SigningKey::seed() const { return SecretBytes(secret_.view().first(crypto_sign_SEEDBYTES)); }

bool verifySignature(const PublicKey& key, std::span<const std::uint8_t> message,
                     std::span<const std::uint8_t> signature) noexcept {
  ensureSodium();
  if (signature.size() != crypto_sign_BYTES) return false;
  // libsodium refuses S >= L and small-order R and A here; the subgroup check covers mixed-order A.
  if (crypto_core_ed25519_is_valid_point(key.bytes.data()) != 1) return false;
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.bytes.data()) == 0;
}

}  // namespace ccp::crypto
