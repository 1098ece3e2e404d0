#include "ccp/text.hpp"

#include <doctest/doctest.h>

#include <utility>

TEST_CASE("RFC 3339 times are read with any zone and written in UTC") {
  const std::pair<const char*, std::int64_t> cases[] = {{"1970-01-01T00:00:00Z", 0},
                                                        {"1970-01-01T00:00:00.5Z", 500000},
                                                        {"1969-12-31T23:59:59Z", -1000000},
                                                        {"2000-02-29T12:00:00Z", 951825600000000},
                                                        {"2026-11-21T05:06:07Z", 1795237567000000},
                                                        {"2026-11-21T05:06:07.000001Z", 1795237567000001},
                                                        {"9999-12-31T23:59:59Z", 253402300799000000}};
  for (const auto& [bound_text, us] : cases) {
    const auto& text = bound_text;  // clang 14 cannot capture a structured binding
    CAPTURE(text);
    REQUIRE(ccp::parseRfc3339(text).has_value());
    CHECK(*ccp::parseRfc3339(text) == us);
    CHECK(ccp::formatRfc3339(us) == text);
  }
  CHECK(ccp::parseRfc3339("2026-11-21T07:06:07+02:00") == ccp::parseRfc3339("2026-11-21T05:06:07Z"));
  CHECK(ccp::parseRfc3339("2026-11-20T23:36:07-05:30") == ccp::parseRfc3339("2026-11-21T05:06:07Z"));
  CHECK(ccp::parseRfc3339("2026-11-21t05:06:07.1234567z") == 1795237567123456);
  CHECK(ccp::formatUnixSeconds(951825600) == "2000-02-29T12:00:00Z");
}

TEST_CASE("what is no RFC 3339 time is nothing") {
  for (const char* text : {"", "2026-11-21", "2026-11-21T05:06:07", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-11-31T00:00:00Z",
                           "2026-11-21T24:00:00Z", "2026-11-21T05:60:00Z", "2026-11-21T05:06:07.Z", "2026-11-21T05:06:07+0200", "2026-11-21T05:06:07+2:00",
                           "2026-11-21T05:06:07Zx", "+026-11-21T05:06:07Z", "2026-11-21T05:06:07+24:00", "2026-11-21T05:06:07+"}) {
    CAPTURE(text);
    CHECK_FALSE(ccp::parseRfc3339(text).has_value());
  }
}

TEST_CASE("base64 in both alphabets is canonical") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(ccp::base64Encode(bytes) == text);
    CHECK(ccp::base64Decode(text).value_or("none") == bytes);
    std::string url = text;
    while (!url.empty() && url.back() == '=') url.pop_back();
    CHECK(ccp::base64UrlEncode(bytes) == url);
    CHECK(ccp::base64UrlDecode(url).value_or("none") == bytes);
  }
  CHECK(ccp::base64UrlEncode("\xfb\xff") == "-_8");
  CHECK(ccp::base64Encode("\xfb\xff") == "+/8=");
  for (const char* text : {"Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z g=", "====", "A"}) CHECK_FALSE(ccp::base64Decode(text).has_value());
  for (const char* text : {"Zg==", "Zh", "+/8", "A", "Zg\n"}) CHECK_FALSE(ccp::base64UrlDecode(text).has_value());
}

TEST_CASE("hex, form encoding and constant-time comparison") {
  CHECK(ccp::hexEncode(std::string("\x00\xff\x10", 3)) == "00ff10");
  CHECK(ccp::hexDecode("00Ff10").value() == std::string("\x00\xff\x10", 3));
  CHECK_FALSE(ccp::hexDecode("0").has_value());
  CHECK_FALSE(ccp::hexDecode("0g").has_value());
  CHECK(ccp::urlEncode("a b&c=d/ä~") == "a%20b%26c%3Dd%2F%C3%A4~");
  CHECK(ccp::equalConstantTime("abc", "abc"));
  CHECK_FALSE(ccp::equalConstantTime("abc", "abd"));
  CHECK_FALSE(ccp::equalConstantTime("abc", "ab"));
  CHECK(ccp::equalConstantTime("", ""));
}
