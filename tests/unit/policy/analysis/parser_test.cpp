// Our parser against the interpreter's: what one takes the other takes, where the grammar decides.
#include "policy/analysis/parser.hpp"

#include <doctest/doctest.h>

#include <random>

#include "policy/analysis/coverage.hpp"
#include "policy/analysis/lint.hpp"
#include "policy/engine/engine.hpp"
#include "policy/packs/shipped.hpp"
#include "policy/schema/library.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

Engine& engine() {
  static Engine one;
  return one;
}

/// A chunk that the interpreter takes: what it refuses later (no decide, faults at load) is not grammar.
bool interpreterTakes(const std::string& source) {
  const auto program = engine().load("p.lua", source + "\n;function decide() end");
  if (program) return true;
  const auto& why = program.error().detail;
  for (const auto* mark : {" near ", "unfinished", "malformed", "escape", "no visible label", "outside a loop", "already defined", "attempt to assign to const", "unknown attribute", "multiple to-be-closed", "cannot use '...'", "jumps into the scope", "overflow", "too many C levels", "UTF-8 value too large"}) {
    if (why.find(mark) != std::string::npos) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("grammar: what Lua takes, and what it does not") {
  const std::vector<std::string> good{
      "", ";;;", "local x", "local a <const>, b <close> = 1, nil", "a.b.c = 1", "a[1], b = f()", "f{1,2;3}", "f'x'", "f[[x]]", "a:b'x'", "a:b{}:c()",
      "x = not a == b", "x = a .. b .. c ^ d ^ -e", "x = 1 // 2 % 3 << 4 >> 5 & 6 | 7 ~ 8", "x = ~1", "x = #t", "goto done ::done::", "while true do break end",
      "repeat local x = 1 until x == 1", "for i = 1, 10, 2 do end", "for k, v in pairs(t) do end", "function a.b.c:d(...) return ... end", "local function f(a, b, ...) end",
      "return", "x = {[1] = 2, a = 3, 4, f()}", "x = function(...) return select('#', ...) end", "x = 0x1p4 + 0xA.8 + 1e-3 + .5 + 3.", "x = '\\x41\\u{20AC}\\065\\z   \n  b\\\n'",
      "x = [==[ ]=] ]==]", "-- comment\n--[[ long\n ]] x = 1", "--[==[ ]] ]==] x = 1", "if a then elseif b then else end", "x = (f())", "(f or g)()", "x = a.b['c'].d(1)(2)", "do local x <const> = 5 end", "x = ...", "return 1, 2;", "x = '\\u{7FFFFFFF}'"};
  for (const auto& source : good) {
    const auto chunk = lua::parse(source);
    CHECK_MESSAGE(chunk.has_value(), source, " ", (chunk.has_value() ? "" : chunk.error().message));
    if (source.find("return") != 0) CHECK_MESSAGE(interpreterTakes(source), source);
  }
  const std::vector<std::string> bad{
      "x", "x =", "1 = x", "f() = 1", "(a) = 1", "local 1", "if a then", "if a end", "while true", "for i = 1 do end", "for i, j = 1, 2 do end", "for in x do end", "x = }", "x = {1 2}", "x = 'a", "x = \"a\nb\"", "x = '\\q'",
      "x = '\\300'", "x = '\\xZZ'", "x = '\\u{}'", "x = '\\u{80000000}'", "x = [[a", "--[[ a", "x = 3x", "x = 0x", "x = 1..2", "x = 1e", "local x <foo> = 1", "return 1 x = 2", "a.b:c = 1", "f(", "x = a.", "x = a:b", "goto", "::a", "function f() return ... end",
      "x = 1 + ", "x = @", "x = $", "x = `a`", "x = a ? b", "x = a != b", "x += 1", "x++", "end", "until x", "local function 1() end", "function f(a,) end", "function f(..., a) end", "x = function", "x = a b", "f 1"};
  for (const auto& source : bad) {
    CHECK_MESSAGE(!lua::parse(source).has_value(), source);
    CHECK_MESSAGE(!interpreterTakes(source), source);
  }
}

TEST_CASE("random rows of words: our parser and the interpreter's agree") {
  const std::vector<std::string> words{"a",  "b",  "local", "=", "1",  "'s'", "(", ")", "{", "}", "[",  "]",      ".",   ":",    ",",  ";",  "+", "-",  "..", "==", "not",
                                       "and", "if", "then",  "else", "end", "do", "while", "for", "in", "function", "return", "...", "nil", "true", "#", "repeat", "until", "//", "<"};
  std::mt19937 random(7);
  int taken = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string source;
    const auto length = 1 + random() % 9;
    for (unsigned i = 0; i < length; ++i) source += words[random() % words.size()] + " ";
    // "return" must be the last statement of what is put before decide().
    if (source.find("return") != std::string::npos) source = "do " + source + "end";
    const bool ours = lua::parse(source).has_value();
    const bool theirs = interpreterTakes(source);
    taken += ours;
    REQUIRE_MESSAGE(ours == theirs, source);
  }
  CHECK(taken > 100);
}

TEST_CASE("nesting is bounded, chains are not") {
  const auto repeated = [](const std::string& text, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += text;
    return out;
  };
  for (const auto& deep : {"x = " + repeated("(", 100000), "x = " + repeated("{", 100000), "x = " + repeated("- ", 100000), repeated("do ", 100000), "x = " + repeated("f(", 100000),
                           "x = " + repeated("a ..", 100000) + "a", repeated("function f() ", 100000), "x = " + repeated("function() return ", 100000), "x = a" + repeated(".b", 100000), "x = a" + repeated("()", 100000),
                           "x = " + repeated("not ", 100000), repeated("if a then ", 100000), "x = a" + repeated("[a", 100000)}) {
    const auto chunk = lua::parse(deep);
    REQUIRE(!chunk.has_value());
    CHECK(chunk.error().message == "this is nested too deeply");
  }
  CHECK(!lua::parse("\x1BLua").has_value());
  CHECK(lua::parse("x = 1" + repeated(" + 1", 50000)).has_value());
  CHECK(lua::parse("x = a == 'b'" + repeated(" or a == 'b'", 20000)).has_value());
  CHECK(lua::parse("if a then " + repeated("elseif b then ", 20000) + "end").has_value());
  CHECK(lua::parse(repeated("x = 1 ", 50000)).has_value());
  CHECK(lua::parse("x = " + repeated("(", 100) + "1" + repeated(")", 100)).has_value());
}

TEST_CASE("lint ends soon whatever the file is") {
  std::string many, globals, chain = "local a0 = input\n";
  for (int i = 0; i < 8000; ++i) {
    many += "local v" + std::to_string(i % 150) + " = x" + std::to_string(i) + "\n";
    globals += "g" + std::to_string(i) + " = 1\n";
    chain += "local a" + std::to_string(i + 1) + " = a" + std::to_string(i) + ".limits\n";
  }
  for (const auto& source : {many, globals, "function decide(input)\n" + chain + "return { allow = true } end"}) {
    CHECK(lintFile("p.lua", source, &inputSchema(Point::feature_gate), &resultSchema(Point::feature_gate)).size() <= 200);
    readFields(source);
    executableLines(source);
  }
}

TEST_CASE("the library that lint and editors know is the one of the sandbox") {
  for (const auto& entry : library()) {
    CAPTURE(entry.name);
    const auto program = engine().load("p.lua", "function decide(input) return { allow = " + std::string(entry.name) + " ~= nil } end");
    REQUIRE(program.has_value());
    const auto outcome = engine().decide(*program, "{}");
    CHECK(outcome.result.boolOr("allow"));
  }
  // And nothing else: every name that lint refuses is absent there.
  for (const auto* name : {"_G", "getmetatable", "setmetatable", "rawget", "rawset", "rawequal", "rawlen", "next", "pcall", "xpcall", "coroutine", "load", "loadstring", "loadfile", "dofile", "require", "package", "debug", "os", "io",
                           "collectgarbage", "print", "warn", "string.match", "string.gmatch", "string.gsub", "string.dump", "string.pack", "string.unpack", "string.packsize", "table.move", "table.pack", "math.random", "math.randomseed",
                           "math.sqrt", "math.modf", "utf8.codes", "utf8.offset", "utf8.charpattern"}) {
    CAPTURE(name);
    const std::string source = "function decide(input) return { allow = " + std::string(name) + " == nil } end";
    const auto found = lintFile("p.lua", source);
    REQUIRE(found.size() == 1);
    CHECK(found[0].code == "forbidden_name");
    const auto program = engine().load("p.lua", source);
    REQUIRE(program.has_value());
    CHECK(engine().decide(*program, "{}").result.boolOr("allow"));
  }
}
