// Inputs: strict JSON in, plain tables out; and what was read of them.
#include "tests/unit/policy/engine/run.hpp"

#include <vector>

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::policy::test;

namespace {

std::string refusal(std::string_view input) {
  const Outcome out = decided("function decide(input) return {allow = true} end", input);
  CHECK((out.fault == Fault::runtime_error));
  return out.message;
}

std::string read(std::string_view body, std::string_view input) {
  const std::string source = "function decide(input) " + std::string(body) + " return {allow = true} end";
  const Outcome out = decided(source, input, Recording{true, false});
  REQUIRE_MESSAGE((out.fault == Fault::none), out.message);
  std::string all;
  for (const std::string& field : out.fields_read) all += (all.empty() ? "" : " ") + field;
  return all;
}

}  // namespace

TEST_CASE("JSON values become those of Lua") {
  CHECK(worth("input", R"({"s": "x\u0000\u00e4", "i": -7, "d": 1.5, "e": 1e3, "t": true, "a": [1, [2]], "o": {"x": {}}})") ==
        R"({"a":[1,[2]],"d":1.5,"e":1000.0,"i":-7,"s":"x\u0000ä","t":true})");
  CHECK(worth("math.type(input.i) .. math.type(input.f)", R"({"i": 1, "f": 1.0})") == "\"integerfloat\"");
  CHECK(worth("input.i == 9007199254740992 and -input.i == -9007199254740992", R"({"i": 9007199254740992})") == "true");
  // null and an absent member are the same.
  CHECK(worth("input.n == nil and input.absent == nil and #input.list == 3 and input.list[2] == nil", R"({"n": null, "list": [1, null, 3]})") == "true");
}

TEST_CASE("inputs that are not strict JSON within the limits never reach the program") {
  CHECK(refusal("") == "input: not valid JSON");
  CHECK(refusal("[1]") == "input: not a JSON object");
  CHECK(refusal("1") == "input: not a JSON object");
  CHECK(refusal("{\"a\": 1} x") == "input: not valid JSON");
  CHECK(refusal("{\"a\": 01}") == "input: a number is malformed or too large");
  CHECK(refusal("{\"a\": NaN}") == "input: not valid JSON");
  CHECK(refusal("{\"a\": 1e999}") == "input: a number is malformed or too large");
  CHECK(refusal("{\"a\": \"\xff\"}") == "input: not valid UTF-8");
  CHECK(refusal("{\"a\": \"\\ud800\"}") == "input: not valid JSON");
  CHECK(refusal("{\"a\": 1, \"b\": 2, \"a\": 3}") == "input: an object has the same name twice");
  CHECK(refusal("{\"a\": null, \"\\u0061\": 3}") == "input: an object has the same name twice");
  CHECK(refusal("{\"x\": {\"a\": 1, \"a\": 1}}") == "input: an object has the same name twice");
  for (const char* number : {"9007199254740993", "-9007199254740993", "9223372036854775808", "18446744073709551615"}) {
    CHECK(refusal("{\"a\": " + std::string(number) + "}") == "input: an integer is beyond 2^53");
  }
  CHECK(refusal("{\"a\": 99999999999999999999}") == "input: a number is malformed or too large");
  std::string deep = "1";
  for (int i = 0; i < 31; ++i) deep = "[" + deep + "]";
  CHECK(refusal("{\"a\": [" + deep + "]}") == "input: nested deeper than 32");
  CHECK((decided("function decide(i) return {allow = true} end", "{\"a\":" + deep.substr(1, deep.size() - 2) + "}").fault == Fault::none));
  std::string wide = "0";
  for (int i = 0; i < 10'000; ++i) wide += ",0";
  CHECK(refusal("{\"a\": [" + wide + "]}") == "input: more than 10000 values");
  CHECK(refusal("{\"a\": \"" + std::string(256 << 10, 'x') + "\"}") == "input: longer than 256 KiB");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "\"n" + std::to_string(i) + "\": 1, ";
  CHECK(refusal("{" + many + "\"n50\": 2}") == "input: an object has the same name twice");
  CHECK((decided("function decide(i) return {allow = i.n99 == 1} end", "{" + many + "\"m\": 2}").fault == Fault::none));
}

TEST_CASE("a large input is welcome") {
  std::string list;
  for (int i = 0; i < 9'000; ++i) list += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
  CHECK(worth("#input.a == 9000 and input.a[9000] == '8999'", "{\"a\":[" + list + "]}") == "true");
  std::string object;
  for (int i = 0; i < 9'000; ++i) object += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":" + std::to_string(i);
  CHECK(worth("input.k8999", "{" + object + "}") == "8999");
  CHECK(worth("#input.text", "{\"text\": \"" + std::string(60'000, 'x') + "\"}") == "60000");
}

TEST_CASE("recording names what was read, and nothing else") {
  const std::string_view input = R"({"subject": {"plan": "free", "id": 7}, "list": [1, 2, {"x": 1}], "n": null, "a/b~c": 1, "unread": 1})";
  CHECK(read("", input).empty());
  CHECK(read("local x = input.subject.plan", input) == "/subject/plan");
  CHECK(read("local x = input.subject", input) == "/subject");
  CHECK(read("local x = input.list[2]", input) == "/list/1");
  CHECK(read("local x = input.list[3].x", input) == "/list/2/x");
  CHECK(read("local x = input['a/b~c']", input) == "/a~1b~0c");
  CHECK(read("local x = input.n", input) == "/n");
  CHECK(read("local x = input.absent or input.subject.absent", input) == "/absent /subject/absent");
  CHECK(read("local x = #input.list", input) == "/list/0 /list/1 /list/2");
  CHECK(read("for k in pairs(input.subject) do end", input) == "/subject/id /subject/plan");
  CHECK(read("for _, v in ipairs(input.list) do end", input) == "/list/0 /list/1 /list/2");
  CHECK(read("local x = table.concat({1}, input.subject.plan)", input) == "/subject/plan");
}

TEST_CASE("a recorded input behaves as a plain one") {
  const std::string_view input = R"({"o": {"a": 1, "b": 2}, "l": [3, 1, 2], "n": null, "e": [], "m": {}})";
  const std::string source = R"lua(
    local out = {}
    local function note(v) out[#out + 1] = tostring(v) end
    function decide(input)
      note(type(input)) note(type(input.o)) note(input.o == input.o) note(tostring(input.o))
      note(#input.l) note(#input.e) note(#input.m) note(input.o.a) note(input.n) note(input[1]) note(input.l[4]) note(input.l['1']) note(input.l[1.0])
      input.o.a = nil note(input.o.a)
      input.o.b = 5 note(input.o.b)
      input.o.c = 6 note(input.o.c)
      input.fresh = 1 note(input.fresh)
      input.n = 4 note(input.n)
      input.m = nil note(input.m)
      for k, v in pairs(input.o) do note(k) note(v) end
      table.sort(input.l) note(table.concat(input.l, " "))
      table.insert(input.l, 9) note(input.l[4]) note(table.remove(input.l, 1)) note(select("#", table.unpack(input.l)))
      for k in pairs(input) do note(k) end
      return {allow = true, v = table.concat(out, ","), whole = input}
    end)lua";
  const Outcome plain = decided(source, input);
  const Outcome recorded = decided(source, input, Recording{true, false});
  CHECK_MESSAGE((plain.fault == Fault::none), plain.message);
  CHECK_MESSAGE((recorded.fault == Fault::none), recorded.message);
  CHECK(plain.result.dump() == recorded.result.dump());
  CHECK(plain.result["whole"]["l"].dump() == "[2,3,9]");
}

TEST_CASE("recording lines names those that ran") {
  const Outcome out = decided("local x = 1\nfunction decide(input)\n  if input.a then\n    x = 2\n  else\n    x = 3\n  end\n  return {allow = true}\nend", R"({"a": true})",
                              Recording{false, true});
  CHECK(out.lines == std::vector<int>{1, 2, 3, 4, 8, 9});
}

TEST_CASE("fuel does not depend on what is recorded") {
  const std::string source = "function decide(input) local t = 0 for i = 1, 500 do t = t + input.a end return {allow = true} end";
  const auto fuel = [&](Recording recording) { return decided(source, R"({"a": 1})", recording).fuel; };
  CHECK(fuel({}) > 1000);
  CHECK(fuel({}) == fuel({true, false}));
  CHECK(fuel({}) == fuel({true, true}));
}
