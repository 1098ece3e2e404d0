// The JSON helper for C plugins beside the server's strict parser: what the server accepts, the helper
// accepts and reads to the same values; what the helper accepts survives its own writer.
#include "ccp/c/json.h"

#include <string>

#include "ccp/c/plugin.h"
#include "core/base/json.hpp"
#include "tests/fuzz/require.hpp"

namespace {

void sameValue(ccp_str text, const char* where, const ccp::Json& expected) {
  static char buffer[1 << 17];
  ccp_str string{};
  std::int64_t number = 0;
  int flag = 0;
  const int as_string = ccp_json_string(text, where, buffer, sizeof buffer, &string);
  const int as_int = ccp_json_int(text, where, &number);
  const int as_bool = ccp_json_bool(text, where, &flag);
  if (const auto* s = expected.asString()) CCP_REQUIRE(as_string == CCP_JSON_FOUND && *s == std::string(string.ptr, string.len));
  else CCP_REQUIRE(as_string != CCP_JSON_FOUND);
  if (as_int == CCP_JSON_FOUND) CCP_REQUIRE(expected.asInt() && *expected.asInt() == number);
  if (as_bool == CCP_JSON_FOUND) CCP_REQUIRE(expected.asBool() && *expected.asBool() == (flag == 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto view = ccp::fuzz::text(data, size);
  const ccp_str text{view.data(), view.size()};
  const bool ours = ccp_json_valid(text) == 1;
  const auto theirs = ccp::parseJson(view, {.max_bytes = std::size_t{1} << 16, .max_depth = 64});
  if (theirs) {
    CCP_REQUIRE(ours);
    sameValue(text, "", *theirs);
    for (const auto& [name, value] : theirs->members()) {
      if (name.empty() || name.front() == '/' || name.find('\0') != std::string::npos) continue;
      sameValue(text, name.c_str(), value);
    }
  }
  // Look-ups are safe on anything.
  ccp_str value{};
  for (const char* where : {"", "a", "/", "/a/0", "/0/0", "/a~1b"}) {
    if (ccp_json_find(text, where, &value) == CCP_JSON_FOUND) CCP_REQUIRE(ccp_json_valid(value) == 1);
  }
  std::size_t cursor = 0;
  while (ccp_json_next(text, &cursor, &value) == CCP_JSON_FOUND) CCP_REQUIRE(ccp_json_valid(value) == 1);
  // Any bytes become a string that reads back, invalid UTF-8 apart.
  static char memory[1 << 20];
  ccp_buffer out;
  ccp_buffer_init(&out, memory, sizeof memory);
  ccp_json_writer writer = ccp_json_to(&out.sink);
  ccp_json_put_string(&writer, text);
  if (writer.rc == CCP_RC_OK) CCP_REQUIRE(ccp_json_valid(ccp_buffer_text(&out)) == 1);
  return 0;
}
