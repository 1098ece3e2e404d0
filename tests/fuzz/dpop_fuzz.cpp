// DPoP proofs and the URLs in them. A proof verifies only when its key signed exactly these bytes.
#include "core/crypto/dpop.hpp"

#include <string>

#include "core/crypto/htu.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::crypto;

namespace {

const Timestamp kNow = fromUnixSeconds(1'800'000'000);
constexpr const char* kUrl = "https://ccp.example/oauth/token";

const SigningKey& key() {
  static const SigningKey value = *SigningKey::fromSeed(Bytes(32, 0x43));
  return value;
}
DpopExpectation expecting() { return DpopExpectation{.method = "POST", .url = kUrl, .now = kNow}; }

void check(std::string_view proof, std::string_view genuine) {
  auto expected = expecting();
  const auto result = verifyDpopProof(proof, expected);
  if (!result) {
    CCP_REQUIRE(result.error().code == Errc::proof_invalid);
    return;
  }
  CCP_REQUIRE(!result->jti.empty() && result->jti.size() <= 256);
  CCP_REQUIRE(result->jkt == result->key.thumbprint());
  CCP_REQUIRE(result->issued_at >= kNow - expected.max_age && result->issued_at <= kNow + expected.max_future);
  // Anybody may sign with a key of their own; with the device's key only the genuine proof exists.
  expected.jkt = key().publicKey().thumbprint();
  CCP_REQUIRE(!verifyDpopProof(proof, expected) || proof == genuine);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string genuine = makeDpopProof(key(), "POST", kUrl, "jti-1", kNow);
  const auto text = ccp::fuzz::text(data, size);
  check(genuine, genuine);
  check(text, genuine);
  std::string changed = genuine;
  for (std::size_t i = 0; i + 1 < size && i < 16; i += 2) {
    auto& c = changed[data[i] * changed.size() / 256];
    c = static_cast<char>(static_cast<unsigned char>(c) ^ data[i + 1]);
  }
  check(changed, genuine);

  // Correctly signed claims of any shape: refused, or within every bound.
  if (const auto claims = parseJson(text, {.max_bytes = 4096, .max_depth = 8}); claims && claims->isObject()) {
    const Json header = Json::object({{"typ", kTypDpop}, {"alg", "EdDSA"}, {"jwk", key().publicKey().jwk()}});
    const auto result = verifyDpopProof(signJwsWithHeader(key(), header, *claims), expecting());
    if (result) {
      CCP_REQUIRE(claims->strOr("htm") == "POST");
      CCP_REQUIRE(normalizeHtu(claims->strOr("htu")) == normalizeHtu(kUrl));
      CCP_REQUIRE(!result->jti.empty() && result->jti.size() <= 256);
    }
  }
  // Normalising is idempotent, and a normal URL holds neither query nor credentials.
  if (const auto normal = normalizeHtu(text)) {
    CCP_REQUIRE(normalizeHtu(*normal) == normal);
    CCP_REQUIRE(normal->find_first_of("?#@ \\") == std::string::npos || normal->find('@') > normal->find('/', 8));
  }
  return 0;
}
