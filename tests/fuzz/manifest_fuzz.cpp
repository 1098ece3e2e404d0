// Plugin manifests and their envelopes, as an attacker writes them: nothing is accepted that breaks a rule
// the loader relies on, and nothing that the test's key did not sign.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/crypto/dsse.hpp"
#include "core/package/manifest.hpp"
#include "core/package/trust/verify.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

const crypto::SigningKey& key() {
  static const auto one = [] {
    const std::uint8_t seed[32] = {7};
    return *crypto::SigningKey::fromSeed(seed);
  }();
  return one;
}

const Timestamp kNow = fromUnixSeconds(1'800'000'000);

void checkAccepted(const Manifest& m) {
  CCP_REQUIRE(!m.id.empty() && m.id.find('/') == std::string::npos && m.id.find("..") == std::string::npos);
  CCP_REQUIRE(m.abi_major >= 1 && m.max_concurrency >= 1 && m.op_timeout > Duration::zero() && m.output_bytes > 0);
  CCP_REQUIRE(m.permissions.kv_bytes >= 0);
  for (const auto& origin : m.permissions.egress) CCP_REQUIRE(originOf(origin) == origin && origin.starts_with("https://"));
  for (const auto& pattern : m.permissions.secrets) CCP_REQUIRE(pattern != "*" && !pattern.empty() && pattern[0] != '/' && pattern.find("..") == std::string::npos);
  CCP_REQUIRE(m.files.count(m.library) == 1);
  for (const auto& [path, hash] : m.files) {
    CCP_REQUIRE(path[0] != '/' && path.find("..") == std::string::npos && path.find('\0') == std::string::npos);
    CCP_REQUIRE(hash.size() == 64);
  }
  CCP_REQUIRE(m.config_schema.empty() || m.files.count(m.config_schema) == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const TrustStore trust(key().publicKey());
  // As a manifest; one that parses also passes through a signature of the trusted key.
  if (const auto manifest = parseManifest(text)) {
    checkAccepted(*manifest);
    const auto envelope = crypto::signDsse(crypto::kPayloadPluginManifest, text, {&key()});
    const auto verified = trust.verify(envelope, text, Channel::prod, kNow, "fuzz");
    CCP_REQUIRE(verified.has_value() == manifest->id.starts_with(kVendorPrefix));
    CCP_REQUIRE(!trust.verify(crypto::signDsse(crypto::kPayloadKeyRing, text, {&key()}), text, Channel::prod, kNow, "fuzz").has_value());
    // Unsigned: in dev mode only, never a first-party id, never with leave to run inside ccpd.
    CCP_REQUIRE(!trust.verify(std::nullopt, text, Channel::prod, kNow, "fuzz").has_value());
    const auto unsigned_one = trust.verify(std::nullopt, text, Channel::dev, kNow, "fuzz");
    CCP_REQUIRE(unsigned_one.has_value() == !manifest->id.starts_with(kVendorPrefix));
    CCP_REQUIRE(!unsigned_one || (unsigned_one->trust == "unsigned" && !unsigned_one->inproc));
  }
  // As an envelope: the fuzzer does not know the key.
  CCP_REQUIRE(!trust.verify(text, text, Channel::dev, kNow, "fuzz").has_value());
  if (const auto origin = originOf(text)) CCP_REQUIRE(originOf(*origin) == origin);
  return 0;
}
