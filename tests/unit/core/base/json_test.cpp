#include "core/base/json.hpp"

#include <doctest/doctest.h>

#include "core/base/json_text.hpp"

using namespace ccp;

TEST_CASE("strict parsing refuses what two readers could read differently") {
  using namespace std::string_view_literals;
  const std::pair<std::string_view, const char*> refused[] = {
      {"", "syntax"},
      {"0\0[3"sv, "NUL"},  // nlohmann ends at the NUL: found by json_fuzz
      {"\xef\xbb\xbf{}", "byte order mark"},
      {"{", "syntax"},
      {"{} {}", "syntax"},
      {"{\"a\":1,\"a\":2}", "duplicate key"},
      {"{\"a\":{\"b\":1,\"b\":2}}", "duplicate key"},
      {"[1,]", "syntax"},
      {"nul", "syntax"},
      {"\"\xff\"", "syntax"},
      {"1e400", "syntax"},
      {"18446744073709551615", "64-bit"},
      {"99999999999999999999999", "64-bit"},
      {"NaN", "syntax"},
      {"{\"a\":1} // comment", "syntax"},
  };
  for (const auto& row : refused) {
    const auto& text = row.first;  // not a structured binding: clang 14 cannot capture one
    const auto& why = row.second;
    const auto result = parseJson(text);
    CAPTURE(text);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == Errc::bad_json);
    CHECK(result.error().detail.find(why) != std::string::npos);
  }
}

TEST_CASE("depth and size are bounded before a value exists") {
  const std::string deep(100000, '[');
  CHECK(parseJson(deep).error().detail.find("deeper than 64") != std::string::npos);
  CHECK(parseJson(std::string(64, '[') + std::string(64, ']')).has_value());
  CHECK_FALSE(parseJson(std::string(65, '[') + std::string(65, ']')).has_value());
  CHECK(parseJson("[1,2,3]", JsonLimits{4, 64}).error().code == Errc::body_too_large);
}

TEST_CASE("numbers keep their kind and their digits") {
  CHECK(*parseJson("9223372036854775807")->asInt() == INT64_MAX);
  CHECK(*parseJson("-9223372036854775808")->asInt() == INT64_MIN);
  CHECK_FALSE(parseJson("1.0")->isInt());
  CHECK(parseJson("3000000000")->dump() == "3000000000");
  CHECK(parseJson("0.1")->dump() == "0.1");
}

TEST_CASE("getters never convert") {
  const auto v = *parseJson(R"({"s":"x","n":5,"f":1.5,"b":true,"z":null})");
  CHECK(v.str("s") == "x");
  CHECK(v.integer("n") == 5);
  CHECK(v.str("n").error().fields.front().pointer == "/n");
  CHECK(v.integer("f").error().code == Errc::validation_failed);
  CHECK(v.str("absent").error().detail.find("required") != std::string::npos);
  CHECK(v.strOr("n", "fallback") == "fallback");
  CHECK(v["absent"]["deeper"].isNull());
}

TEST_CASE("pointers follow RFC 6901") {
  const auto v = *parseJson(R"({"a":[{"b/c":1},{"d~e":2}]})");
  CHECK(*v.at("/a/0/b~1c")->asInt() == 1);
  CHECK(*v.at("/a/1/d~0e")->asInt() == 2);
  CHECK(v.at("/a/2") == nullptr);
  CHECK(v.at("/a/x") == nullptr);
  CHECK(v.at("a") == nullptr);
}

TEST_CASE("writing keeps key order, escapes, and never fails on broken UTF-8") {
  Json v = Json::object({{"b", 1}, {"a", "x\n\"\xc3\xa4"}});
  CHECK(v.dump() == "{\"b\":1,\"a\":\"x\\n\\\"\xc3\xa4\"}");
  CHECK(Json(std::string("\xff")).dump() == "\"\xef\xbf\xbd\"");
  CHECK(*parseJson(v.dump()) == v);
  CHECK(*parseJson(R"({"a":1,"b":2})") == *parseJson(R"({"b":2,"a":1})"));
}

TEST_CASE("a list of pairs is written as a Json of it would be") {
  const std::vector<std::pair<std::string, std::string>> lists[] = {
      {},
      {{"Host", "a.example"}},
      {{"a", ""}, {"", "b"}},
      {{"quote\"", "back\\slash\n"}, {"caf\xc3\xa9", "\xff"}}};
  for (const auto& pairs : lists) {
    Json list = Json::array();
    for (const auto& [name, value] : pairs) list.push(Json::array({Json(name), Json(value)}));
    CHECK(jsonOfPairs(pairs) == list.dump());
  }
}
