#include "policy/analysis/lint.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ccp;
using namespace ccp::policy;

namespace {

std::vector<Finding> lintGate(std::string_view source) {
  return lintFile("p.lua", source, &inputSchema(Point::feature_gate), &resultSchema(Point::feature_gate));
}
/// "3:10 unknown_field" of each.
std::string codes(const std::vector<Finding>& findings) {
  std::string out;
  for (const auto& f : findings) {
    CHECK(!f.message.empty());
    CHECK(!f.next_step.empty());
    out += (out.empty() ? "" : "; ") + std::to_string(f.line) + ":" + std::to_string(f.column) + " " + f.code;
  }
  return out;
}
/// Findings of a body of decide(input); lines count from 1 at the body.
std::string body(std::string_view lines) {
  auto found = lintGate("function decide(input)\n" + std::string(lines) + "\nend\n");
  for (auto& f : found) --f.line;
  return codes(found);
}
std::string step(std::string_view source) {
  const auto found = lintGate(source);
  return found.empty() ? "" : found[0].message + " " + found[0].next_step;
}
bool says(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("a policy without mistakes has no findings") {
  CHECK(codes(lintGate(R"(
local PLANS = { team = true, enterprise = true }
local function deny(rule, reason) return { allow = false, rule = rule, reason = reason } end
function decide(input)
  local org = input.org
  if not PLANS[org.plan] then return deny("plan", "Not " .. org.plan) end
  for _, scope in ipairs(input.subject.scopes or {}) do
    if scope:starts("usage:") then return { allow = true, obligations = { log = true } } end
  end
  return input.action == "issue" and { allow = true } or deny("x", "y")
end
)")).empty());
}

TEST_CASE("fields that the point does not have are found, along locals, loops and parameters") {
  CHECK(body("return { allow = input.entitld }") == "1:24 unknown_field");
  CHECK(says(step("function decide(input) return { allow = input.entitld } end"), "Did you mean entitled?"));
  CHECK(body("local s = input.subject\nreturn { allow = s.rol == 'admin' }") == "2:20 unknown_field");
  CHECK(body("local s = input.subject\nlocal function f(x) return x.rol end\nreturn { allow = f(s) == 'admin' }") == "2:30 unknown_field");
  CHECK(body("for _, x in ipairs(input.subject.scopes) do\nif x.name then return { allow = true } end end\nreturn { allow = false }") == "2:6 unknown_field");
  CHECK(body("return { allow = input['org']['plna'] == 'team' }") == "1:31 unknown_field");
  CHECK(body("return { allow = (input.license or {}).sate == 'active' }") == "1:40 unknown_field");
  // What is not known is left alone: a local that is assigned again, a function called with different things.
  CHECK(body("local s = input.subject\ns = {}\nreturn { allow = s.rol == 1 }").empty());
  CHECK(body("local function f(x) return x.anything end\nreturn { allow = f(input.org) or f({}) }").empty());
  CHECK(body("return { allow = input.limits.whatever == 3 }").empty());
}

TEST_CASE("constants that a field never is are found") {
  CHECK(body("return { allow = input.action == 'isue' }") == "1:34 impossible_value");
  CHECK(body("local state = input.license.state\nif state ~= 'activ' then return { allow = false } end\nreturn { allow = true }") == "2:13 impossible_value");
  CHECK(body("return { allow = 'x' == input.entitled }") == "1:18 impossible_value");
  CHECK(body("return { allow = input.license.version > '3' }") == "1:42 impossible_value");
  CHECK(body("return { allow = input.license.version > 3 and input.feature == 'zai_offload' }").empty());
  CHECK(says(step("function decide(input) return { allow = input.action == 'isue' } end"), "Did you mean \"issue\"?"));
}

TEST_CASE("what the sandbox has not is named with what to do instead") {
  CHECK(body("return { allow = os.time() > 3 }") == "1:18 forbidden_name");
  CHECK(says(step("function decide(input) return { allow = os.time() > 3 } end"), "input.now"));
  CHECK(body("return { allow = string.match('a', 'b') ~= nil }") == "1:25 forbidden_name");
  CHECK(body("return { allow = input.org.id:gsub('a', 'b') == 'c' }") == "1:31 forbidden_name");
  CHECK(body("return { allow = input.org.id:lowr() == 'c' }") == "1:31 undefined_name");
  CHECK(body("return { allow = math.flor(1) == 1 }") == "1:23 undefined_name");
  CHECK(body("return { allow = inptu.entitled }") == "1:18 undefined_name");
  CHECK(body("local t = { match = function() return true end }\nreturn { allow = t.match() and t:match() }").empty());
  CHECK(body("local _ENV = nil\nreturn { allow = true }") == "1:7 forbidden_name");
}

TEST_CASE("globals are not assigned, and decide is a function of the file") {
  CHECK(body("count = 1\nreturn { allow = true }") == "1:1 global_assignment");
  CHECK(codes(lintGate("function helper() end\nfunction decide(input) return { allow = true } end")) == "1:10 global_assignment");
  CHECK(codes(lintGate("string.x = 1\nfunction decide(input) return { allow = true } end")) == "1:8 undefined_name");
  CHECK(codes(lintGate("tostring = 1\nfunction decide(input) return { allow = true } end")) == "1:1 global_assignment");
  CHECK(codes(lintGate("return 1")) == "1:1 decide_missing");
  CHECK(codes(lintGate("local function decide(input) return { allow = input.entitled } end")) == "1:1 decide_missing; 1:16 unused_local");
  CHECK(codes(lintGate("decide = function(input) return { allow = input.entitld } end")) == "1:49 unknown_field");
  CHECK(codes(lintGate("function decide(input, more) return { allow = more } end")) == "1:1 decide_parameters");
}

TEST_CASE("conditions that cannot vary") {
  CHECK(body("if input.org.plan == 'a' or 'b' then return { allow = true } end\nreturn { allow = false }") == "1:29 constant_condition");
  CHECK(body("if true then return { allow = true } end\nreturn { allow = false }") == "1:4 constant_condition");
  CHECK(body("if not input.org.plan == 'team' then return { allow = true } end\nreturn { allow = false }") == "1:4 negated_comparison");
  CHECK(body("return { allow = not input.entitled == true }").empty());
  CHECK(body("return { allow = 1 == 0/0 }") == "1:18 nan_comparison");
  CHECK(body("return { allow = input.license.version == 0/0 }") == "1:18 nan_comparison");
  CHECK(body("return { allow = input.org.plan == input.org.plan }") == "1:18 self_comparison");
  CHECK(body("return { allow = input.limits == {} }") == "1:18 table_comparison");
  CHECK(body("local t = { a = 1, b = 2, a = 3 }\nreturn { allow = t.a == 1 }") == "1:27 duplicate_key");
}

TEST_CASE("what is never reached, and answers that are none") {
  CHECK(body("do return { allow = true } end\nlocal x = 1\nreturn { allow = x == 1 }") == "2:1 unreachable");
  CHECK(body("if input.entitled then return { allow = true } else error('no') end\nreturn { allow = false }") == "2:1 unreachable");
  CHECK(body("while true do end\nreturn { allow = false }") == "2:1 unreachable");
  CHECK(body("while true do if input.entitled then break end end\nreturn { allow = false }").empty());
  CHECK(body("for _ = 1, 2 do\nif input.entitled then goto next end\ndo return { allow = true } end\n::next::\nend\nreturn { allow = false }").empty());
  CHECK(body("if input.entitled then return { allow = true } end") == "2:1 no_answer");
  CHECK(body("return true") == "1:8 no_answer");
  CHECK(body("return") == "1:1 no_answer");
}

TEST_CASE("answers are held against the point's result schema") {
  CHECK(body("return { allow = true, reson = 'x' }") == "1:24 unknown_result");
  CHECK(body("return { alow = true }") == "1:8 allow_missing; 1:10 unknown_result");
  CHECK(body("return { allow = 'true' }") == "1:18 impossible_result");
  CHECK(body("return { allow = true, enforce = 'wran' }") == "1:34 impossible_result");
  CHECK(body("return { allow = true, reason = 3 }") == "1:33 impossible_result");
  CHECK(body("return { allow = true, redact = 'x' }") == "1:33 impossible_result");
  CHECK(body("return { allow = true, redact = { 1 } }") == "1:35 impossible_result");
  CHECK(body("return { allow = input.feature }") == "1:18 impossible_result");
  CHECK(body("local out = { allow = true }\nout.resaon = 'x'\nreturn out") == "2:5 unknown_result");
  CHECK(body("local out = {}\nout.allow = true\nreturn out").empty());
  CHECK(body("local function no() return { alow = false } end\nreturn no()") == "1:28 allow_missing; 1:30 unknown_result");
  CHECK(body("return { allow = true, obligations = { anything = { at = 'all' } } }").empty());
}

TEST_CASE("names: unused and shadowed") {
  CHECK(body("local x = 1\nreturn { allow = true }") == "1:7 unused_local");
  CHECK(body("local _x = 1\nreturn { allow = true }").empty());
  CHECK(body("local string = 'x'\nreturn { allow = string == 'x' }") == "1:7 shadowed_builtin");
  CHECK(codes(lintGate("local function f(table) return table end\nfunction decide(input) return { allow = f(input.entitled) } end")) == "1:18 shadowed_builtin");
}

TEST_CASE("invisible marks are found wherever they stand, and columns count code points") {
  CHECK(codes(lintGate("-- é\xE2\x80\xAE x\nfunction decide(input) return { allow = true } end")) == "1:5 bidi_mark");
  CHECK(codes(lintGate("local s = 'é', os\nfunction decide(input) return { allow = s == 'a' } end")) == "1:16 forbidden_name");
}

TEST_CASE("what is no Lua is one finding with its place") {
  CHECK(codes(lintGate("function decide(input)\n  return { allow = }\nend")) == "2:20 syntax");
  CHECK(says(step("function decide(input)\n  if input.entitled then\n"), "it ends the \"if\" of line 2"));
}

TEST_CASE("a pack: files without a point, points without a test, schemas that are none") {
  PackDocument pack;
  pack.files = {{"a.lua", "function decide(input) return { allow = input.entitld } end"}, {"b.lua", "function decide(input) return { allow = true } end"}};
  pack.entry = {{Point::feature_gate, "a.lua"}};
  pack.input_schema[Point::feature_gate] = Json::object({{"pattern", "x"}});
  std::string found;
  for (const auto& f : lint(pack)) found += f.file + ":" + f.code + " ";
  CHECK(found == "a.lua:unknown_field b.lua:unused_file pack.json:input_schema a.lua:untested ");
}

TEST_CASE("the fields that a policy reads, and what it compares them with") {
  const auto fields = readFields(
      "function decide(input)\nlocal org = input.org\nif org.plan == 'team' or org.plan == 'solo' or input.license.seats > 5 then return { allow = true } end\n"
      "return { allow = input.subject.role ~= 'viewer' }\nend");
  std::string text;
  for (const auto& field : fields) {
    for (const auto& name : field.path) text += "/" + name;
    for (const auto& value : field.compared) text += " " + value.dump();
    text += "; ";
  }
  CHECK(text == R"(/org; /org/plan "team" "solo"; /license/seats 5; /license; /subject/role "viewer"; /subject; )");
}
