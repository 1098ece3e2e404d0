// Strict JSON: what is accepted survives writing and reading again, within its bounds.
#include "core/base/json.hpp"

#include "core/base/encoding.hpp"
#include "tests/fuzz/require.hpp"

namespace {

int depthOf(const ccp::Json& value) {
  int deepest = 0;
  for (const auto& item : value.items()) deepest = std::max(deepest, depthOf(item));
  for (const auto& member : value.members()) deepest = std::max(deepest, depthOf(member.second));
  return (value.isArray() || value.isObject()) ? deepest + 1 : 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ccp::fuzz::text(data, size);
  const ccp::JsonLimits limits{.max_bytes = 1 << 16, .max_depth = 16};
  const auto value = ccp::parseJson(text, limits);
  if (!value) {
    CCP_REQUIRE(value.error().code == ccp::Errc::bad_json || value.error().code == ccp::Errc::body_too_large);
    return 0;
  }
  CCP_REQUIRE(size <= limits.max_bytes);
  CCP_REQUIRE(ccp::isValidUtf8(text));
  CCP_REQUIRE(depthOf(*value) <= limits.max_depth);
  const auto dumped = value->dump();
  const auto again = ccp::parseJson(dumped, {.max_bytes = std::size_t{1} << 22, .max_depth = 16});
  CCP_REQUIRE(again.has_value());
  CCP_REQUIRE(*again == *value);
  CCP_REQUIRE(again->dump() == dumped);
  const auto pretty = ccp::parseJson(value->pretty(), {.max_bytes = std::size_t{1} << 24, .max_depth = 16});
  CCP_REQUIRE(pretty.has_value() && *pretty == *value);
  // Trailing text never passes.
  CCP_REQUIRE(!ccp::parseJson(dumped + "x"));
  return 0;
}
