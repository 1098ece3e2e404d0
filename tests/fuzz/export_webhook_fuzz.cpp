// What a receiver may answer to our webhooks: the header Retry-After is whatever it likes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plugins/export_webhook/rules.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::int64_t kNow = 1'800'000'000;
  const auto wait = webhook_export::retryAfterMs(text, kNow);
  CCP_REQUIRE(!wait || (*wait > 0 && *wait <= 86'400'000));
  return 0;
}
