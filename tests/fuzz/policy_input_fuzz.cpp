// The input of a decision: JSON from outside into the engine. What it takes is what the strict
// parser of the rest of CCP takes, with the engine's own bounds, and a policy that hands everything
// back hands back the same.
#include <cmath>
#include <string>

#include "policy/engine/engine.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

constexpr Limits kLimits{2'000'000, 16u << 20, seconds(5)};

/// As a Lua table keeps it: no null members, and integers that are whole floats stay what they are.
bool same(const Json& sent, const Json& got) {
  if (sent.isObject()) {
    std::size_t members = 0;
    for (const auto& [name, value] : sent.members()) {
      // An empty table is neither a list nor an object, and is left out of results.
      if (value.isNull() || ((value.isObject() || value.isArray()) && got.find(name) == nullptr))
        continue;
      ++members;
      if (got.find(name) == nullptr || !same(value, got[name])) return false;
    }
    return got.size() == members;
  }
  if (sent.isArray()) {
    if (!got.isArray() || got.size() != sent.size()) return sent.empty();
    for (std::size_t i = 0; i < sent.size(); ++i)
      if (!same(sent.items()[i], got.items()[i])) return false;
    return true;
  }
  return sent == got;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Engine engine;
  static const auto program =
      *engine.load("echo.lua",
                   "function decide(input) local n = 0 for k in pairs(input) do n = n + 1 end\n"
                   "return { allow = n > 0, obligations = { input = input } } end");
  const auto text = fuzz::text(data, size);
  const auto plain = engine.decide(program, text, kLimits);
  const auto recorded = engine.decide(program, text, kLimits, {.fields = true});
  CCP_REQUIRE(plain.message.size() <= 512);
  for (const char c : plain.message) CCP_REQUIRE(c >= 0x20 && c < 0x7f);
  // What recording refuses, plain reading refuses as well, and the other way round; of two mistakes
  // each may name the one that it meets first.
  CCP_REQUIRE(plain.fault == recorded.fault && plain.message.empty() == recorded.message.empty());
  CCP_REQUIRE(plain.result == recorded.result);
  for (const auto& field : recorded.fields_read) CCP_REQUIRE(field.empty() || field.front() == '/');

  const auto parsed = parseJson(text, {.max_bytes = 1u << 20, .max_depth = 64});
  const bool taken = plain.fault == Fault::none;
  if (taken) CCP_REQUIRE(parsed && parsed->isObject());  // nothing that the strict parser refuses
  if (plain.fault == Fault::runtime_error) CCP_REQUIRE(plain.message.rfind("input: ", 0) == 0);
  if (taken) {
    const auto& echo = plain.result["obligations"]["input"];
    CCP_REQUIRE(same(*parsed, echo));
  }
  return 0;
}
