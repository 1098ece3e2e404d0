#include "policy/engine/self_test.hpp"

#include <string>
#include <string_view>

#include "policy/engine/engine.hpp"
#include "policy/engine/lua.hpp"

namespace ccp::policy {
namespace {

int raiseBeyondDestructor(lua_State* L) {
  struct Mark {
    bool& seen;
    ~Mark() { seen = true; }
  } mark{*static_cast<bool*>(lua_touserdata(L, 1))};
  return luaL_error(L, "on purpose");
}

/// Lua must be compiled as C++: an error that jumps over destructors leaks locks and memory.
bool unwinds() {
  bool seen = false;
  lua_State* L = luaL_newstate();
  if (L == nullptr) return false;
  lua_pushcfunction(L, raiseBeyondDestructor);
  lua_pushlightuserdata(L, &seen);
  const bool failed = lua_pcall(L, 1, 0, 0) == LUA_ERRRUN;
  lua_close(L);
  return failed && seen;
}

/// Each line must hold in every Lua that decides anything.
constexpr std::string_view kProgram = R"lua(
local block = {[true] = 1, [false] = 2}
local function byEquality(x) return block[x == "free"] end
local function byOrder(x) return block[x < 3] end
local function byNegation(x) return block[not (x == "free")] end
function decide(input)
  assert(byEquality("free") == 1 and byEquality("paid") == 2, "index by comparison")
  assert(byOrder(1) == 1 and byOrder(5) == 2, "index by order")
  assert(byNegation("free") == 2, "index by negation")
  assert(many(3) == 3, "bit operations with many constants")
  assert(utf8.len("\xC3\xA4") == 1 and utf8.len("\x80") == nil, "strictness of utf8")
  assert(5 // 2 == 2 and -5 // 2 == -3 and -5 % 3 == 1 and 7 / 2 == 3.5, "division")
  assert(math.maxinteger + 1 == math.mininteger and 1 << 63 == math.mininteger, "integers")
  assert(input.n == 9007199254740992 and input.x == 0.5, "numbers")
  assert("a" < "b" and "Z" < "a" and "a" < "\xC3\xA4", "order of strings")
  assert(load == nil and os == nil and io == nil and require == nil and debug == nil and _G == nil, "isolation")
  return {allow = true}
end
)lua";

}  // namespace

Status testInterpreter() {
  if (Engine::luaVersion().substr(0, 4) != "5.4." || LUA_VERSION_NUM != 504 || LUA_VERSION_RELEASE_NUM < 50408) {
    return fail(Errc::policy_engine_unfit, "Lua " + std::string(Engine::luaVersion()) + " is not 5.4.8 or newer");
  }
  if (!unwinds()) return fail(Errc::policy_engine_unfit, "errors of Lua run no destructors");
  // More than 256 constants before the one under test: what operations with constants were once wrong about.
  std::string source = "local function sum(x) local t = 0.5\n";
  for (int i = 0; i < 300; ++i) source += "t = t + " + std::to_string(i) + ".25\n";
  source += "return 1 | (x and 2 or 0) end\nfunction many(x) return sum(x) end\n";
  source += kProgram;

  Engine engine;
  const Result<ProgramPtr> program = engine.load("self-test.lua", source);
  if (!program) return fail(Errc::policy_engine_unfit, program.error().detail);
  const Outcome outcome = engine.decide(*program, R"({"n": 9007199254740992, "x": 0.5})", kMaxLimits);
  if (outcome.fault != Fault::none) return fail(Errc::policy_engine_unfit, outcome.message);
  Result<ProgramPtr> loop = engine.load("self-test.lua", "function decide() while true do end end");
  if (!loop) return fail(Errc::policy_engine_unfit, loop.error().detail);
  if (engine.decide(*loop, "{}").fault != Fault::timeout) return fail(Errc::policy_engine_unfit, "a loop does not end");
  return {};
}

}  // namespace ccp::policy
