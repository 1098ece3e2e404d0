// `ccp policy new, lint, test, matrix, diff, stubs`: what an author sees, and the exit codes that scripts see.
#include <doctest/doctest.h>

#include "core/base/file.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
Json jsonOf(const Ran& run) {
  auto value = parseJson(run.out);
  REQUIRE_MESSAGE(value.has_value(), run.out, run.err);
  return *value;
}

/// A pack of one policy for feature.gate.
std::string gate(const TempDir& dir, const std::string& name, const std::string& body, const std::string& tests = "[]") {
  dir.write(name + "/pack.json", R"({"format":1,"name":"p","version":1,"channels":["dev"],"engine":{"min":1,"max":1},"entry":{"feature.gate":"p.lua"}})");
  dir.write(name + "/p.lua", "function decide(input)\n" + body + "\nend\n");
  dir.write(name + "/tests/t.json", tests);
  return dir / name;
}

}  // namespace

TEST_CASE("a new pack passes lint, tests and fuzzing as it is, for every point") {
  Person person;
  TempDir dir;
  std::vector<std::string> words{"policy", "new", "team", "--dir", dir / "team"};
  for (const auto* point : {"feature.gate", "ingest.accept", "plugin.change", "model.use", "redact", "quota.overage", "seat.assign", "pr.check", "slack.run"})
    words.insert(words.end(), {"--point", point});
  const auto made = person.ccp(words);
  REQUIRE_MESSAGE(made.code == 0, made.err);
  CHECK(has(made.out, "  types/ccp.lua\n"));
  CHECK(has(made.err, "Next: ccp policy test "));
  CHECK(parseJson(*readFile(dir / "team/.luarc.json")).has_value());
  CHECK(readFile(dir / "team/types/ccp.lua")->starts_with("---@meta"));
  const auto lint = person.ccp({"policy", "lint", dir / "team", "--strict"});
  CHECK_MESSAGE(lint.code == 0, lint.out);
  CHECK(lint.out == "No findings in 9 files.\n");
  const auto test = person.ccp({"policy", "test", dir / "team", "--fail-under", "100", "--fuzz", "50"});
  CHECK_MESSAGE(test.code == 0, test.out, test.err);
  CHECK(has(test.out, "All 18 tests passed"));
  CHECK(has(test.out, "No fault in 450 inputs"));
}

TEST_CASE("a new pack may begin with what CCP ships, constants included") {
  Person person;
  TempDir dir;
  const auto made = person.ccp({"policy", "new", "mine", "--point", "model.use", "--shipped", "--dir", dir / "mine", "--json"});
  REQUIRE_MESSAGE(made.code == 0, made.err);
  CHECK(jsonOf(made)["files"].size() == 7);
  CHECK(parseJson(*readFile(dir / "mine/data/lanes.json")).has_value());
  CHECK(person.ccp({"policy", "test", dir / "mine", "--fail-under", "100"}).code == 0);
  const auto same = person.ccp({"policy", "diff", "shipped", dir / "mine", "--rules"});
  CHECK_MESSAGE(same.code == 0, same.out);
  CHECK(has(same.out, "model.use: no difference in "));
}

TEST_CASE("new overwrites nothing and refuses names that are none") {
  Person person;
  TempDir dir;
  dir.write("full/x", "x");
  const auto run = person.ccp({"policy", "new", "team", "--dir", dir / "full"});
  CHECK(run.code != 0);
  CHECK(has(run.err, "already_exists"));
  CHECK(person.ccp({"policy", "new", "Team", "--dir", dir / "a"}).code == 2);
  CHECK(person.ccp({"policy", "new", "../team", "--dir", dir / "a"}).code == 2);
  CHECK(person.ccp({"policy", "new", "team", "--point", "model.us", "--dir", dir / "a"}).code == 2);
  CHECK(person.ccp({"policy", "new", "team", "--org", "acme!", "--dir", dir / "a"}).code == 2);
  CHECK(!std::filesystem::exists(dir / "a"));
}

TEST_CASE("lint shows the line, points at the place and says what to do") {
  Person person;
  TempDir dir;
  const auto pack = gate(dir, "bad", "  local unused = 1\n  if input.subject.rol == 'admin' then return { allow = true } end\n  return { allow = false }");
  const auto run = person.ccp({"policy", "lint", pack});
  CHECK(run.code == 1);
  CHECK(has(run.out, "p.lua:3:20  error  unknown_field\n"
                     "  3 │   if input.subject.rol == 'admin' then return { allow = true } end\n"
                     "    │                    ^\n"
                     "  The point has no field input.subject.rol. Did you mean role?\n"));
  CHECK(has(run.out, "1 error, 2 warnings in 1 file."));
  const auto json = jsonOf(person.ccp({"policy", "lint", pack, "--json"}));
  CHECK(json.intOr("errors") == 1);
  CHECK(json["findings"].items()[1].strOr("code") == "unknown_field");
  CHECK(json["findings"].items()[1].intOr("line") == 3);
  CHECK(json["findings"].items()[1].intOr("column") == 20);
  CHECK(has(json["findings"].items()[1].strOr("next_step"), "role"));
}

TEST_CASE("warnings fail with --strict only; a file of its own needs a point for its fields") {
  Person person;
  TempDir dir;
  const auto pack = gate(dir, "warn", "  local unused = 1\n  return { allow = input.entitled }");
  CHECK(person.ccp({"policy", "lint", pack}).code == 0);
  CHECK(person.ccp({"policy", "lint", pack, "--strict"}).code == 1);
  const auto file = dir.write("rule.lua", "function decide(input) return { allow = input.nothing == 1 } end\n");
  const auto without = person.ccp({"policy", "lint", file});
  CHECK(without.code == 0);
  CHECK(has(without.err, "--point"));
  CHECK(person.ccp({"policy", "lint", file, "--point", "model.use"}).code == 1);
  const auto broken = dir.write("broken.lua", "function decide(input) goto nowhere end\n");
  CHECK(has(person.ccp({"policy", "lint", broken}).out, "broken.lua:1:1  error  compile"));
  CHECK(person.ccp({"policy", "lint", dir / "absent"}).code != 0);
  CHECK(person.ccp({"policy", "lint", "shipped", "--strict"}).code == 0);
}

TEST_CASE("test tells what differs, and its exit code follows tests, coverage and faults") {
  Person person;
  TempDir dir;
  const auto pack = gate(dir, "p", "  if input.entitled then\n    return { allow = true, rule = 'a' }\n  end\n  return { allow = input.limits.seats > 3 }",
                         R"([{"name":"good","point":"feature.gate","input":{"entitled":true},"expect":{"allow":true}},
                            {"name":"bad","point":"feature.gate","input":{"entitled":true},"expect":{"rule":"b"}}])");
  const auto run = person.ccp({"policy", "test", pack, "--coverage", "--junit", dir / "report.xml"});
  CHECK(run.code == 1);
  CHECK(has(run.out, "FAIL feature.gate    1 of 2 tests failed\n     FAIL bad\n          /rule is \"a\", \"b\" is expected\n"));
  CHECK(has(run.out, "p.lua      3    2  66.7 %  5"));
  const auto report = *readFile(dir / "report.xml");
  CHECK(has(report, "tests=\"2\" failures=\"1\""));
  CHECK(has(report, "<failure message=\"/rule is &quot;a&quot;, &quot;b&quot; is expected\"/>"));
  gate(dir, "p", "  if input.entitled then\n    return { allow = true, rule = 'a' }\n  end\n  return { allow = input.limits.seats > 3 }",
       R"([{"name":"good","point":"feature.gate","input":{"entitled":true},"expect":{"allow":true}}])");
  CHECK(person.ccp({"policy", "test", pack}).code == 0);
  CHECK(person.ccp({"policy", "test", pack, "--fail-under", "60"}).code == 0);
  CHECK(person.ccp({"policy", "test", pack, "--fail-under", "90"}).code == 1);
  const auto fuzzed = person.ccp({"policy", "test", pack, "--fuzz", "200", "--json"});
  CHECK(fuzzed.code == 1);
  const auto json = jsonOf(fuzzed);
  CHECK(json.boolOr("passed", true) == false);
  CHECK(json["fuzz"].intOr("faults") > 0);
  CHECK(has(json["fuzz"]["examples"].items()[0].strOr("message"), "p.lua:5"));
  const auto bench = jsonOf(person.ccp({"policy", "test", pack, "--bench", "--json"}));
  CHECK(bench["bench"].items()[0].intOr("p50_ns") > 0);
}

TEST_CASE("matrix prints few rows, obeys --fix and --limit, and fails on faults") {
  Person person;
  TempDir dir;
  const auto pack = gate(dir, "p", "  if not input.entitled then return { allow = false, rule = 'plan' } end\n  return { allow = input.subject.role ~= 'viewer', rule = 'role' }");
  const auto run = person.ccp({"policy", "matrix", pack});
  CHECK(run.code == 0);
  CHECK(has(run.out, "feature.gate: 10 inputs of 2 fields, 4 allowed, 6 denied.\n"));
  CHECK(has(run.out, "Answer  entitled  subject.role  Rule  Inputs\n"));
  CHECK(has(run.out, "deny    false     any           plan       5\n"));
  CHECK(has(run.out, "allow   true      not viewer    role       4\n"));
  CHECK(has(person.ccp({"policy", "matrix", pack, "--fix", "entitled=true"}).out, "5 inputs of 1 field, 4 allowed"));
  CHECK(person.ccp({"policy", "matrix", pack, "--fix", "entitled=perhaps"}).code != 0);
  const auto many = person.ccp({"policy", "matrix", pack, "--limit", "9"});
  CHECK(many.code == 2);
  CHECK(has(many.err, "10 combinations of 2 fields are too many: subject.role (5), entitled (2)."));
  CHECK(has(many.err, "--fix subject.role=owner"));
  const auto json = jsonOf(person.ccp({"policy", "matrix", pack, "--json"}));
  CHECK(json["rows"].size() == 3);
  CHECK(json.intOr("inputs") == 10);
  const auto fault = gate(dir, "f", "  return { allow = input.entitled and input.limits.seats > 'x' }");
  CHECK(person.ccp({"policy", "matrix", fault}).code == 1);
}

TEST_CASE("diff names the inputs that come out otherwise, and how") {
  Person person;
  TempDir dir;
  const auto a = gate(dir, "a", "  return { allow = input.entitled, rule = 'one' }");
  const auto b = gate(dir, "b", "  return { allow = input.entitled and input.subject.role ~= 'viewer', rule = 'two' }");
  const auto run = person.ccp({"policy", "diff", a, b});
  CHECK(run.code == 1);
  CHECK(has(run.out, "feature.gate: 1 of 10 inputs come out otherwise."));
  CHECK(has(run.out, "newly denied  true      viewer        allow (one)  deny (two)       1"));
  CHECK(person.ccp({"policy", "diff", a, a}).code == 0);
  CHECK(has(person.ccp({"policy", "diff", a, b, "--rules"}).out, "10 of 10 inputs come out otherwise"));
  const auto json = jsonOf(person.ccp({"policy", "diff", b, a, "--json"}));
  CHECK(json.intOr("flips") == 1);
  CHECK(json["rows"].items()[0].strOr("kind") == "newly allowed");
  CHECK(person.ccp({"policy", "diff", a, b, "--point", "redact"}).code == 2);
}

TEST_CASE("stubs print to stdout or into a file, also of a folder that is not there yet") {
  Person person;
  TempDir dir;
  const auto run = person.ccp({"policy", "stubs"});
  CHECK(run.code == 0);
  CHECK(run.out.starts_with("---@meta"));
  CHECK(jsonOf(person.ccp({"policy", "stubs", "--json"})).strOr("text") == run.out);
  CHECK(person.ccp({"policy", "stubs", "--out", dir / "types/ccp.lua"}).code == 0);
  CHECK(*readFile(dir / "types/ccp.lua") == run.out);
}

TEST_CASE("what was mistyped is answered with what there is") {
  Person person;
  TempDir dir;
  const auto word = person.ccp({"policy", "lnit"});
  CHECK(word.code == 2);
  CHECK(has(word.err, "There is no command \"lnit\"."));
  CHECK(has(word.err, "See `ccp help policy`."));
  CHECK(has(person.ccp({"policy", "lint"}).err, "See `ccp help policy lint`."));
  const auto file = dir.write("p.lua", "function decide(input) return { allow = input.subject.role == 'x' } end\n");
  CHECK(has(person.ccp({"policy", "eval", file, "--point", "modle.use"}).err, "Points: feature.gate, "));
  const auto without = person.ccp({"policy", "eval", file});
  CHECK(without.code == 3);
  CHECK(has(without.err, "--input FILE"));
  const auto absent = person.ccp({"policy", "test", dir / "absent"});
  CHECK(has(absent.err, "not_found"));
  CHECK(has(absent.err, "ccp policy new NAME"));
  dir.write("none/p.lua", "");
  CHECK(has(person.ccp({"policy", "test", dir / "none"}).err, "it has no pack.json"));
  dir.write("cut/pack.json", "{\n  \"format\": 1,\n");
  CHECK(has(person.ccp({"policy", "test", dir / "cut"}).err, "(line 3)"));
}

TEST_CASE("the README of a new pack names commands that there are") {
  Person person;
  TempDir dir;
  REQUIRE(person.ccp({"policy", "new", "team", "--org", "operator", "--dir", dir / "team"}).code == 0);
  const auto readme = *readFile(dir / "team/README.md");
  REQUIRE(person.ccp({"policy", "keygen", dir / "me.key", "--person", "me"}).code == 0);
  CHECK(person.ccp({"policy", "sign", dir / "team", "--key", dir / "me.key", "--out", dir / "team-1.policy"}).code == 0);
  CHECK(has(readme, "    # writes team-1.policy\n"));
  CHECK(has(readme, "ccp policy push team-1.policy "));
}

}  // namespace ccp::cli
