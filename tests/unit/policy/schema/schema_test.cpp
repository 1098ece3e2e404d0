#include "policy/schema/schema.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/base/random.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

Json json(std::string_view text) {
  auto value = parseJson(text);
  REQUIRE_MESSAGE(value.has_value(), text);
  return *value;
}
Schema schema(std::string_view text) {
  auto compiled = Schema::compile(json(text));
  REQUIRE_MESSAGE(compiled.has_value(), text, compiled.has_value() ? "" : compiled.error().text());
  return *compiled;
}
std::string found(const Schema& schema, std::string_view value) {
  std::string out;
  for (const auto& each : schema.check(json(value))) out += each.pointer + " " + each.rule + "; ";
  return out;
}

}  // namespace

TEST_CASE("a value is held against its schema, and what is wrong is named by pointer") {
  const auto s = schema(R"({"type":"object","additionalProperties":false,"required":["plan","n"],"properties":{
    "plan":{"type":"string","enum":["free","team"]},"n":{"type":"integer","minimum":0,"maximum":10},
    "a/b":{"type":"boolean"},"t":{"type":["string","null"],"minLength":2,"maxLength":3},
    "l":{"type":"array","minItems":1,"maxItems":2,"items":{"type":"number"}}}})");
  CHECK(found(s, R"({"plan":"team","n":3,"a/b":true,"t":null,"l":[1.5,2]})").empty());
  CHECK(found(s, R"({"n":3})") == "/plan is missing; ");
  CHECK(found(s, R"({"plan":"tem","n":3})") == R"(/plan must be one of "free", "team"; )");
  CHECK(found(s, R"({"plan":"team","n":11,"a/b":1})") == "/n must be at most 10; /a~1b must be of type boolean; ");
  CHECK(found(s, R"({"plan":"team","n":-1,"x":1})") == "/n must be at least 0; /x is not known here; ");
  CHECK(found(s, R"({"plan":"team","n":3.5})") == "/n must be of type integer; ");
  CHECK(found(s, R"({"plan":"team","n":3.0})").empty());
  CHECK(found(s, R"({"plan":"team","n":3,"t":"é"})") == "/t must have at least 2 characters; ");
  CHECK(found(s, R"({"plan":"team","n":3,"t":"éé€"})").empty());
  CHECK(found(s, R"({"plan":"team","n":3,"t":"abcd"})") == "/t must have at most 3 characters; ");
  CHECK(found(s, R"({"plan":"team","n":3,"l":[]})") == "/l must have at least 1 items; ");
  CHECK(found(s, R"({"plan":"team","n":3,"l":[1,2,"x"]})") == "/l must have at most 2 items; /l/2 must be of type number; ");
  CHECK(found(s, R"([])") == "/plan is missing; /n is missing; ");
  CHECK(found(s, R"("x")") == " must be of type object; ");
}

TEST_CASE("a table without members is a list and an object, as Lua has it") {
  const auto s = schema(R"({"type":"object","properties":{"l":{"type":"array"},"o":{"type":"object"}}})");
  CHECK(found(s, R"({"l":{},"o":[]})").empty());
  CHECK(found(s, R"({"l":{"a":1}})") == "/l must be of type array; ");
}

TEST_CASE("a schema that this subset does not know is refused, with its place") {
  const auto refused = [](std::string_view text) {
    const auto compiled = Schema::compile(json(text));
    REQUIRE_MESSAGE(!compiled.has_value(), text);
    CHECK((compiled.error().code == Errc::policy_document_invalid));
    REQUIRE(compiled.error().fields.size() == 1);
    return compiled.error().fields[0].pointer;
  };
  CHECK(refused(R"({"properties":{"a":{"pattern":"x"}}})") == "/properties/a/pattern");
  CHECK(refused(R"({"type":"text"})") == "/type");
  CHECK(refused(R"({"type":[]})") == "/type");
  CHECK(refused(R"({"enum":[]})") == "/enum");
  CHECK(refused(R"({"type":"string","const":1})").empty());
  CHECK(refused(R"({"const":1,"enum":[1]})").empty());
  CHECK(refused(R"({"minLength":-1})") == "/minLength");
  CHECK(refused(R"({"minimum":"1"})") == "/minimum");
  CHECK(refused(R"({"minimum":2,"maximum":1})").empty());
  CHECK(refused(R"({"required":["a"]})") == "/required");
  CHECK(refused(R"({"items":[]})") == "/items");
  CHECK(refused(R"({"type":"string","examples":[1]})") == "/examples");
  CHECK(refused("[]").empty());
  std::string deep = "{}";
  for (int i = 0; i < 40; ++i) deep = R"({"items":)" + deep + "}";
  CHECK(!Schema::compile(json(deep)).has_value());
}

TEST_CASE("fields are found by their path") {
  const auto& s = inputSchema(Point::feature_gate);
  REQUIRE(s.below({"org", "plan"}).has_value());
  CHECK(s.below({"org", "plan"})->type() == "string");
  CHECK(!s.below({"org", "plna"}).has_value());
  CHECK(!s.below({"org", "plan", "x"}).has_value());
  REQUIRE(s.below({"limits", "whatever"}).has_value());
  CHECK(s.below({"limits", "whatever"})->type() == "integer");
  CHECK(s.below({"subject", "scopes", "*"}).has_value());
  CHECK(s.alwaysHas("org"));
  CHECK(!s.alwaysHas("limits"));
  CHECK(s.isClosed());
  const auto free = schema(R"({"type":"object"})").below({"a", "b", "*"});
  REQUIRE(free.has_value());
  CHECK(free->type().empty());
}

TEST_CASE("finite domains: enum, const and booleans") {
  CHECK(inputSchema(Point::feature_gate).below({"action"})->domain().size() == 3);
  CHECK(schema(R"({"type":"boolean"})").domain().size() == 2);
  CHECK(schema(R"({"const":"x"})").domain().size() == 1);
  CHECK(schema(R"({"type":"integer","minimum":1,"maximum":2})").domain().empty());
}

TEST_CASE("every point has schemas with what all points have in common") {
  for (const auto& point : allPoints()) {
    CAPTURE(point.name);
    const auto& in = inputSchema(point.point);
    const auto& out = resultSchema(point.point);
    CHECK(in.isClosed());
    CHECK(out.isClosed());
    CHECK(in.alwaysHas("now"));
    CHECK(in.alwaysHas("subject"));
    CHECK((in.below({"point"})->domain() == std::vector<Json>{Json(point.name)}));
    CHECK(out.alwaysHas("allow"));
    for (const auto* member : {"allow", "effect", "reason", "rule", "lane", "redact", "obligations"}) {
      REQUIRE(out.below({member}).has_value());
      CHECK((out.below({member})->text() == resultSchema(Point::redact).below({member})->text()));
    }
    // The parts that points share read the same everywhere.
    for (const auto* member : {"now", "org", "subject"}) {
      const auto part = in.below({member});
      if (!part) {
        CHECK((point.point == Point::plugin_change));  // a matter of the server, not of an organization
        continue;
      }
      CHECK((part->text() == inputSchema(Point::redact).below({member})->text()));
    }
  }
}

TEST_CASE("every field of the points is described, and the plain example fits") {
  const auto visit = [](const auto& self, const Schema& s, const std::string& at) -> void {
    for (const auto& name : s.members()) {
      const auto below = *s.below({name});
      CHECK_MESSAGE(!below.description().empty(), at, "/", name);
      CHECK_MESSAGE(!below.type().empty(), at, "/", name);
      self(self, below, at + "/" + name);
    }
    if (const auto item = s.below({"*"}); item && s.type() == "array") self(self, *item, at + "/*");
  };
  for (const auto& point : allPoints()) {
    for (const auto* s : {&inputSchema(point.point), &resultSchema(point.point)}) {
      visit(visit, *s, std::string(point.name));
      const auto wrong = s->check(s->example());
      CHECK_MESSAGE(wrong.empty(), point.name, wrong.empty() ? "" : wrong[0].pointer + wrong[0].rule);
    }
  }
}

TEST_CASE("samples fit their schema and reach its corners") {
  SystemRandom random;
  for (const auto& point : allPoints()) {
    const auto& s = inputSchema(point.point);
    bool without_role = false, with_role = false;
    for (int i = 0; i < 300; ++i) {
      const auto value = s.sample(random);
      const auto wrong = s.check(value);
      REQUIRE_MESSAGE(wrong.empty(), value.dump(), wrong[0].pointer, " ", wrong[0].rule);
      (value["subject"].find("role") == nullptr ? without_role : with_role) = true;
    }
    CHECK(without_role);
    CHECK(with_role);
  }
  const auto narrow = schema(R"({"type":"integer","minimum":3,"maximum":4})");
  for (int i = 0; i < 100; ++i) CHECK(narrow.check(narrow.sample(random)).empty());
}
