// Compact JWS. What parses is canonical; nothing but the exact signed token verifies.
#include "core/crypto/jws.hpp"

#include <string>

#include "core/base/encoding.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::crypto;

namespace {

const SigningKey& key() {
  static const SigningKey value = *SigningKey::fromSeed(Bytes(32, 0x42));
  return value;
}
std::optional<PublicKey> trust(std::string_view) { return key().publicKey(); }  // any kid: the hardest case

void check(std::string_view token, std::string_view genuine) {
  const auto parsed = parseJws(token);
  if (parsed) {
    CCP_REQUIRE(parsed->header.isObject() && parsed->claims.isObject());
    CCP_REQUIRE(parsed->header.find("crit") == nullptr && parsed->header.find("b64") == nullptr);
    CCP_REQUIRE(parsed->signing_input + "." + base64UrlEncode(parsed->signature) == token);
  } else {
    CCP_REQUIRE(parsed.error().code == Errc::token_invalid);
  }
  const auto verified = verifyJws(token, kTypAccessToken, trust);
  CCP_REQUIRE(!verified || token == genuine);
  if (verified) {
    if (const auto claims = AccessClaims::from(*verified)) CCP_REQUIRE(AccessClaims::from(claims->json()).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string genuine = signJws(key(), kTypAccessToken, Json::object({{"sub", "usr_1"}, {"exp", 4102444800}}));
  const auto text = ccp::fuzz::text(data, size);
  check(text, genuine);
  // The input as a list of (position, mask) changes to the genuine token.
  std::string changed = genuine;
  for (std::size_t i = 0; i + 1 < size && i < 16; i += 2) {
    auto& c = changed[data[i] * changed.size() / 256];
    c = static_cast<char>(static_cast<unsigned char>(c) ^ data[i + 1]);
  }
  check(changed, genuine);
  // The input as header and as payload under the genuine signature.
  const auto dot = genuine.find('.');
  check(base64UrlEncode(bytesOf(text)) + genuine.substr(dot), genuine);
  check(genuine.substr(0, dot + 1) + base64UrlEncode(bytesOf(text)) + genuine.substr(genuine.rfind('.')), genuine);
  // The input as claims of a correctly signed token: readers refuse or read, and what they read survives.
  if (const auto claims = parseJson(text, {.max_bytes = 8192, .max_depth = 16}); claims && claims->isObject()) {
    (void)checkTimes(*claims, fromUnixSeconds(1'800'000'000));
    if (const auto access = AccessClaims::from(*claims)) CCP_REQUIRE(AccessClaims::from(access->json())->json() == access->json());
    if (const auto pack = PackClaims::from(*claims)) CCP_REQUIRE(PackClaims::from(pack->json())->json() == pack->json());
  }
  return 0;
}
