// Router, trusted proxies and rate limits.
#include <doctest/doctest.h>

#include <thread>

#include "core/http/bell.hpp"
#include "core/http/proxies.hpp"
#include "core/http/rate_limit.hpp"
#include "core/http/router.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::http;

namespace {
Handler noop() {
  return [](const Request&) -> Result<Response> { return Response::empty(); };
}
std::string forwarded(const TrustedProxies& proxies, std::string_view peer, std::string value) {
  Headers headers;
  headers.add("X-Forwarded-For", std::move(value));
  return proxies.clientAddress(peer, headers);
}
}  // namespace

TEST_CASE("literal routes win over parameters, and parameters are named") {
  Router router;
  router.get("/v1/orgs/{org}", {}, noop());
  router.get("/v1/orgs/mine", {}, noop());
  router.post("/v1/orgs/{org}/members/{user}", {}, noop());
  CHECK(router.match("GET", "/v1/orgs/mine").route->pattern == "/v1/orgs/mine");
  const auto match = router.match("POST", "/v1/orgs/org_1/members/usr_2");
  REQUIRE(match.route != nullptr);
  CHECK(match.params.at("org") == "org_1");
  CHECK(match.params.at("user") == "usr_2");
  CHECK(router.match("GET", "/v1/orgs/").route == nullptr);
  CHECK(router.match("GET", "/v1/orgs/a/b").route == nullptr);
  CHECK(router.match("HEAD", "/v1/orgs/mine").route->method == "GET");
}

TEST_CASE("of the patterns that fit, the one with more literal text answers") {
  Router router;
  router.get("/v1/{kind}/{id}/keys", {}, noop());
  router.get("/v1/orgs/{org}/keys", {}, noop());
  router.post("/v1/orgs/mine/keys", {}, noop());
  CHECK(router.match("GET", "/v1/orgs/o/keys").route->pattern == "/v1/orgs/{org}/keys");
  const auto match = router.match("GET", "/v1/users/u/keys");
  CHECK(match.route->pattern == "/v1/{kind}/{id}/keys");
  CHECK(match.params == std::map<std::string, std::string>{{"id", "u"}, {"kind", "users"}});
  // A literal path that answers another method only does not hide the pattern that answers this one.
  CHECK(router.match("GET", "/v1/orgs/mine/keys").params.at("org") == "mine");
  CHECK(router.match("POST", "/v1/orgs/mine/keys").params.empty());
  CHECK(router.match("PUT", "/v1/orgs/mine/keys").allowed.size() == 3);
}

TEST_CASE("a known path with another method names the methods it answers") {
  Router router;
  router.get("/x", {}, noop());
  router.post("/x", {}, noop());
  const auto match = router.match("DELETE", "/x");
  CHECK(match.route == nullptr);
  CHECK(match.allowed == std::vector<std::string>{"GET", "HEAD", "POST"});
  CHECK(router.match("GET", "/y").allowed.empty());
}

TEST_CASE("a route cannot be added twice") {
  Router router;
  router.get("/x", {}, noop());
  CHECK_THROWS(router.get("/x", {}, noop()));
  CHECK_THROWS(router.get("x", {}, noop()));
}

TEST_CASE("only trusted proxies say who the client is") {
  const auto proxies = TrustedProxies::parse({"10.0.0.0/8", "::1", "192.0.2.7"});
  REQUIRE(proxies);
  CHECK(proxies->trusts("10.255.1.2"));
  CHECK_FALSE(proxies->trusts("11.0.0.1"));
  CHECK(proxies->trusts("::1"));
  CHECK(proxies->trusts("::ffff:10.1.1.1"));
  CHECK_FALSE(proxies->trusts("192.0.2.8"));
  CHECK_FALSE(proxies->trusts("nonsense"));
  CHECK(forwarded(*proxies, "203.0.113.9", "1.2.3.4") == "203.0.113.9");
  CHECK(forwarded(*proxies, "10.0.0.1", "1.2.3.4") == "1.2.3.4");
  CHECK(forwarded(*proxies, "10.0.0.1", "6.6.6.6, 1.2.3.4, 10.9.9.9") == "1.2.3.4");
  CHECK(forwarded(*proxies, "10.0.0.1", "1.2.3.4, garbage") == "10.0.0.1");
  CHECK(forwarded(*proxies, "10.0.0.1", "") == "10.0.0.1");
}

TEST_CASE("bad proxy entries are named") {
  for (const char* entry : {"10.0.0.0/33", "10.0.0/8", "::1/129", "x", "10.0.0.0/"}) {
    CAPTURE(entry);
    const auto proxies = TrustedProxies::parse({entry});
    REQUIRE_FALSE(proxies);
    CHECK(proxies.error().detail.find(entry) != std::string::npos);
  }
}

TEST_CASE("a bucket refills with time and says when to come back") {
  test::FakeClock clock;
  RateLimiter limiter(clock, 3, minutes(1));
  for (int i = 0; i < 3; ++i) CHECK(limiter.take("a"));
  const auto refused = limiter.take("a");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::rate_limited);
  CHECK(refused.error().retry_after_s == 20);
  CHECK(limiter.take("b"));
  clock.advance(seconds(20));
  CHECK(limiter.take("a"));
  CHECK_FALSE(limiter.take("a"));
  limiter.reset("a");
  CHECK(limiter.take("a"));
}

TEST_CASE("the rate limiter forgets the least recently used key") {
  test::FakeClock clock;
  RateLimiter limiter(clock, 1, hours(1), 2);
  CHECK(limiter.take("a"));
  CHECK(limiter.take("b"));
  CHECK_FALSE(limiter.take("a"));
  CHECK(limiter.take("c"));  // drops b
  CHECK(limiter.size() == 2);
  CHECK_FALSE(limiter.take("a"));
  CHECK(limiter.take("b"));
}

TEST_CASE("a bell tells those who listen and wakes those who wait, until it is closed") {
  Bell bell;
  int heard = 0;
  auto listening = bell.listen([&] { ++heard; });
  const auto seen = bell.rung();
  CHECK_FALSE(bell.wait(seen, milliseconds(1)));
  bell.ring();
  CHECK(heard == 1);
  CHECK(bell.wait(seen, seconds(5)));
  CHECK(bell.rung() != seen);
  listening.reset();
  bell.ring();
  CHECK(heard == 1);
  std::thread closing([&] { bell.close(); });
  CHECK_FALSE(bell.wait(bell.rung(), seconds(20)));
  closing.join();
  CHECK(bell.closed());
}

TEST_CASE("limits by address see an IPv4 address, or an IPv6 network of 64 bits") {
  CHECK(addressGroup("192.0.2.7") == "192.0.2.7");
  CHECK(addressGroup("::ffff:192.0.2.7") == "192.0.2.7");
  CHECK(addressGroup("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
  CHECK(addressGroup("2001:db8:1:2::9") == addressGroup("2001:db8:1:2:ffff::1"));
  CHECK(addressGroup("2001:db8:1:3::9") != addressGroup("2001:db8:1:2::9"));
  CHECK(addressGroup("not an address") == "not an address");
}
