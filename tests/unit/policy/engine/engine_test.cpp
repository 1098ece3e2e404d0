#include <doctest/doctest.h>

#include <string>

#include "policy/engine/engine.hpp"

using namespace ccp;
using namespace ccp::policy;

TEST_CASE("the interpreter passes its own test") {
  const Status fit = Engine::selfTest();
  CHECK_MESSAGE(fit.has_value(), (fit ? std::string() : fit.error().text()));
  CHECK(Engine::luaVersion() >= "5.4.8");
}

TEST_CASE("a program answers JSON with a checked table") {
  Engine engine;
  const auto program = engine.load("model.lua", R"(
    function decide(input)
      if input.plan == "free" then return {allow = false, reason = "free", rule = "plan"} end
      return {allow = true, redact = {"a", "b"}, obligations = {max = ccp.data.max}}
    end)", Json::object({{"max", 7}}));
  REQUIRE_MESSAGE(program.has_value(), (program ? std::string() : program.error().text()));
  const Outcome free = engine.decide(*program, R"({"plan": "free"})");
  CHECK_MESSAGE((free.fault == Fault::none), free.message);
  CHECK(free.result.dump() == R"({"allow":false,"reason":"free","rule":"plan"})");
  const Outcome paid = engine.decide(*program, R"({"plan": "team"})");
  CHECK_MESSAGE((paid.fault == Fault::none), paid.message);
  CHECK(paid.result.dump() == R"({"allow":true,"obligations":{"max":7},"redact":["a","b"]})");
}
