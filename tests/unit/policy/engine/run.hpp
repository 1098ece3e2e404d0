// What the tests of the engine share: one program, one decision.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "policy/engine/engine.hpp"

namespace ccp::policy::test {

inline ProgramPtr compiled(Engine& engine, std::string_view source, const Json& data = Json::object(), const Limits& limits = {}) {
  auto program = engine.load("p.lua", source, data, limits);
  REQUIRE_MESSAGE(program.has_value(), (program ? std::string() : program.error().text()));
  return *program;
}

inline Outcome decided(std::string_view source, std::string_view input = "{}", Recording recording = {}, const Limits& limits = {}) {
  Engine engine;
  return engine.decide(compiled(engine, source), input, limits, recording);
}

/// What an expression is worth, as JSON text; the fault otherwise.
inline std::string worth(const std::string& expression, std::string_view input = "{}", const Json& data = Json::object()) {
  Engine engine;
  const Outcome out = engine.decide(compiled(engine, "function decide(input) return {allow = true, v = " + expression + "} end", data), input);
  if (out.fault != Fault::none) return std::string(toString(out.fault)) + ": " + out.message;
  return out.result["v"].isNull() ? "nil" : out.result["v"].dump();
}

/// decide() with this body must end with this fault.
inline void faults(Fault fault, const std::string& body, std::string_view message = {}) {
  INFO(body);
  const Outcome out = decided("function decide(input) " + body + " end");
  CHECK((out.fault == fault));
  CHECK(out.result.isNull());
  CHECK_MESSAGE(out.message.find(message) != std::string::npos, out.message);
}

}  // namespace ccp::policy::test
