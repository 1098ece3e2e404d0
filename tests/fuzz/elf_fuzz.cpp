// Libraries as an attacker writes them, for the reader that the conformance kit examines them with before
// anything of them runs; and patterns of schemas, for which it makes texts.
#include <cstdint>
#include <string>
#include <string_view>

#include "sdk/conformance/elf_reader.hpp"
#include "sdk/conformance/example.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = ccp::fuzz::text(data, size);
  if (const auto facts = ccp::kit::readElf(bytes)) {
    // Whatever is reported stood in the file.
    for (const auto& symbol : facts->exported) CCP_REQUIRE(bytes.find(symbol.name) != std::string_view::npos);
    for (const auto& name : facts->needed) CCP_REQUIRE(bytes.find(name) != std::string_view::npos);
  }
  if (const auto text = ccp::kit::textMatching(bytes)) CCP_REQUIRE(text->size() <= 8192);
  return 0;
}
