// DSSE envelopes and the key ring inside one.
#include "core/crypto/dsse.hpp"

#include <string>

#include "core/crypto/keyring.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::crypto;

namespace {

constexpr const char* kPayload = "{\"a\":1}";

const SigningKey& key() {
  static const SigningKey value = *SigningKey::fromSeed(Bytes(32, 0x44));
  return value;
}
const std::map<std::string, PublicKey>& trusted() {
  static const std::map<std::string, PublicKey> keys{{key().publicKey().thumbprint(), key().publicKey()}};
  return keys;
}

void check(std::string_view text) {
  const auto parsed = parseDsse(text);
  if (parsed) {
    CCP_REQUIRE(!parsed->signatures.empty() && !parsed->payload_type.empty());
    // Written again from its parts it is the same envelope.
    Json signatures = Json::array();
    for (const auto& s : parsed->signatures) {
      signatures.push(Json::object({{"keyid", s.keyid}, {"sig", base64Encode(s.signature)}}));
    }
    const Json again = Json::object({{"payloadType", parsed->payload_type}, {"payload", base64Encode(bytesOf(parsed->payload))}, {"signatures", signatures}});
    CCP_REQUIRE(again == *parseJson(text, {.max_bytes = 2u << 20, .max_depth = 4}));
  } else {
    CCP_REQUIRE(parsed.error().code == Errc::envelope_invalid);
  }
  const auto payload = verifyDsse(text, kPayloadKeyRing, trusted());
  CCP_REQUIRE(!payload || *payload == kPayload);  // the only payload this key ever signed as a key ring
  CCP_REQUIRE(!verifyDsse(text, kPayloadPluginManifest, trusted()));
  CCP_REQUIRE(!verifyDsse(text, kPayloadKeyRing, trusted(), 2));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string genuine = signDsse(kPayloadKeyRing, kPayload, {&key()});
  const auto text = ccp::fuzz::text(data, size);
  check(text);
  check(genuine);
  std::string changed = genuine;
  for (std::size_t i = 0; i + 1 < size && i < 16; i += 2) {
    auto& c = changed[data[i] * changed.size() / 256];
    c = static_cast<char>(static_cast<unsigned char>(c) ^ data[i + 1]);
  }
  check(changed);
  // The input as a correctly signed ring: refused, or it writes itself again.
  const auto ring = parseKeyRing(signDsse(kPayloadKeyRing, text, {&key()}), trusted(), {.iss = {}, .now = fromUnixSeconds(1'800'000'000)});
  if (ring) {
    const auto again = parseKeyRing(signKeyRing(*ring, key()), trusted(), {.iss = ring->iss, .now = fromUnixSeconds(1'800'000'000), .min_version = ring->version});
    CCP_REQUIRE(again && again->document() == ring->document());
    for (const auto& kid : ring->compromised) CCP_REQUIRE(!ring->verificationKey(KeyUse::pack, kid));
  }
  return 0;
}
