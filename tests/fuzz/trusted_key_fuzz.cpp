// What operators post to trust a key, as an attacker writes it: nothing is accepted that reaches "ccp.",
// that is trusted with everything by mistake, or that reads differently the second time.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/package/trust/key_file.hpp"
#include "core/package/trust/trusted_key.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::plugin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  if (const auto named = parsePublicKey(text)) {
    const auto again = parsePublicKey(publicKeyJson(*named).dump());
    CCP_REQUIRE(again && again->key == named->key && again->title == named->title);
  }
  const auto json = parseJson(text, {16 << 10, 32});
  if (!json) return 0;
  const auto key = parseTrustedKey(*json);
  if (!key) {
    CCP_REQUIRE(key.error().code == Errc::validation_failed);
    return 0;
  }
  CCP_REQUIRE(!key->prefixes.empty() && !key->channels.empty() && !key->revoked_at);
  for (const auto& prefix : key->prefixes) {
    CCP_REQUIRE(prefix.size() > 1 && prefix.ends_with('.'));
    CCP_REQUIRE(!std::string_view("ccp.").starts_with(prefix) && !prefix.starts_with("ccp."));
  }
  CCP_REQUIRE(!key->maySign("ccp.billing-polar") && !key->maySign("ccp."));
  for (const auto& pattern : key->grants.egress) {
    CCP_REQUIRE(pattern == "*" || pattern.starts_with("https://"));
    CCP_REQUIRE(pattern == "*" || !matchesOrigin(pattern, "http://example.com"));
  }
  CCP_REQUIRE(key->grants.kv_bytes >= 0);
  // As the database keeps it.
  TrustedKey stored;
  stored.key = key->key;
  CCP_REQUIRE(readTerms(*parseJson(key->terms().dump()), stored).has_value());
  CCP_REQUIRE(stored.terms() == key->terms());
  return 0;
}
