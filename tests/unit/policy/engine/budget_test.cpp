// No program gets around its fuel, its memory or its time.
#include "policy/engine/slow_build.hpp"
#include "tests/unit/policy/engine/run.hpp"

#include <algorithm>
#include <ctime>
#include <thread>

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::policy::test;

namespace {

/// What this thread worked; the machine of a test does other things as well.
Duration worked() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return seconds(t.tv_sec) + Duration(t.tv_nsec / 1000);
}

/// The fault of decide() with this body, three times over; each within twice the time of the limit. Caches are shared
/// with whatever else runs: a slow call is given two more chances.
void ends(Fault fault, const std::string& body, std::string_view before = {}) {
  INFO(body);
  Engine engine;
  const auto program = compiled(engine, std::string(before) + "\nfunction decide(input) " + body + "\n do return {allow = true} end end");
  for (int call = 0; call < 3; ++call) {
    Duration fastest = Duration::max();
    for (int attempt = 0; attempt < 3 && fastest > 2 * kSlowness * Limits{}.wall; ++attempt) {
      const Duration start = worked();
      const Outcome out = engine.decide(program, "{}");
      fastest = std::min(fastest, worked() - start);
      CHECK_MESSAGE((out.fault == fault), toString(out.fault), ": ", out.message);
      CHECK(out.result.isNull());
    }
    CHECK(fastest.count() <= 2 * kSlowness * Limits{}.wall.count());
  }
}

}  // namespace

TEST_CASE("loops of every kind run out of fuel") {
  ends(Fault::timeout, "while true do end");
  ends(Fault::timeout, "repeat until false");
  ends(Fault::timeout, "for i = 1, math.huge do end");
  ends(Fault::timeout, "::top:: goto top");
  ends(Fault::timeout, "do return decide(input) end");
  ends(Fault::timeout, "for i = 1, 1e9 do (''):rep(1 << 60) end");
  ends(Fault::timeout, "for i = 1, 1e9 do tostring(i) end");
  ends(Fault::timeout, "local function f(...) return f(...) end do return f(1, 2, 3) end");
  ends(Fault::timeout, "while true do table.sort({3, 1, 2}, function(a, b) while true do end end) end");
  ends(Fault::timeout, "while true do for k in pairs({1, 2, 3}) do end end");
}

TEST_CASE("no single call does much work for little fuel") {
  const std::string_view big = "local s = ('ab'):rep(30000) local nul = ('\\0'):rep(65000) local nul2 = nul:sub(1, -2) .. '\\0'";
  for (const std::string work :
       {"s:upper()", "s:reverse()", "s:find('ac')", "s:find(s:sub(30000) .. 'x')", "s:contains('aba\\0')", "s:split('c')", "s:trim()", "s:byte(1, 200)", "s:sub(2)",
        "local x = nul < nul2", "local x = nul == nul2", "local x = s .. 'x'", "string.format('%s', s)", "string.format('%99.99f%99.99f%99.99f', 1e308, 1e308, 1e308)",
        "tonumber(s)", "utf8.len(s)", "s:glob('*a*a*a*a*a*a*b*c')", "string.glob(s, ('*a'):rep(128))", "tostring(1e308)", "local x = 1e15 .. ''",
        "select(-1, table.unpack(list, 1, 255))", "table.concat(list)", "table.insert(list, 1, 1) table.remove(list, 1)", "table.sort(list)", "pairs(list)",
        "table.sort(words)", "ccp.semver_cmp('1.2.3-a.b.c.d', '1.2.3-a.b.c.e')", "ccp.ip_in_cidr('2001:db8::1', '2001:db8::/64')", "local x = {} for k in pairs(holes) do end",
        "local x = #list", "local x = {table.unpack(list, 1, 250)}", "local x = ('1'):rep(60000) | 1"}) {
    // Whether fuel, memory or an error ends it: it ends in time, and never with an answer.
    INFO(work);
    Engine engine;
    const auto program = compiled(engine, std::string(big) +
                                              "local list, words, holes = {}, {}, {} for i = 1, 3000 do list[i] = i end for i = 1, 1000 do words[i] = nul end "
                                              "for i = 1, 4000 do holes[i * 7] = 1 end for i = 1, 4000 do holes[i * 7] = nil end\n"
                                              "function decide(input) while true do " +
                                              work + " end end");
    Duration fastest = Duration::max();
    for (int attempt = 0; attempt < 3 && fastest > 2 * kSlowness * Limits{}.wall; ++attempt) {
      const Duration start = worked();
      const Outcome out = engine.decide(program, "{}");
      fastest = std::min(fastest, worked() - start);
      CHECK_MESSAGE((out.fault == Fault::timeout || out.fault == Fault::memory || out.fault == Fault::runtime_error), toString(out.fault));
      if (fastest > Limits{}.wall * kSlowness / 2) MESSAGE(work, ": ", fastest.count(), " us, fuel ", out.fuel, " ", out.message);
    }
    CHECK(fastest.count() <= 2 * kSlowness * Limits{}.wall.count());
  }
}

TEST_CASE("memory ends, in whatever way it is asked for") {
  ends(Fault::memory, "local t = {} for i = 1, 1e9 do t[i] = {} end");
  ends(Fault::memory, "local t = {} while true do t = {t} end");
  ends(Fault::memory, "local s = 'x' while true do s = s .. s end");
  ends(Fault::memory, "('x'):rep(1 << 40)");
  ends(Fault::memory, "('xx'):rep(1 << 62)");
  ends(Fault::memory, "('x'):rep(0x5555555555555556, 'yz')");
  ends(Fault::memory, "('x'):rep(65537)");
  ends(Fault::memory, "local s = ('x'):rep(60000) string.format('%s%s', s, s)");
  ends(Fault::memory, "local s = ('x'):rep(60000) table.concat({s, s})");
  ends(Fault::memory, "local t = {} local s = ('x'):rep(60000) for i = 1, 1e6 do t[i] = s .. i end");
  ends(Fault::memory, "local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(1000) .. i end");
  ends(Fault::memory, "local t = {} for i = 1, 1e6 do t[#t + 1] = {} end");
  ends(Fault::memory, "local t = {} for i = 1, 1e6 do t[i] = string.format('%99d', i) end");
  ends(Fault::memory, "local t = {('x'):rep(5000)} while true do t[#t + 1] = table.concat(t) end");
  ends(Fault::memory, "local function f(n) return 1 + f(n + 1) end f(1)");
  ends(Fault::memory, "local t = {} for i = 1, 1e6 do t['k' .. i] = i end");
  ends(Fault::memory, "local f = function() end for i = 1, 1e6 do local g = f f = function() return g end end");
}

TEST_CASE("one instruction cannot hold the machine up") {
  // Keys that fall into one chain, while the table grows.
  ends(Fault::memory, "local t = {} for i = 1, 1e6 do t[i * 32767] = i end");
  ends(Fault::memory, "local t = {} for i = 1, 1e6 do t[i * 16383] = i end");
  ends(Fault::timeout, "local t = {} for i = 1, 8000 do t[i * 8191] = i end while true do for i = 1, 8000 do t[i * 8191] = i end end");
  ends(Fault::memory, "local t = {} for i = 1, 1e6 do t[i + 0.5] = i end");
}

TEST_CASE("faults say where") {
  CHECK(decided("function decide()\n while true do\n end\nend").message == "p.lua:2: used up its fuel");
  CHECK(decided("function decide()\n local s = 'x'\n while true do\n s = s .. s\n end\nend").message == "p.lua:4: a string would be longer than 64 KiB");
  CHECK(decided("function decide()\n local t = {}\n while true do t = {t} end\nend").message == "p.lua:3: ran out of memory");
  CHECK(decided("function decide()\n return ('x'):rep(1e9)\nend").message.ends_with("a string would be longer than 64 KiB"));
}

TEST_CASE("limits are those of the call") {
  const std::string source = "function decide(input) local n = 0 for i = 1, input.n do n = n + 1 end return {allow = true} end";
  Engine engine;
  const auto program = compiled(engine, source);
  CHECK((engine.decide(program, R"({"n": 1000})").fault == Fault::none));
  CHECK((engine.decide(program, R"({"n": 1000})", Limits{500, 2 << 20, milliseconds(25)}).fault == Fault::timeout));
  CHECK((engine.decide(program, R"({"n": 1000000})").fault == Fault::timeout));
  CHECK((engine.decide(program, R"({"n": 100000})", kMaxLimits).fault == Fault::none));
  const auto hungry = compiled(engine, "function decide(input) local t = {} for i = 1, 4000 do t[i] = {} end return {allow = true} end");
  CHECK((engine.decide(hungry, "{}").fault == Fault::none));
  CHECK((engine.decide(hungry, "{}", Limits{200'000, 64 << 10, milliseconds(25)}).fault == Fault::memory));
  // After a fault the next call starts from nothing, and memory does not add up.
  for (int i = 0; i < 50; ++i) {
    const Outcome out = engine.decide(hungry, "{}");
    CHECK((out.fault == Fault::none));
    CHECK(out.memory_peak < 700'000);
  }
}

TEST_CASE("the same decision costs the same fuel every time and everywhere") {
  const std::string source = "function decide(input) local t = {} for i = 1, 100 do t['k' .. i] = i end local n = 0 for k, v in pairs(t) do n = n + v end return {allow = n == 5050} end";
  std::uint64_t fuel = 0;
  for (int engines = 0; engines < 3; ++engines) {
    Engine engine;
    const auto program = compiled(engine, source);
    for (int i = 0; i < 20; ++i) {
      const Outcome out = engine.decide(program, "{}");
      if (fuel == 0) fuel = out.fuel;
      CHECK(out.fuel == fuel);
      CHECK(out.result["allow"].asBool() == true);
    }
  }
}

TEST_CASE("deep nesting does not overflow the stack of a worker") {
  std::string nested = "local x = ";
  for (int i = 0; i < 180; ++i) nested += "{";
  for (int i = 0; i < 180; ++i) nested += "}";
  std::string called = "1";
  for (int i = 0; i < 180; ++i) called = "(" + called + ")";
  std::thread([&] {
    Engine engine;
    CHECK_FALSE(engine.load("p.lua", "local x = " + std::string(100'000, '(')).has_value());
    CHECK_FALSE(engine.load("p.lua", "local x = " + std::string(100'000, '{')).has_value());
    CHECK_FALSE(engine.load("p.lua", "x = " + std::string(100'000, '-') + "1").has_value());
    CHECK(engine.load("p.lua", nested + " function decide() return {allow = true} end").has_value());
    CHECK(engine.load("p.lua", "local y = " + called + " function decide() return {allow = true} end").has_value());
    // C functions that call back: sort in sort in sort.
    const auto program = compiled(engine, "local function f() table.sort({1, 2}, function(a, b) f() return true end) end function decide() f() end");
    const Outcome out = engine.decide(program, "{}");
    CHECK_MESSAGE((out.fault == Fault::runtime_error), out.message);
  }).join();
}
