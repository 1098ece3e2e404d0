// `ccp policy eval`: one line per call and nothing else on stdout, whatever the policy, the input
// and the machine are like.
#include <doctest/doctest.h>

#include <array>

#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

constexpr const char* kPolicy =
    "function decide(input)\n"
    "  count = (count or 0) + 1\n"
    "  return { allow = input.seats == 7, reason = 'call ' .. count }\n"
    "end\n";

std::vector<Json> linesOf(const Ran& run) {
  std::vector<Json> out;
  std::istringstream text(run.out);
  for (std::string line; std::getline(text, line);) {
    const auto json = parseJson(line);
    REQUIRE_MESSAGE(json, line);
    CHECK(json->size() == 1);
    out.push_back(*json);
  }
  return out;
}

std::string codeOf(const Json& line) {
  return line["error"].strOr("code");
}
std::string messageOf(const Json& line) {
  return line["error"].strOr("message");
}

}  // namespace

TEST_CASE("eval prints a line for each decision and keeps nothing between them") {
  Person person;
  TempDir dir;
  const auto policy = dir.write("rule.lua", kPolicy);
  const auto input = dir.write("input.json", R"({"seats":7})");
  for (const auto& more : {std::vector<std::string>{}, {"--json"}}) {
    std::vector<std::string> words{"policy", "eval", policy, "--input", input, "--repeat", "3"};
    words.insert(words.end(), more.begin(), more.end());
    const auto run = person.ccp(words);
    CHECK(run.code == 0);
    CHECK(run.err == "");
    const auto lines = linesOf(run);
    REQUIRE(lines.size() == 3);
    for (const auto& line : lines)
      CHECK(line.dump() == R"({"decision":{"allow":true,"reason":"call 1"}})");
  }
}

TEST_CASE("eval without an input asks about nothing") {
  Person person;
  TempDir dir;
  const auto run = person.ccp({"policy", "eval", dir.write("rule.lua", kPolicy)});
  CHECK(run.code == 0);
  CHECK(run.out == "{\"decision\":{\"allow\":false,\"reason\":\"call 1\"}}\n");
}

TEST_CASE("what does not load is said once for each call") {
  Person person;
  TempDir dir;
  const std::vector<std::string> sources{
      dir.write("syntax.lua", "function decide(input)\n"),
      dir.write("nothing.lua", ""),
      dir.write("bytes.lua", "\x1bLua"),
      dir.write("brace.lua", "{"),
      dir.write(
          "not_a_pack.json",
          R"({"payloadType":"text/plain","payload":"e30=","signatures":[{"keyid":"a","sig":"YQ=="}]})"),
      dir.write("räuber\n.lua", "x ="),
      dir / "absent.lua",
      dir.path(),
      "/dev/zero"};
  for (const auto& source : sources) {
    CAPTURE(source);
    const auto run =
        person.ccp({"policy", "eval", source, "--repeat", "2", "--input", dir / "absent.json"});
    CHECK(run.code == 3);
    const auto lines = linesOf(run);
    CHECK(lines.size() == 2);
    for (const auto& line : lines) {
      CHECK(codeOf(line) == "load_error");
      CHECK(messageOf(line) != "");
    }
  }
  const auto run = person.ccp({"policy", "eval", sources.front()});
  CHECK(messageOf(linesOf(run).front()).starts_with("syntax.lua:"));
}

TEST_CASE("every fault has its code, the file and the line") {
  Person person;
  TempDir dir;
  const std::vector<std::array<std::string, 3>> faults{
      {"timeout", "while true do end", "rule.lua:2: "},
      {"memory", "local s = ('x'):rep(1 << 40)", "rule.lua:2: "},
      {"runtime_error", "error('enough')", "rule.lua:2: enough"},
      {"bad_result", "return 1", "rule.lua"}};
  for (const auto& [expected, body, message] : faults) {
    const std::string& code = expected;  // clang 14 captures no structured bindings
    CAPTURE(code);
    const auto policy = dir.write("rule.lua", "function decide(input)\n  " + body + "\nend\n");
    const auto run = person.ccp({"policy", "eval", policy});
    CHECK(run.code == 3);
    const auto lines = linesOf(run);
    REQUIRE(lines.size() == 1);
    CHECK(codeOf(lines[0]) == code);
    CHECK(messageOf(lines[0]).starts_with(message));
  }
}

TEST_CASE("an input that is none is the call's error, not the program's") {
  Person person;
  TempDir dir;
  const auto policy = dir.write("rule.lua", kPolicy);
  for (const std::string input :
       {"", "[1]", "{", R"({"a":1,"a":2})", R"({"n":9007199254740993})"}) {
    CAPTURE(input);
    const auto run =
        person.ccp({"policy", "eval", policy, "--input", dir.write("input.json", input)});
    CHECK(run.code == 3);
    const auto lines = linesOf(run);
    REQUIRE(lines.size() == 1);
    CHECK(codeOf(lines[0]) == "runtime_error");
    CHECK(messageOf(lines[0]).find("input") != std::string::npos);
  }
  const auto absent =
      person.ccp({"policy", "eval", policy, "--input", dir / "absent.json", "--repeat", "2"});
  CHECK(absent.code == 3);
  CHECK(linesOf(absent).size() == 2);
  const auto large = dir.write("input.json", "{\"x\":\"" + std::string(300'000, 'x') + "\"}");
  CHECK(person.ccp({"policy", "eval", policy, "--input", large}).code == 3);
}

TEST_CASE("one call that fails makes the exit code 3, and the others still answer") {
  Person person;
  TempDir dir;
  const auto policy = dir.write("rule.lua", "function decide(input) error('no') end");
  CHECK(linesOf(person.ccp({"policy", "eval", policy, "--repeat", "5"})).size() == 5);
}

TEST_CASE("a pack answers at the point that is named") {
  Person person;
  const std::string pack = CCP_SOURCE_DIR "/policy/packs/default";
  const auto unnamed = person.ccp({"policy", "eval", pack});
  CHECK(unnamed.code == 2);
  CHECK(unnamed.out == "");
  CHECK(unnamed.err.find("--point") != std::string::npos);
  TempDir dir;
  const auto run = person.ccp({"policy", "eval", pack, "--point", "redact"});
  CHECK(linesOf(run).size() == 1);
  CHECK(codeOf(linesOf(run)[0]) != "load_error");
}

TEST_CASE("mistakes on the command line are no decisions") {
  Person person;
  TempDir dir;
  const auto policy = dir.write("rule.lua", kPolicy);
  CHECK(person.ccp({"policy", "eval"}).code == 2);
  CHECK(person.ccp({"policy", "eval", policy, "--repeat", "0"}).code == 2);
  CHECK(person.ccp({"policy", "eval", policy, "--repeat", "many"}).code == 2);
  CHECK(person.ccp({"policy", "eval", policy, "--point", "no.such"}).code == 2);
}

TEST_CASE("eval needs no home, no login and no server") {
  Person person;
  TempDir dir;
  const auto policy = dir.write("rule.lua", kPolicy);
  const Variable home("HOME", std::nullopt), config("XDG_CONFIG_HOME", std::nullopt),
      data("XDG_DATA_HOME", std::nullopt), own("CCP_CONFIG_DIR", std::nullopt);
  std::ostringstream out, err;
  const Machine machine{person.http, person.clock, person.random, out, err};
  CHECK(runCcp(machine, {"policy", "eval", policy}) == 0);
  CHECK(person.http.requests.empty());
}

}  // namespace ccp::cli
