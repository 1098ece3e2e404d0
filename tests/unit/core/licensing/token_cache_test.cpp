#include <doctest/doctest.h>

#include "core/licensing/token_cache.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::test;
using namespace ccp::licensing;

namespace {

TokenPtr token(const std::string& sid) {
  crypto::AccessClaims claims;
  claims.iss = "https://ccp.example";
  claims.aud = "acme-cli";
  claims.sub = "usr_1";
  claims.org = "org_1";
  claims.sid = sid;
  claims.jkt = std::string(43, 'k');
  claims.client_id = "ccp-cli";
  claims.scope = "license  usage ";
  claims.jti = "tok_1";
  claims.issued_at = fromUnixSeconds(1'800'000'000);
  claims.expires_at = fromUnixSeconds(1'800'000'900);
  return std::make_shared<const VerifiedToken>(claims, "kid", 3);
}

}  // namespace

TEST_CASE("a kept token is found by its hash, with the members that introspection shows") {
  FakeClock clock;
  SeededRandom random;
  Metrics metrics;
  TokenCache cache(clock, random, metrics, {100, 1u << 20});
  const auto key = cache.keyOf("a.b.c");
  CHECK_FALSE(cache.find(key).known());
  cache.keep(key, token("ses_1"));
  const auto found = cache.find(key);
  REQUIRE(found.token);
  CHECK_FALSE(found.refused);
  CHECK(found.token->principal.sid == "ses_1");
  CHECK(found.token->principal.scopes == std::vector<std::string>{"license", "usage"});
  CHECK(found.token->ring_version == 3);
  const auto shown = parseJson("{" + found.token->introspection + "}");
  REQUIRE(shown);
  CHECK(shown->boolOr("active"));
  CHECK(shown->strOr("sub") == "usr_1");
  CHECK(shown->intOr("exp") == 1'800'000'900);
  CHECK((*shown)["cnf"].strOr("jkt") == std::string(43, 'k'));
  CHECK_FALSE(shown->find("email"));
  CHECK_FALSE(cache.find(cache.keyOf("a.b.d")).known());
}

TEST_CASE("a refusal is remembered for five seconds, and not many of them") {
  FakeClock clock;
  SeededRandom random;
  Metrics metrics;
  TokenCache cache(clock, random, metrics, {100, 1u << 20});
  const auto key = cache.keyOf("bad");
  cache.refuse(key, Error{Errc::token_invalid, "The signature is wrong."});
  REQUIRE(cache.find(key).refused);
  CHECK((cache.find(key).refused->code == Errc::token_invalid));
  clock.advance(milliseconds(4999));
  CHECK(cache.find(key).refused);
  clock.advance(milliseconds(1));
  CHECK_FALSE(cache.find(key).known());
  for (int i = 0; i < 50'000; ++i) cache.refuse(cache.keyOf(std::to_string(i)), Error{Errc::token_invalid, std::string(100, 'x')});
  CHECK(cache.refusals() <= kRefusalLimits.entries);
  CHECK(cache.size() == 0);
}

TEST_CASE("tokens are bounded by entries and by bytes") {
  FakeClock clock;
  SeededRandom random;
  Metrics metrics;
  TokenCache few(clock, random, metrics, {160, 64u << 20});
  for (int i = 0; i < 5000; ++i) few.keep(few.keyOf(std::to_string(i)), token("ses_" + std::to_string(i)));
  CHECK(few.size() <= 160);
  Metrics other;
  TokenCache small(clock, random, other, {100'000, 256u << 10});
  for (int i = 0; i < 5000; ++i) small.keep(small.keyOf(std::to_string(i)), token("ses_" + std::to_string(i)));
  CHECK(small.size() < 300);
  CHECK(other.gauge("ccp_cache_bytes", "", {{"cache", "tokens"}}).value() <= 256u << 10);
  CHECK(other.counter("ccp_cache_evictions_total", "", {{"cache", "tokens"}}).value() > 4000);
}
