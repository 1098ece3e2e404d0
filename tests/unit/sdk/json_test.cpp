// What the SDK reads of JSON by itself: an operation's input, and a few facts of a large text.
#include "ccp/json.hpp"

#include <doctest/doctest.h>

using ccp::json;
using ccp::peekJson;

namespace {

const std::string kLong(2000, 'a');

/// An input that is read the quick way, with these members in front of a long one.
json input(const std::string& members) { return ccp::parseInput("{" + members + R"("body":")" + kLong + "\"}"); }

}  // namespace

TEST_CASE("a long input is read as any JSON is") {
  for (const std::string members :
       {"", R"("headers":[["A","1"],["b","\"}{,"]],)", R"("a":1,"b":-2.5e3,"c":true,"d":null,"e":{},"f":[],)", R"( "a" : { "b" : [ 1 , { } ] } , )",
        R"("caf\u00e9":"x","\"":"\\",)", R"("text":"\u0041\n",)", "\"utf8\":\"\xc3\xa9\",", R"("twice":1,"twice":2,)"}) {
    CAPTURE(members);
    const std::string text = "{" + members + R"("body":")" + kLong + "\"}";
    CHECK(ccp::parseInput(text) == ccp::parseJson(text));
  }
  CHECK(input("").at("body") == kLong);
  CHECK(ccp::parseInput("[1]") == json::array({1}));
}

TEST_CASE("what is no JSON is refused however long it is") {
  const std::string bodies[] = {
      "{\"a\":1,}" + std::string(2000, ' '), "{\"a\":\"" + kLong,
      "{\"a\":\"" + kLong + "\"}x",          "{\"a\":\"" + kLong + "\",\"b\":}",
      "{\"a\":\"" + kLong + "\" \"b\":1}",   "{\"a\":\"" + kLong + "\n\"}",
      "{\"a\":\"" + kLong + "\xff\"}",       "{a:\"" + kLong + "\"}",
      "{\"a\":\"" + kLong + "\"]",           std::string(2000, '['),
      "{\"a\":\"" + kLong + "\",\"b\":tru}", "{\"a\":\xef\xbb\xbf\x31,\"b\":\"" + kLong + "\"}",
      "{\"a\nb\":\"" + kLong + "\"}",        "{\"a\xff\":\"" + kLong + "\"}"};
  for (const auto& text : bodies) {
    CAPTURE(text.substr(0, 20));
    CHECK_THROWS_AS(ccp::parseInput(text), ccp::Error);
  }
  const auto deep = [](std::size_t levels) {
    return "\"deep\":" + std::string(levels, '[') + std::string(levels, ']') + ",";
  };
  CHECK_NOTHROW(input(deep(63)));  // the object around it is the 64th
  CHECK_THROWS_AS(input(deep(64)), ccp::Error);
}

TEST_CASE("a NUL is no end") {
  using namespace std::string_literals;
  for (const auto& text : {"1\0"s, "{}\0x"s, "{\"a\":1\0}"s, "{\"a\":17\0\b9}"s, "\0"s}) {
    CHECK_THROWS_AS(ccp::parseJson(text), ccp::Error);
    CHECK(peekJson(text, {"a"}) == json::object());
    if (text.front() == '{') CHECK_THROWS_AS(ccp::parseInput("{\"body\":\"" + kLong + "\"," + text.substr(1)), ccp::Error);
  }
}

TEST_CASE("facts are those of the outermost object") {
  const auto told = [](std::string_view text) { return peekJson(text, {"id", "live"}); };
  CHECK(told(R"({"id":"a","live":true,"more":{"id":"b"},"list":[{"id":"c"}]})") == json{{"id", "a"}, {"live", true}});
  CHECK(told(R"( { "more" : { "id" : "b" } , "id" : "a" } )") == json{{"id", "a"}});
  CHECK(told(R"({"text":"\"id\":\"no\\","id":"a"})") == json{{"id", "a"}});
  CHECK(told(R"({"\u0069d":"a"})") == json{{"id", "a"}});
  CHECK(told(R"({"id":"a\u0062"})") == json{{"id", "ab"}});
  CHECK(told("{}") == json::object());
}

TEST_CASE("of a name that comes twice the last counts, and what is no scalar is nothing") {
  CHECK(peekJson(R"({"id":"a","id":"b"})", {"id"}) == json{{"id", "b"}});
  CHECK(ccp::member(peekJson(R"({"id":"a","id":{"id":"b"}})", {"id"}), "id") == nullptr);
  CHECK(ccp::member(peekJson(R"({"id":[1]})", {"id"}), "id") == nullptr);
}

TEST_CASE("of what is no object no facts are known") {
  for (const char* text : {"", "[]", "7", "\"id\"", "{", "{\"id\"", "{\"id\":\"a\"", "{\"id\":\"a\",", "{\"id\":\"a\"}}", "{\"id\" \"a\"}", "{id:\"a\"}", "{\"id\":}"}) {
    CAPTURE(text);
    CHECK(peekJson(text, {"id"}) == json::object());
  }
}
