#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "core/base/encoding.hpp"
#include "core/base/log.hpp"
#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/base/secret.hpp"
#include "core/base/time.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;

TEST_CASE("RFC 3339 times round-trip and refuse what has no zone or is no date") {
  CHECK(formatRfc3339(fromUnixSeconds(0)) == "1970-01-01T00:00:00Z");
  CHECK(formatRfc3339(fromMicros(1'500'000)) == "1970-01-01T00:00:01.5Z");
  CHECK(formatRfc3339(fromMicros(1795237567000070)) == "2026-11-21T05:06:07.00007Z");
  CHECK(formatRfc3339(*parseRfc3339("0001-01-02T03:04:05.123456Z")) == "0001-01-02T03:04:05.123456Z");
  CHECK(*parseRfc3339("2026-11-21T05:06:07.123456789Z") == fromMicros(1795237567123456));
  CHECK(*parseRfc3339("2026-11-21T06:06:07+01:00") == *parseRfc3339("2026-11-21t05:06:07z"));
  for (const auto* text : {"", "2026-11-21", "2026-11-21T05:06:07", "2026-02-30T00:00:00Z", "2026-11-21T25:00:00Z", "2026-11-21T05:06:07Zx"}) {
    CAPTURE(text);
    CHECK_FALSE(parseRfc3339(text).has_value());
  }
}

TEST_CASE("durations carry their unit") {
  CHECK(*parseDuration("15m") == minutes(15));
  CHECK(*parseDuration("7d") == hours(168));
  for (const auto* text : {"", "15", "m", "-1s", "1.5h", "99999999999999d"}) CHECK_FALSE(parseDuration(text).has_value());
}

TEST_CASE("base64url and base64 accept the canonical form only") {
  CHECK(base64UrlEncode(bytesOf("\xff\xfe\xfd")) == "__79");
  CHECK(textOf(*base64UrlDecode("__79")) == "\xff\xfe\xfd");
  for (const auto* text : {"__79=", "_/79", "AB", "A", "AAA=", " AAA"}) {
    CAPTURE(text);
    CHECK_FALSE(base64UrlDecode(text).has_value());
  }
  CHECK(textOf(*base64Decode("YQ==")) == "a");
  CHECK_FALSE(base64Decode("YQ").has_value());
  CHECK_FALSE(base64Decode("YR==").has_value());
}

TEST_CASE("percent decoding refuses broken escapes") {
  CHECK(*urlDecode("a%20b+c", true) == "a b c");
  CHECK(*urlDecode("a+c", false) == "a+c");
  for (const auto* text : {"%", "%4", "%zz"}) CHECK_FALSE(urlDecode(text, true).has_value());
  CHECK(urlEncode("a b/ä") == "a%20b%2F%C3%A4");
}

TEST_CASE("UTF-8 validation refuses overlong forms, surrogates and cut sequences") {
  CHECK(isValidUtf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const auto* text : {"\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xff", "\xf4\x90\x80\x80"}) CHECK_FALSE(isValidUtf8(text));
}

TEST_CASE("ids sort by time and carry their prefix") {
  test::FakeClock clock;
  test::SeededRandom random;
  const auto first = newId("org", clock, random);
  clock.advance(milliseconds(1));
  const auto second = newId("org", clock, random);
  CHECK(isId(first, "org"));
  CHECK_FALSE(isId(first, "usr"));
  CHECK_FALSE(isId("org_" + std::string(26, 'U'), "org"));
  CHECK(first < second);
}

TEST_CASE("keys in base62 have a fixed width") {
  CHECK(base62Encode(Bytes(32, 0)).size() == 43);
  CHECK(base62Encode(Bytes(32, 0xff)).size() == 43);
}

TEST_CASE("below() stays below and reaches every value") {
  test::SeededRandom random;
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 2000; ++i) seen.insert(random.below(20));
  CHECK(seen.size() == 20);
  CHECK(*seen.rbegin() == 19);
}

TEST_CASE("a log line is one JSON object and shows no credential") {
  std::string captured;
  log::setSink([&](std::string_view line) { captured += line; });
  log::info("token ccp_sk_abcdefghijklmnop used", {{"authorization", "DPoP abc"}, {"count", 3}, {"note", "got eyJhbGciOiJFZERTQSJ9.x.y"},
                                               {"nested", Json::object({{"client_secret", "s3cret"}})}});
  log::setSink({});
  CHECK(captured.back() == '\n');
  const auto line = parseJson(std::string_view(captured).substr(0, captured.size() - 1));
  REQUIRE(line.has_value());
  CHECK(line->intOr("count") == 3);
  for (const auto* secret : {"abcdefghijklmnop", "DPoP abc", "eyJhbGci", "s3cret"}) CHECK(captured.find(secret) == std::string::npos);
}

TEST_CASE("metrics print in the Prometheus text format") {
  Metrics metrics;
  metrics.counter("ccp_things_total", "Things", {{"kind", "a"}}).add(2);
  metrics.counter("ccp_things_total", "Things", {{"kind", "a"}}).add();
  metrics.gauge("ccp_depth", "Depth").set(7);
  CHECK(metrics.text().find("ccp_things_total{kind=\"a\"} 3") != std::string::npos);
  CHECK(metrics.text().find("ccp_depth 7") != std::string::npos);
}

TEST_CASE("a deadline knows what is left") {
  test::FakeClock clock;
  const auto deadline = Deadline::after(clock, seconds(10));
  clock.advance(seconds(4));
  CHECK(deadline.remaining(clock, seconds(1)) == seconds(6));
  clock.advance(seconds(7));
  CHECK(deadline.expired(clock));
  CHECK(deadline.remaining(clock, seconds(1)) == Duration(0));
  CHECK(Deadline::none().remaining(clock, seconds(1)) == seconds(1));
}

TEST_CASE("a line of the log says what write() says, with what looks like a credential masked") {
  std::string written;
  log::setSink([&](std::string_view line) { written += line; });
  log::Line(log::Level::info, "http.request")
      .word("route", "/v1/orgs/{org}")
      .text("method", "GET\"\n")
      .text("remote", "x eyJhbGciOiJFZERTQSJ9.abc.def")
      .number("status", 200)
      .microseconds("ms", 12'045)
      .send();
  log::Line(log::Level::debug, "not wanted").number("n", 1).send();
  log::setSink({});
  const auto line = parseJson(written);
  REQUIRE(line);
  CHECK(line->strOr("level") == "info");
  CHECK(line->strOr("event") == "http.request");
  CHECK(line->strOr("route") == "/v1/orgs/{org}");
  CHECK(line->strOr("method") == "GET\"\n");
  CHECK(line->strOr("remote") == "x eyJ[redacted]");
  CHECK(line->intOr("status") == 200);
  CHECK((*line)["ms"].dump() == "12.045");
}

TEST_CASE("collected lines are written before the next other line, and when the collector ends") {
  std::string written;
  const log::Collector collector;
  log::Line(log::Level::info, "one").number("n", 1).send();
  log::setSink([&](std::string_view line) { written += line; });
  log::info("two");
  log::setSink({});
  CHECK(written.find("\"one\"") < written.find("\"two\""));
}

TEST_CASE("of what many threads log at once, no line is lost or broken by another") {
  constexpr int kThreads = 4, kLines = 15'000;  // more than is collected while nobody reads
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);  // as a parent process may have left it
  const int before = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
  std::string read;
  std::thread reader([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    std::vector<char> buffer(64 * 1024);
    for (ssize_t n = 0; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;) read.append(buffer.data(), static_cast<std::size_t>(n));
  });
  {
    const log::Collector collector;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < kLines; ++i) {
          log::Line(log::Level::info, "http.request").number("thread", t).number("n", i).text("pad", std::string(100, 'x')).send();
          if (i % 5000 == 0) log::info("between", {{"thread", t}});
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
  ::dup2(before, STDERR_FILENO);  // the pipe's last writer is gone
  ::close(before);
  reader.join();
  ::close(ends[0]);
  std::istringstream in(read);
  std::vector<int> next(kThreads, 0);
  int between = 0, out_of_order = 0;
  for (std::string line; std::getline(in, line);) {
    const auto json = parseJson(line);
    CHECK_MESSAGE(json.has_value(), line);
    if (!json) continue;
    if (json->strOr("event") == "between") {
      ++between;
    } else if (json->intOr("n") != next.at(static_cast<std::size_t>(json->intOr("thread")))++) {
      ++out_of_order;  // of one thread
    }
  }
  CHECK(out_of_order == 0);
  CHECK(between == kThreads * 3);
  CHECK(next == std::vector<int>(kThreads, kLines));
}

TEST_CASE("every credential of a text is masked, and nothing that only looks a bit like one") {
  CHECK(log::redact("a ccp_sk_abcdefgh, whsec_12345678 b") == "a ccp_sk_[redacted], whsec_[redacted] b");
  CHECK(log::redact("sk_live_abcdef") == "sk_live_[redacted]");
  CHECK(log::redact("eyJabcdef.x eyJabcdef") == "eyJ[redacted] eyJ[redacted]");
  for (const auto* text : {"", "ccp_sk_abc", "xccp_sk_abcdefghijk", "risk_live_abcdefghijk", "req_01kabc", "plain text"}) CHECK(log::redact(text) == text);
}

TEST_CASE("public randomness is as different as the other") {
  SystemRandom random;
  SystemClock clock;
  std::set<std::string> ids;
  for (int i = 0; i < 5000; ++i) ids.insert(newId("req", clock, random));
  CHECK(ids.size() == 5000);
  std::array<std::uint8_t, 8192> large{};
  random.fillPublic(large);
  CHECK(std::set<std::uint8_t>(large.begin(), large.end()).size() == 256);
}
