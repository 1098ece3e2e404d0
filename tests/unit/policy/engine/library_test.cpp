// The functions that policies call.
#include "tests/unit/policy/engine/run.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::policy::test;

TEST_CASE("string functions count as Lua does") {
  CHECK(worth("{('hello'):sub(2, -2), ('hello'):sub(-100, 2), ('x'):sub(2) == '', ('abc'):sub(math.mininteger, math.maxinteger)}") == R"(["ell","he",true,"abc"])");
  CHECK(worth("{('AbC'):lower(), ('AbC'):upper(), ('abc'):reverse(), ('abc'):byte(), select('#', ('abc'):byte(1, -1)), string.char(72, 105)}") ==
        R"(["abc","ABC","cba",97,3,"Hi"])");
  CHECK(worth("{('ab'):rep(3), ('ab'):rep(2, '-'), ('x'):rep(0) == '', (''):rep(1 << 60) == '', ('x'):rep(-1) == ''}") == R"(["ababab","ab-ab",true,true,true])");
  CHECK(worth("{('a.b.c'):find('.')}") == "[2,2]");
  CHECK(worth("{('a.b.c'):find('.', 3)}") == "[4,4]");
  CHECK(worth("{('abc'):find('')}") == "[1,0]");
  CHECK(worth("{('abc'):find('', 4)}") == "[4,3]");
  CHECK(worth("('abc'):find('', 5)") == "nil");
  CHECK(worth("('abc'):find('x')") == "nil");
  CHECK(worth("{('abc'):starts('ab'), ('abc'):starts('b'), ('abc'):ends('bc'), ('abc'):ends('abcd'), ('abc'):contains('b'), ('abc'):contains(''), ('abc'):contains('ac')}") ==
        "[true,false,true,false,true,true,false]");
  CHECK(worth("('a,b,,c'):split(',')") == R"(["a","b","","c"])");
  CHECK(worth("('a'):split(', ')") == R"(["a"])");
  CHECK(worth("(' \\t x y\\n'):trim()") == R"("x y")");
  CHECK(worth("(' '):trim() == ''") == "true");
  CHECK(worth("string.format('%5.1f|%-4d|%x|%s|%s|%s|%c|%%|%i|%e|%G', 2.25, 7, 255, 'a', nil, true, 65, 3, 1.5, 0.5)") ==
        R"("  2.2|7   |ff|a|nil|true|A|%|3|1.500000e+00|0.5")");
  for (const char* form : {"%q", "%a", "%p", "%100d", "%.100f", "%", "%y", "%5"}) faults(Fault::runtime_error, "string.format('" + std::string(form) + "', 1)");
  faults(Fault::runtime_error, "('x'):byte(1, 2, 3) local s = ('x'):rep(300) s:byte(1, 300)", "256 results");
}

TEST_CASE("globs fit branches and paths") {
  const auto fits = [](const std::string& text, const std::string& pattern) { return worth("string.glob('" + text + "', '" + pattern + "')") == "true"; };
  CHECK(fits("main", "main"));
  CHECK(fits("release/1.2", "release/*"));
  CHECK_FALSE(fits("release/1/2", "release/*"));
  CHECK(fits("release/1/2", "release/**"));
  CHECK(fits("a/b/c.lua", "**/*.lua"));
  CHECK(fits("c.lua", "**/*.lua"));
  CHECK(fits("src/a/b/x.c", "src/**/x.c"));
  CHECK(fits("src/x.c", "src/**/x.c"));
  CHECK_FALSE(fits("src/ax.c", "src/**/x.c"));
  CHECK(fits("v1", "v?"));
  CHECK_FALSE(fits("v/", "v?"));
  CHECK_FALSE(fits("main2", "main"));
  CHECK_FALSE(fits("", "?"));
  CHECK(fits("", "*"));
  CHECK(fits("a[b", "a[b"));
  CHECK_FALSE(fits("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*a*a*c"));
  faults(Fault::runtime_error, "string.glob('a', ('*'):rep(257))", "longer than 256");
}

TEST_CASE("table functions keep lists in order") {
  CHECK(worth("(function() local t = {3, 1, 2} table.sort(t) return t end)()") == "[1,2,3]");
  CHECK(worth("(function() local t = {'b', 'a', 'B'} table.sort(t) return t end)()") == R"(["B","a","b"])");
  CHECK(worth("(function() local t = {{1, 'x'}, {0, 'y'}, {1, 'a'}} table.sort(t, function(a, b) return a[1] < b[1] end) return t end)()") == R"([[0,"y"],[1,"x"],[1,"a"]])");
  // A comparator that lies gets an order, and no loop.
  CHECK(worth("(function() local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() return true end) return #t end)()") == "100");
  faults(Fault::runtime_error, "table.sort({1, 'x'})", "attempt to compare");
  faults(Fault::runtime_error, "table.sort({1, 2}, 3)");
  CHECK(worth("(function() local t = {1, 3} table.insert(t, 2, 2) table.insert(t, 4) return t end)()") == "[1,2,3,4]");
  CHECK(worth("(function() local t = {1, 2, 3} return {table.remove(t, 1), table.remove(t), #t, table.remove({}) == nil} end)()") == "[1,3,1,true]");
  faults(Fault::runtime_error, "table.insert({}, 5, 1)", "out of bounds");
  faults(Fault::runtime_error, "table.insert({}, 1, 2, 3)", "wrong number");
  CHECK(worth("table.concat({1, 'a', 2.5}, '-')") == R"("1-a-2.5")");
  CHECK(worth("table.concat({}) == ''") == "true");
  CHECK(worth("table.concat({1, 2, 3}, ',', 2, 3)") == R"("2,3")");
  faults(Fault::runtime_error, "table.concat({1, {}, 3})", "index 2");
  CHECK(worth("select('#', table.unpack({1, 2, nil, 4}, 1, 4))") == "4");
  faults(Fault::runtime_error, "table.unpack({}, 1, 1e6)", "too many results");
  faults(Fault::runtime_error, "table.unpack({}, math.mininteger, math.maxinteger)", "too many results");
  // The length of a table with holes can be forged to the largest integer.
  const std::string forged = "local t = {} t[math.maxinteger] = 1 for i = 62, 0, -1 do t[1 << i] = 1 end ";
  faults(Fault::runtime_error, forged + "table.insert(t, 1)", "no list");
  faults(Fault::runtime_error, forged + "table.remove(t)", "no list");
}

TEST_CASE("numbers and UTF-8") {
  CHECK(worth("{math.abs(-2), math.ceil(1.2), math.floor(-1.2), math.max(1, 3), math.min(1, 3), math.tointeger(3.0), math.type(1.0), math.ult(1, -1), math.fmod(7, 3)}") ==
        R"([2,2,-2,3,1,3,"float",true,1])");
  faults(Fault::runtime_error, "return 1 // 0", "divide by zero");
  CHECK(worth("math.mininteger // -1 == math.mininteger") == "true");
  CHECK(worth("{tonumber('10'), tonumber('0x1F'), tonumber('z', 36), tonumber('1e1'), tonumber('x') == nil}") == "[10,31,35,10.0,true]");
  CHECK(worth("{tostring(1), tostring(1.0), tostring(nil), tostring(true), tostring('x')}") == R"(["1","1.0","nil","true","x"])");
  CHECK(worth("{utf8.len('\u00e4b'), utf8.char(228, 98), utf8.codepoint('\u00e4', 1)}") == "[2,\"\u00e4b\",228]");
  CHECK(worth("{select('#', utf8.codepoint('abc', 3, 1)), select('#', utf8.codepoint('abc', 1, -1))}") == "[0,3]");
  CHECK(worth("utf8.len('\\x80') == nil") == "true");
}

TEST_CASE("addresses and versions; malformed ones are errors, so that a typo denies") {
  CHECK(worth("{ccp.ip_in_cidr('10.1.2.3', '10.0.0.0/8'), ccp.ip_in_cidr('11.1.2.3', '10.0.0.0/8'), ccp.ip_in_cidr('10.0.0.1', '10.0.0.1'), "
              "ccp.ip_in_cidr('10.0.0.2', '10.0.0.0/31'), ccp.ip_in_cidr('1.2.3.4', '0.0.0.0/0')}") == "[true,false,true,false,true]");
  CHECK(worth("{ccp.ip_in_cidr('2001:db8::1', '2001:db8::/32'), ccp.ip_in_cidr('::ffff:10.0.0.1', '10.0.0.0/8'), ccp.ip_in_cidr('::1', '10.0.0.0/8')}") == "[true,true,false]");
  for (const char* args : {"'x', '10.0.0.0/8'", "'10.0.0.1', '10.0.0.0/33'", "'10.0.0.1', '10.0.0.0/'", "'10.0.0.1', 'net'", "nil, nil", "'10.0.0.1', '10.0.0.0/-1'", "'1', '1/1'"}) {
    faults(Fault::runtime_error, "ccp.ip_in_cidr(" + std::string(args) + ")", "bad argument");
  }
  CHECK(worth("{ccp.semver_cmp('1.2.3', '1.2.10'), ccp.semver_cmp('1.0.0', '1.0.0+build'), ccp.semver_cmp('2.0.0', '1.9.9'), ccp.semver_cmp('1.0.0-rc.1', '1.0.0'), "
              "ccp.semver_cmp('1.0.0-alpha.9', '1.0.0-alpha.10'), ccp.semver_cmp('1.0.0-1', '1.0.0-a'), ccp.semver_cmp('v1.0.0', '1.0.0')}") == "[-1,0,1,-1,-1,-1,0]");
  for (const char* version : {"1.2", "1.2.3.4", "01.2.3", "1.2.x", "", "1.2.3-", "1.2.3-a..b", "1.2.3-01"}) {
    faults(Fault::runtime_error, "ccp.semver_cmp('" + std::string(version) + "', '1.0.0')", "not a version");
  }
}
