// ccp/c/json.h and ccp/c/plugin.h: what C plugins read and write with.
#include "ccp/c/json.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "ccp/c/plugin.h"
#include "ccp/host.hpp"

namespace {

ccp_str text(const std::string& s) { return {s.data(), s.size()}; }
bool valid(const std::string& s) { return ccp_json_valid(text(s)) == 1; }

/// The value as it stands in the text, or what the look-up said.
std::string found(const std::string& json, const char* where) {
  ccp_str value{};
  switch (ccp_json_find(text(json), where, &value)) {
    case CCP_JSON_FOUND: return std::string(value.ptr, value.len);
    case CCP_JSON_ABSENT: return "absent";
    default: return "bad";
  }
}
std::string stringAt(const std::string& json, const char* where, std::size_t capacity = 64) {
  std::vector<char> buffer(capacity);
  ccp_str out{};
  switch (ccp_json_string(text(json), where, buffer.data(), capacity, &out)) {
    case CCP_JSON_FOUND: CHECK(out.ptr[out.len] == '\0'); return std::string(out.ptr, out.len);
    case CCP_JSON_ABSENT: return "absent";
    default: return "bad";
  }
}
std::string intAt(const std::string& json) {
  std::int64_t out = 0;
  const int rc = ccp_json_int(text(json), "n", &out);
  return rc == CCP_JSON_FOUND ? std::to_string(out) : rc == CCP_JSON_ABSENT ? "absent" : "bad";
}
std::string nested(int levels) { return std::string(static_cast<std::size_t>(levels), '[') + std::string(static_cast<std::size_t>(levels), ']'); }
std::string written(const std::string& s) {
  ccp::StringSink sink;
  ccp_json_writer w = ccp_json_to(sink.raw());
  ccp_json_put_string(&w, text(s));
  CHECK(w.rc == CCP_RC_OK);
  return sink.text();
}

}  // namespace

TEST_CASE("what RFC 8259 allows is JSON, and nothing else") {
  for (const char* good : {"{}", "[]", " {\"a\" : [ 1 , -0.5e+3 , true , false , null ] } \n", "\"\\u00e9\\ud83d\\ude00\"", "0", "-0", "1E5", "{\"a\":{\"b\":[{}]}}", "\"\xF0\x9F\x98\x80\""})
    CHECK_MESSAGE(valid(good), good);
  for (const char* bad : {"", " ", "{", "}", "[1,]", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{\"a\":}", "[1 2]", "01", "1.", ".5", "-", "1e", "+1", "tru", "nul", "TRUE", "\"", "\"\n\"",
                          "\"\\x\"", "\"\\u12g4\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"", "{} {}", "[]]", "[}", "{]", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xFF\""})
    CHECK_MESSAGE(!valid(bad), bad);
}

TEST_CASE("nesting ends at 64 levels, for arrays and objects alike") {
  CHECK(valid(nested(64)));
  CHECK_FALSE(valid(nested(65)));
  CHECK_FALSE(valid(std::string(1 << 20, '[')));
  std::string objects;
  for (int i = 0; i < 64; ++i) objects += "{\"a\":";
  CHECK(valid(objects + "1" + std::string(64, '}')));
  CHECK_FALSE(valid("[" + objects + "1" + std::string(64, '}') + "]"));
}

TEST_CASE("a value is found by name and by pointer") {
  const std::string json = R"( {"a":{"b":[10,{"c":"x"}],"":7},"a/b":1,"m~n":2,"b":null,"\u0063":"escaped name"} )";
  CHECK(found(json, "a") == R"({"b":[10,{"c":"x"}],"":7})");
  CHECK(found(json, "/a/b/0") == "10");
  CHECK(found(json, "/a/b/1/c") == "\"x\"");
  CHECK(found(json, "/a/") == "7");
  CHECK(found(json, "/a~1b") == "1");
  CHECK(found(json, "/m~0n") == "2");
  CHECK(found(json, "c") == "\"escaped name\"");
  CHECK(found(json, "b") == "null");
  CHECK(found("5", "") == "5");
  for (const char* none : {"x", "/a/x", "/a/b/2", "/a/b/-", "/a/b/00", "/a/b/01", "/a/b/0/x", "/m~2n", "/a/b/9999999999"}) CHECK_MESSAGE(found(json, none) == "absent", none);
  for (const char* broken : {"{\"a\"", "{\"a\":", "{\"a\":1", "{\"b\":1 \"a\":2}", "{\"b\":tru,\"a\":2}", "nonsense", ""}) CHECK_MESSAGE(found(broken, "a") == (std::string(broken) == "{\"a\":1" ? "1" : "bad"), broken);
}

TEST_CASE("strings are unescaped into the caller's memory, or refused whole") {
  CHECK(stringAt(R"({"s":"a\"\\\/\b\f\n\r\té😀"})", "s") == "a\"\\/\b\f\n\r\t\xC3\xA9\xF0\x9F\x98\x80");
  CHECK(stringAt(R"({"s":"\u0000x"})", "s") == std::string("\0x", 2));
  CHECK(stringAt(R"({"s":"12345"})", "s", 6) == "12345");
  CHECK(stringAt(R"({"s":"12345"})", "s", 5) == "bad");
  CHECK(stringAt(R"({"s":"é"})", "s", 2) == "bad");
  CHECK(stringAt(R"({"s":5})", "s") == "bad");
  CHECK(stringAt(R"({"s":null})", "s") == "absent");
  CHECK(stringAt("{}", "s") == "absent");
  ccp_str out{};
  CHECK(ccp_json_string(text("\"\""), "", nullptr, 0, &out) == CCP_JSON_BAD);
}

TEST_CASE("integers are whole and fit") {
  CHECK(intAt(R"({"n":0})") == "0");
  CHECK(intAt(R"({"n":-17})") == "-17");
  CHECK(intAt(R"({"n":9223372036854775807})") == "9223372036854775807");
  CHECK(intAt(R"({"n":-9223372036854775808})") == "-9223372036854775808");
  for (const char* bad : {R"({"n":9223372036854775808})", R"({"n":-9223372036854775809})", R"({"n":99999999999999999999})", R"({"n":1.0})", R"({"n":1e3})", R"({"n":"1"})", R"({"n":true})"})
    CHECK_MESSAGE(intAt(bad) == "bad", bad);
  CHECK(intAt(R"({"n":null})") == "absent");
  int flag = -1;
  CHECK(ccp_json_bool(text(R"({"f":true})"), "f", &flag) == CCP_JSON_FOUND);
  CHECK(flag == 1);
  CHECK(ccp_json_bool(text(R"({"f":false})"), "f", &flag) == CCP_JSON_FOUND);
  CHECK(flag == 0);
  CHECK(ccp_json_bool(text(R"({"f":0})"), "f", &flag) == CCP_JSON_BAD);
}

TEST_CASE("an array is walked item by item") {
  const std::string json = R"( [ 1 , [2,3] , {"a":[4]} ] )";
  std::vector<std::string> items;
  std::size_t cursor = 0;
  ccp_str item{};
  int rc = 0;
  while ((rc = ccp_json_next(text(json), &cursor, &item)) == CCP_JSON_FOUND) items.emplace_back(item.ptr, item.len);
  CHECK(rc == CCP_JSON_ABSENT);
  CHECK(items == std::vector<std::string>{"1", "[2,3]", R"({"a":[4]})"});
  cursor = 0;
  CHECK(ccp_json_next(text("[ ]"), &cursor, &item) == CCP_JSON_ABSENT);
  for (const char* bad : {"{}", "[1 2]", "[1", "", "[", "[,1]"}) {
    cursor = 0;
    const std::string kept = bad;
    do rc = ccp_json_next(text(kept), &cursor, &item);
    while (rc == CCP_JSON_FOUND);
    CHECK_MESSAGE(rc == CCP_JSON_BAD, bad);
  }
}

TEST_CASE("what is written is JSON again, whatever the bytes are") {
  CHECK(written("plain") == "\"plain\"");
  CHECK(written("") == "\"\"");
  CHECK(written("a\"b\\c\n\x01") == R"("a\"b\\c\u000a\u0001")");
  CHECK(written("\xFFx\xC3") == "\"\xEF\xBF\xBDx\xEF\xBF\xBD\"");
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    ccp::StringSink sink;
    ccp_json_writer w = ccp_json_to(sink.raw());
    ccp_json_put_int(&w, n);
    CHECK(sink.text() == std::to_string(n));
  }
}

TEST_CASE("a writer keeps the first failure of its sink and writes nothing more") {
  ccp::StringSink sink(4);
  ccp_json_writer w = ccp_json_to(sink.raw());
  ccp_json_put(&w, "abcd");
  CHECK(w.rc == CCP_RC_OK);
  ccp_json_put(&w, "e");
  CHECK(w.rc == CCP_RC_RESOURCE_EXHAUSTED);
  CHECK(sink.text() == "abcd");
  CHECK(ccp_json_to(nullptr).rc == CCP_RC_INTERNAL);
  ccp_sink short_sink = *sink.raw();
  short_sink.size = 8;  // of a host that has no write
  CHECK(ccp_json_to(&short_sink).rc == CCP_RC_INTERNAL);
}

TEST_CASE("base64url, hex and secrets in C") {
  char out[8];
  std::size_t n = 0;
  CHECK(ccp_base64url(ccp_text("-_-_"), out, sizeof out, &n) == 1);
  CHECK(std::string(out, n) == "\xFB\xFF\xBF");
  CHECK(ccp_base64url(ccp_text("YQ"), out, sizeof out, &n) == 1);
  CHECK(std::string(out, n) == "a");
  for (const char* bad : {"YR", "Y", "YQ==", "Y+Q/", "a b="}) CHECK_MESSAGE(ccp_base64url(ccp_text(bad), out, sizeof out, &n) == 0, bad);
  CHECK(ccp_base64url(ccp_text("YWJjZGVmZ2hp"), out, sizeof out, &n) == 0);  // nine bytes for eight
  char hex[4];
  ccp_hex(ccp_text("\x0F\xA0"), hex);
  CHECK(std::string(hex, 4) == "0fa0");
  CHECK(ccp_same_secret(ccp_text("abc"), ccp_text("abc")) == 1);
  CHECK(ccp_same_secret(ccp_text("abc"), ccp_text("abd")) == 0);
  CHECK(ccp_same_secret(ccp_text("abc"), ccp_text("ab")) == 0);
}

TEST_CASE("a problem carries code and text, and its class survives a sink that fails") {
  ccp::StringSink err, tiny(3);
  ccp_call call{};
  call.size = sizeof call;
  call.err = err.raw();
  CHECK(ccp_problem(&call, CCP_RC_NOT_FOUND, "no_plan", "No \"plan\".") == CCP_RC_NOT_FOUND);
  CHECK(err.text() == R"({"code":"no_plan","detail":"No \"plan\"."})");
  call.err = tiny.raw();
  CHECK(ccp_problem(&call, CCP_RC_CONFLICT, "c", "d") == CCP_RC_CONFLICT);
  call.err = nullptr;
  CHECK(ccp_problem(&call, CCP_RC_CONFLICT, "c", "d") == CCP_RC_CONFLICT);
  CHECK(ccp_answer(&call, "{}") == CCP_RC_INTERNAL);
}
