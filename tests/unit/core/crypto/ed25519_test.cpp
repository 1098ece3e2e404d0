#include "core/crypto/ed25519.hpp"

#include <doctest/doctest.h>
#include <sodium.h>

#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::crypto;

namespace {

// RFC 8037, appendix A.
constexpr const char* kSeed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
constexpr const char* kPublic = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

SigningKey rfcKey() { return *SigningKey::fromSeed(*base64UrlDecode(kSeed)); }
Json okp(std::string_view x) { return Json::object({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", x}}); }

}  // namespace

TEST_CASE("a seed makes the public key of RFC 8037 A.1 and the thumbprint of A.3") {
  const auto key = rfcKey();
  CHECK(base64UrlEncode(key.publicKey().bytes) == kPublic);
  CHECK(key.publicKey().thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  CHECK(key.publicKey().jwk() == okp(kPublic));
  CHECK(base64UrlEncode(key.seed().view()) == kSeed);
}

TEST_CASE("a signature equals that of RFC 8037 A.4 and verifies") {
  const auto key = rfcKey();
  const std::string_view input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  const auto signature = key.sign(bytesOf(input));
  CHECK(base64UrlEncode(signature) == "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  CHECK(verifySignature(key.publicKey(), bytesOf(input), signature));
}

TEST_CASE("every flipped bit of a signature is refused") {
  const auto key = rfcKey();
  const auto signature = key.sign(bytesOf("text"));
  for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
    auto changed = signature;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    CHECK_FALSE(verifySignature(key.publicKey(), bytesOf("text"), changed));
  }
  CHECK_FALSE(verifySignature(key.publicKey(), bytesOf("texT"), signature));
  CHECK_FALSE(verifySignature(key.publicKey(), bytesOf("text"), std::span(signature).first(63)));
}

TEST_CASE("a signature whose S is not reduced is refused") {
  const auto key = rfcKey();
  auto signature = key.sign(bytesOf("text"));
  // S + L, little endian: the classic malleability of Ed25519.
  constexpr std::uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                      0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned>(signature[32 + i]) + order[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry & 0xff);
    carry >>= 8;
  }
  CHECK_FALSE(verifySignature(key.publicKey(), bytesOf("text"), signature));
}

TEST_CASE("a public JWK is read, with and without the optional members") {
  CHECK(publicKeyFromJwk(okp(kPublic))->thumbprint() == rfcKey().publicKey().thumbprint());
  Json full = okp(kPublic);
  full.set("alg", "EdDSA").set("use", "sig").set("kid", "anything");
  CHECK(publicKeyFromJwk(full).has_value());
}

TEST_CASE("what is no public Ed25519 JWK is refused with bad_encoding") {
  struct Row {
    const char* name;
    Json jwk;
  };
  const auto with = [](const char* member, Json value) {
    Json jwk = okp(kPublic);
    jwk.set(member, std::move(value));
    return jwk;
  };
  const Row rows[] = {
      {"no object", Json("x")},
      {"private member d", with("d", kSeed)},
      {"private member k", with("k", "AAAA")},
      {"kty EC", with("kty", "EC")},
      {"crv X25519", with("crv", "X25519")},
      {"crv in another case", with("crv", "ed25519")},
      {"alg ES256", with("alg", "ES256")},
      {"use enc", with("use", "enc")},
      {"x missing", Json::object({{"kty", "OKP"}, {"crv", "Ed25519"}})},
      {"x a number", with("x", 1)},
      {"x short", okp("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ")},
      {"x padded", okp(std::string(kPublic) + "=")},
      {"x not canonical", okp("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp")},
      {"x in the other alphabet", okp("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo")},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto key = publicKeyFromJwk(row.jwk);
    REQUIRE_FALSE(key);
    CHECK(key.error().code == Errc::bad_encoding);
  }
}

TEST_CASE("low-order, non-canonical and mixed-order points are refused") {
  const char* points[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p: zero, not canonical
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p + 1: one, not canonical
      "0200000000000000000000000000000000000000000000000000000000000000",  // not on the curve
  };
  for (const auto* hex : points) {
    CAPTURE(hex);
    const auto bytes = *hexDecode(hex);
    CHECK_FALSE(publicKeyFromJwk(okp(base64UrlEncode(bytes))));
    PublicKey key;
    std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
    CHECK_FALSE(verifySignature(key, bytesOf("text"), Bytes(64, 0)));
  }
  // A good key plus a point of order 8: on the curve and canonical, but outside the main subgroup.
  const auto good = rfcKey().publicKey();
  const auto torsion = *hexDecode("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
  Bytes mixed(32);
  REQUIRE(crypto_core_ed25519_is_valid_point(good.bytes.data()) == 1);
  if (crypto_core_ed25519_add(mixed.data(), good.bytes.data(), torsion.data()) == 0) {
    CHECK_FALSE(publicKeyFromJwk(okp(base64UrlEncode(mixed))));
  }
}

TEST_CASE("a seed of another length makes no key") {
  CHECK(SigningKey::fromSeed(Bytes(31)).error().code == Errc::bad_encoding);
  CHECK(SigningKey::fromSeed(Bytes(64)).error().code == Errc::bad_encoding);
}

TEST_CASE("generated keys differ and come from the given randomness") {
  test::SeededRandom one(7), again(7), other(8);
  const auto a = SigningKey::generate(one).publicKey();
  CHECK(a == SigningKey::generate(again).publicKey());
  CHECK_FALSE(a == SigningKey::generate(other).publicKey());
}
