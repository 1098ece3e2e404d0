// What a program finds, and what it cannot reach or leave behind.
#include "tests/unit/policy/engine/run.hpp"

#include <set>

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::policy::test;

TEST_CASE("only the allowed names are there") {
  for (const char* name : {"_G", "getmetatable", "setmetatable", "rawget", "rawset", "rawequal", "rawlen", "next", "pcall", "xpcall", "load", "loadstring",
                           "loadfile", "dofile", "require", "package", "coroutine", "debug", "os", "io", "collectgarbage", "print", "warn",
                           "string.dump", "string.pack", "string.unpack", "string.packsize", "string.match", "string.gmatch", "string.gsub",
                           "table.move", "table.pack", "math.random", "math.randomseed", "math.sin", "math.exp", "math.sqrt", "math.log",
                           "utf8.codes", "utf8.offset", "utf8.charpattern"}) {
    CAPTURE(name);
    CHECK(worth(std::string(name) + " == nil") == "true");
  }
  for (const char* name : {"assert", "error", "ipairs", "pairs", "select", "tonumber", "tostring", "type", "string.len", "string.lower", "string.upper",
                           "string.reverse", "string.sub", "string.byte", "string.char", "string.rep", "string.format", "string.find", "string.starts",
                           "string.ends", "string.contains", "string.split", "string.trim", "string.glob", "table.concat", "table.insert", "table.remove",
                           "table.sort", "table.unpack", "math.abs", "math.ceil", "math.floor", "math.fmod", "math.max", "math.min", "math.tointeger",
                           "math.type", "math.ult", "utf8.char", "utf8.codepoint", "utf8.len", "ccp.ip_in_cidr", "ccp.semver_cmp"}) {
    CAPTURE(name);
    CHECK(worth("type(" + std::string(name) + ")") == "\"function\"");
  }
  CHECK(worth("_VERSION") == "\"Lua 5.4\"");
  CHECK(worth("math.huge > math.maxinteger and math.mininteger < 0 and math.pi > 3") == "true");
}

TEST_CASE("the host's tables cannot be changed, and look like tables") {
  for (const std::string body : {"string.len = nil", "string.evil = 1", "table.insert(string, 1)", "ccp.data = {}", "ccp.data.list[1] = 2", "table.insert(ccp.data.list, 4)",
                           "table.sort(ccp.data.list)", "table.remove(ccp.data.list)", "math.huge = 1", "('').x = 1",
                           "local _, raw = pairs(string) raw.len = 1", "local _, raw = pairs(ccp.data) raw.x = 1", "local _, raw = ipairs(ccp) raw.x = 1"}) {
    Engine engine;
    const auto program = compiled(engine, "function decide(input) " + body + " return {allow = true} end", Json::object({{"list", Json::array({1, 2})}}));
    const Outcome out = engine.decide(program, "{}");
    CHECK_MESSAGE((out.fault == Fault::runtime_error), body);
  }
  const Json data = Json::object({{"list", Json::array({3, 1, 2})}, {"deep", Json::object({{"x", 1}, {"a", "b"}})}});
  CHECK(worth("#ccp.data.list", "{}", data) == "3");
  CHECK(worth("type(ccp.data.list)", "{}", data) == "\"table\"");
  CHECK(worth("table.concat(ccp.data.list, ',')", "{}", data) == "\"3,1,2\"");
  CHECK(worth("{table.unpack(ccp.data.list)}", "{}", data) == "[3,1,2]");
  CHECK(worth("(function() local s = '' for k, v in pairs(ccp.data.deep) do s = s .. k .. v end return s end)()", "{}", data) == "\"abx1\"");
  CHECK(worth("(function() local s = 0 for _, v in ipairs(ccp.data.list) do s = s + v end return s end)()", "{}", data) == "6");
  CHECK(worth("ccp.data.list == ccp.data.list", "{}", data) == "true");
  CHECK(worth("ccp.data.deep", "{}", data) == R"({"a":"b","x":1})");
}

TEST_CASE("nothing of one decision is left for the next") {
  Engine engine;
  const auto program = compiled(engine, R"lua(
    local calls = 0
    seen = 0
    local stash = {}
    function decide(input)
      calls = calls + 1
      seen = seen + 1
      stash[#stash + 1] = input
      local first = decide
      decide = function() return {allow = true, v = "replaced"} end
      tostring = nil
      input.x = "mine"
      return {allow = true, v = calls .. seen .. #stash}
    end)lua");
  for (int i = 0; i < 3; ++i) CHECK(engine.decide(program, R"({"x": 1})").result["v"].dump() == "\"111\"");
}

TEST_CASE("strings have methods and no arithmetic") {
  CHECK(worth("('abc'):upper()") == "\"ABC\"");
  CHECK(worth("#('abc')") == "3");
  faults(Fault::runtime_error, "local x = '10' + 1", "p.lua:1: attempt to perform arithmetic on a string value");
  faults(Fault::runtime_error, "local x = -'2'");
}

TEST_CASE("no address and no chance comes out") {
  for (const char* value : {"{}", "decide", "tostring", "string"}) {
    const std::string text = worth("tostring(" + std::string(value) + ")");
    CHECK_MESSAGE((text == "\"table\"" || text == "\"function\""), text);
  }
  faults(Fault::runtime_error, "string.format('%p', {})");
  faults(Fault::runtime_error, "string.format('%s', {})");
  faults(Fault::runtime_error, "string.format('%s', decide)");
  CHECK(worth("tostring(0/0)") == "\"nan\"");
  CHECK(worth("string.format('%.1f', 0/0)") == "\"nan\"");
}

TEST_CASE("pairs goes in a fixed order and sees what a table is now") {
  const std::string walk = "(function(t) local s = '' for k, v in pairs(t) do s = s .. tostring(k) .. '=' .. tostring(v) .. ' ' end return s end)";
  CHECK(worth(walk + "({b = 1, a = 2, [3] = 'x', [1] = 'y', [2.5] = 'z', [true] = 't', ['10'] = 'n', [-1] = 'm'})") ==
        "\"-1=m 1=y 2.5=z 3=x 10=n a=2 b=1 true=t \"");
  CHECK(worth("(function() local t, n = {a = 1, b = 2, c = 3}, 0 for k in pairs(t) do t.b = nil t.c = nil n = n + 1 end return n end)()") == "1");
  faults(Fault::runtime_error, "for k in pairs({[{}] = 1}) do end", "have an order");
  faults(Fault::runtime_error, "pairs(nil)");
}

TEST_CASE("errors have a place and are printable") {
  const Outcome out = decided("function decide(input)\n  return input.a.b\nend");
  CHECK((out.fault == Fault::runtime_error));
  CHECK(out.message == "p.lua:2: attempt to index a nil value (field 'a')");
  CHECK(decided("function decide()\n\n error('no \\27[31m \\n way') end").message == "p.lua:3: no \\x1b[31m \\x0a way");
  CHECK(decided("function decide()\n error('bare', 0) end").message == "p.lua:2: bare");
  CHECK(decided("function decide() error({}) end").message == "p.lua:1: error() was called without a text");
  CHECK(decided("function decide() assert(false) end").message == "p.lua:1: assertion failed!");
  CHECK(decided("function decide() assert(nil, 'because') end").message == "p.lua:1: because");
  CHECK(decided("function decide() error(('x'):rep(60000)) end").message.size() <= 512);
  CHECK(decided("function decide() error('\\xff\\xfe') end").message == "p.lua:1: \\xff\\xfe");
}

TEST_CASE("a file that cannot work is refused when it is loaded, with its line") {
  Engine engine;
  const auto refused = [&](std::string_view source) {
    const auto program = engine.load("dir/p.lua", source);
    REQUIRE_FALSE(program.has_value());
    CHECK((program.error().code == Errc::policy_compile_failed));
    return program.error().detail;
  };
  CHECK(refused("function decide(input)\n return = 1 end").starts_with("dir/p.lua:2: unexpected symbol near '='"));
  CHECK(refused("x = 1").find("defines no function decide") != std::string::npos);
  CHECK(refused("decide = 1").find("defines no function decide") != std::string::npos);
  CHECK(refused("\n\nerror('top')").starts_with("dir/p.lua:3: top"));
  CHECK(refused("while true do end").find("used up its fuel") != std::string::npos);
  CHECK(refused("local t = {} for i = 1, 1e9 do t[i] = {} end").find("ran out of memory") != std::string::npos);
  CHECK(refused("\x1bLua").find("is no text") != std::string::npos);
  CHECK(refused("-- \u202e").find("direction") != std::string::npos);
  CHECK(refused("-- \xff").find("UTF-8") != std::string::npos);
  CHECK(refused(std::string_view("-- \0", 4)).find("NUL") != std::string::npos);
  CHECK(refused("\xEF\xBB\xBF").find("byte order mark") != std::string::npos);
  CHECK(refused(std::string(300'000, ' ')).find("256 KiB") != std::string::npos);
  // Nothing in a file can close what the engine puts around it.
  CHECK(refused("end function decide() return {allow = true} end do").find("expected") != std::string::npos);
  CHECK(refused("return end, function() ").find("expected") != std::string::npos);
  CHECK(engine.load("", "x").error().detail.find("path") != std::string::npos);
  CHECK(engine.load("a\nb", "x").error().detail.find("path") != std::string::npos);
}

TEST_CASE("a file may end in a comment, begin with a return, and nest") {
  CHECK((decided("function decide() return {allow = true} end -- the end").fault == Fault::none));
  CHECK((decided("function decide() return {allow = true} end return").fault == Fault::none));
  CHECK(decided("local f <const> = 1 ::top:: function decide(...) return {allow = select('#', ...) == 1} end").result["allow"].asBool() == true);
}
