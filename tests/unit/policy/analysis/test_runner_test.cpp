#include "policy/analysis/test_runner.hpp"

#include <doctest/doctest.h>

#include "policy/analysis/trials.hpp"
#include "policy/packs/shipped.hpp"
#include "policy/schema/schema.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

Engine& engine() {
  static Engine one;
  return one;
}

Json json(std::string_view text) {
  auto value = parseJson(text);
  REQUIRE_MESSAGE(value.has_value(), text);
  return *value;
}

PackDocument gate(const std::string& source) {
  PackDocument pack;
  pack.org = "operator";
  pack.name = "p";
  pack.version = 1;
  pack.entry = {{Point::feature_gate, "p.lua"}};
  pack.files = {{"p.lua", source}};
  return pack;
}

/// The message of one case; "passed" when there is none.
std::string result(const std::string& source, std::string_view input, std::string_view expect, bool golden = false) {
  auto pack = gate(source);
  pack.tests.push_back({"t", Point::feature_gate, json(input), json(expect), golden});
  const auto report = runTests(engine(), pack);
  REQUIRE_MESSAGE(report.has_value(), (report.has_value() ? "" : report.error().text()));
  REQUIRE(report->results.size() == 1);
  CHECK(report->passed() == report->results[0].passed);
  return report->results[0].passed ? "passed" : report->results[0].message;
}

constexpr const char* kEcho = "function decide(input) return { allow = input.entitled, reason = input.feature, redact = { 'a', 'b' }, obligations = { n = 2.0, e = {} } } end";

}  // namespace

TEST_CASE("the members that a case names are compared, and the first difference is told") {
  CHECK(result(kEcho, R"({"entitled":true,"feature":"x"})", R"({"allow":true})") == "passed");
  CHECK(result(kEcho, R"({"entitled":true,"feature":"x"})", R"({"allow":false})") == "/allow is true, false is expected");
  CHECK(result(kEcho, R"({"entitled":true,"feature":"x"})", R"({"rule":"r"})") == "/rule is missing, \"r\" is expected");
  CHECK(result(kEcho, R"({"entitled":true,"feature":"x"})", R"({"rule":null,"obligations":{"n":2,"e":[]}})") == "passed");
  CHECK(result(kEcho, R"({"entitled":true,"feature":"x"})", R"({"reason":null})") == "/reason is \"x\", null is expected");
  CHECK(result(kEcho, R"({"entitled":true,"feature":"x"})", R"({"redact":["a","c"]})") == "/redact/1 is \"b\", \"c\" is expected");
  CHECK(result(kEcho, R"({"entitled":true,"feature":"x"})", R"({"redact":["a"]})") == "/redact is [\"a\",\"b\"], [\"a\"] is expected");
}

TEST_CASE("a golden case is compared whole") {
  CHECK(result(kEcho, R"({"entitled":true,"feature":"x"})", R"({"allow":true})", true) == "/obligations is {\"n\":2.0}, and nothing is expected");
  CHECK(result(kEcho, R"({"entitled":true,"feature":"x"})", R"({"allow":true,"reason":"x","redact":["a","b"],"obligations":{"n":2,"e":{}}})", true) == "passed");
}

TEST_CASE("faults and inputs that do not fit fail with what is wrong") {
  CHECK(result("function decide(input) return { allow = input.limits.seats > 1 } end", R"({})", R"({"allow":true})").starts_with("runtime_error: p.lua:1:"));
  CHECK(result("function decide(input) while true do end end", R"({})", R"({"allow":true})").starts_with("timeout: "));
  CHECK(result("function decide(input) return { allow = true, frobnicate = 1 } end", R"({})", R"({"allow":true})").starts_with("bad_result: "));
  CHECK(result(kEcho, R"({"entitld":true})", R"({"allow":true})") == "the input does not fit the point: /entitld is not known here");
  auto pack = gate("function decide(input");
  CHECK((runTests(engine(), pack).error().code == Errc::policy_compile_failed));
  pack = gate(kEcho);
  pack.tests.push_back({"t", Point::redact, Json::object(), Json::object(), false});
  CHECK(runTests(engine(), pack)->results[0].message == "no file of the pack is entered at redact");
}

TEST_CASE("what a case leaves out comes from the examples, and only what must be there") {
  for (const auto& point : allPoints()) {
    const auto input = completeInput(point.point, Json::object());
    CHECK(inputSchema(point.point).check(input).empty());
    CHECK(input.strOr("point") == point.name);
    CHECK(input["subject"].size() == 1);
  }
  CHECK(completeInput(Point::feature_gate, json(R"({"org":{"plan":"x"}})"))["org"].strOr("plan") == "x");
}

TEST_CASE("coverage counts statements, those of several lines once") {
  const std::string source =
      "local LIMIT <const> = 3\n"          // no instruction
      "local names = {\n  a = 1,\n}\n"      // 2
      "local function helper(x)\n"          // declarations always run
      "  return x ==\n    'b'\n"            // 6
      "end\n"
      "function decide(input)\n"
      "  if input.entitled then\n"          // 10
      "    return { allow = true }\n"       // 11
      "  elseif helper(input.feature) then\n"  // 12
      "    return { allow = names.a == LIMIT }\n"  // 13
      "  else\n"
      "    for i = 1, 2 do\n"               // 15
      "      if i == 2 then break end\n"    // 16
      "    end\n"
      "    repeat local done = true until done\n"  // 18
      "  end\n"
      "  return { allow = false }\n"        // 20
      "end\n";
  auto pack = gate(source);
  const auto covered = [&] {
    const auto report = runTests(engine(), pack, true);
    REQUIRE(report.has_value());
    const auto& file = report->coverage.at("p.lua");
    std::string out = std::to_string(file.ran) + "/" + std::to_string(file.lines) + ":";
    for (const int line : file.missed) out += " " + std::to_string(line);
    return out;
  };
  CHECK(covered() == "0/10: 2 6 10 11 12 13 15 16 18 20");
  pack.tests.push_back({"a", Point::feature_gate, json(R"({"entitled":true})"), Json::object(), false});
  CHECK(covered() == "3/10: 6 12 13 15 16 18 20");
  pack.tests.push_back({"b", Point::feature_gate, json(R"({"entitled":false,"feature":"b"})"), Json::object(), false});
  CHECK(covered() == "6/10: 15 16 18 20");
  pack.tests.push_back({"c", Point::feature_gate, json(R"({"entitled":false,"feature":"c"})"), Json::object(), false});
  CHECK(covered() == "10/10:");
}

TEST_CASE("fuzzing finds the fields that are not always there, and is the same for a seed") {
  const auto pack = gate("function decide(input) return { allow = input.limits.seats ~= nil } end");
  const auto one = fuzzPack(engine(), pack, 200, 7);
  REQUIRE(one.has_value());
  CHECK(one->samples == 200);
  CHECK(one->faults > 20);
  REQUIRE(one->examples.size() == 1);
  CHECK(one->examples[0].message.find("limits") != std::string::npos);
  CHECK(one->examples[0].input.find("limits") == nullptr);
  const auto again = fuzzPack(engine(), pack, 200, 7);
  CHECK(again->faults == one->faults);
  CHECK((again->examples[0].input == one->examples[0].input));
}

TEST_CASE("the shipped pack never faults on inputs made from the schemas, and is measured") {
  const auto& pack = shippedSet().packs[0].document;
  const auto report = fuzzPack(engine(), pack, 150, 1);
  REQUIRE(report.has_value());
  for (const auto& example : report->examples) FAIL_CHECK(example.message, " ", example.input.dump());
  const auto bench = benchPack(engine(), pack, milliseconds(5));
  REQUIRE(bench.has_value());
  REQUIRE(bench->size() == kPointCount);
  for (const auto& point : *bench) {
    CHECK(point.decisions > 0);
    CHECK(point.p50_ns > 0);
    CHECK(point.p99_ns >= point.p50_ns);
  }
}
