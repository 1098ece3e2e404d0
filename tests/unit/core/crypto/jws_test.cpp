#include "core/crypto/jws.hpp"

#include <doctest/doctest.h>

#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::crypto;

namespace {

SigningKey keyOf(std::uint64_t seed) {
  test::SeededRandom random(seed);
  return SigningKey::generate(random);
}
const SigningKey& signer() {
  static const SigningKey key = keyOf(1);
  return key;
}
KeyLookup trusting(const SigningKey& key) {
  return [&key](std::string_view kid) -> std::optional<PublicKey> {
    if (kid == key.publicKey().thumbprint()) return key.publicKey();
    return std::nullopt;
  };
}
/// A correctly signed token over raw header and payload text, however wrong they are.
std::string rawToken(std::string_view header, std::string_view payload) {
  const std::string input = base64UrlEncode(bytesOf(header)) + "." + base64UrlEncode(bytesOf(payload));
  return input + "." + base64UrlEncode(signer().sign(bytesOf(input)));
}
std::string headerWith(const std::string& more, const char* alg = "EdDSA", const char* typ = "at+jwt") {
  return std::string(R"({"alg":")") + alg + R"(","typ":")" + typ + R"(","kid":")" + signer().publicKey().thumbprint() + "\"" + more + "}";
}
Errc verifyError(std::string_view token) {
  const auto result = verifyJws(token, kTypAccessToken, trusting(signer()));
  REQUIRE_FALSE(result);
  return result.error().code;
}

}  // namespace

TEST_CASE("a signed token verifies and gives its claims back") {
  const Json claims = Json::object({{"sub", "usr_1"}, {"n", 7}});
  const auto token = signJws(signer(), kTypAccessToken, claims);
  const auto result = verifyJws(token, kTypAccessToken, trusting(signer()));
  REQUIRE(result);
  CHECK(*result == claims);
}

TEST_CASE("the compact form of RFC 8037 A.4 is parsed to the last byte") {
  // Its payload is text, not JSON: our parser asks for JSON claims and says so.
  const auto parsed = parseJws(
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().detail.find("payload") != std::string::npos);
}

TEST_CASE("every kind of bad token is refused with its code") {
  const std::string good = signJws(signer(), kTypAccessToken, Json::object({{"a", 1}}));
  const auto first = good.find('.');
  const auto second = good.rfind('.');
  struct Row {
    const char* name;
    std::string token;
    Errc code;
  };
  const Row rows[] = {
      {"empty", "", Errc::token_invalid},
      {"one part", "abc", Errc::token_invalid},
      {"two parts", good.substr(0, second), Errc::token_invalid},
      {"four parts", good + ".x", Errc::token_invalid},
      {"too large", std::string(16385, 'a'), Errc::token_invalid},
      {"padded signature", good + "==", Errc::token_invalid},
      {"space inside", good.substr(0, 4) + " " + good.substr(4), Errc::token_invalid},
      {"newline at the end", good + "\n", Errc::token_invalid},
      {"empty signature", good.substr(0, second + 1), Errc::token_invalid},
      {"short signature", good.substr(0, good.size() - 4), Errc::token_invalid},
      {"empty payload", good.substr(0, first + 1) + good.substr(second), Errc::token_invalid},
      {"header is a list", rawToken("[]", "{}"), Errc::token_invalid},
      {"header is no JSON", rawToken("alg", "{}"), Errc::token_invalid},
      {"header with a duplicate key", rawToken(headerWith(R"(,"alg":"EdDSA")"), "{}"), Errc::token_invalid},
      {"header with text behind it", rawToken(headerWith("") + "x", "{}"), Errc::token_invalid},
      {"payload is a list", rawToken(headerWith(""), "[]"), Errc::token_invalid},
      {"payload with a duplicate key", rawToken(headerWith(""), R"({"a":1,"a":2})"), Errc::token_invalid},
      {"payload nested too deeply", rawToken(headerWith(""), R"({"a":)" + std::string(40, '[') + std::string(40, ']') + "}"), Errc::token_invalid},
      {"crit", rawToken(headerWith(R"(,"crit":["exp"])"), "{}"), Errc::token_invalid},
      {"empty crit", rawToken(headerWith(R"(,"crit":[])"), "{}"), Errc::token_invalid},
      {"b64", rawToken(headerWith(R"(,"b64":false)"), "{}"), Errc::token_invalid},
      {"jwk in the header", rawToken(headerWith(R"(,"jwk":{})"), "{}"), Errc::token_invalid},
      {"jku in the header", rawToken(headerWith(R"(,"jku":"https://evil.example")"), "{}"), Errc::token_invalid},
      {"x5c in the header", rawToken(headerWith(R"(,"x5c":[])"), "{}"), Errc::token_invalid},
      {"alg none", rawToken(headerWith("", "none"), "{}"), Errc::algorithm_refused},
      {"alg HS256", rawToken(headerWith("", "HS256"), "{}"), Errc::algorithm_refused},
      {"alg RS256", rawToken(headerWith("", "RS256"), "{}"), Errc::algorithm_refused},
      {"alg in another case", rawToken(headerWith("", "EDDSA"), "{}"), Errc::algorithm_refused},
      {"alg missing", rawToken(R"({"typ":"at+jwt"})", "{}"), Errc::algorithm_refused},
      {"alg a number", rawToken(R"({"alg":1,"typ":"at+jwt"})", "{}"), Errc::algorithm_refused},
      {"typ of a pack", rawToken(headerWith("", "EdDSA", "ccp-license+jwt"), "{}"), Errc::token_wrong_type},
      {"typ in another case", rawToken(headerWith("", "EdDSA", "AT+JWT"), "{}"), Errc::token_wrong_type},
      {"typ with application/", rawToken(headerWith("", "EdDSA", "application/at+jwt"), "{}"), Errc::token_wrong_type},
      {"typ missing", rawToken(R"({"alg":"EdDSA"})", "{}"), Errc::token_wrong_type},
      {"kid missing", rawToken(R"({"alg":"EdDSA","typ":"at+jwt"})", "{}"), Errc::key_unknown},
      {"kid of nobody", rawToken(R"({"alg":"EdDSA","typ":"at+jwt","kid":"x"})", "{}"), Errc::key_unknown},
      {"kid too long", rawToken(R"({"alg":"EdDSA","typ":"at+jwt","kid":")" + std::string(200, 'k') + "\"}", "{}"), Errc::key_unknown},
      {"signed by another key", [] {
         const auto other = keyOf(2);
         const Json header = *parseJson(headerWith(""));
         return signJwsWithHeader(other, header, Json::object());
       }(), Errc::token_invalid},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(verifyError(row.token) == row.code);
  }
}

TEST_CASE("every changed character of a token is refused") {
  const std::string good = signJws(signer(), kTypAccessToken, Json::object({{"sub", "usr_1"}}));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(verifyJws(changed, kTypAccessToken, trusting(signer())));
  }
}

TEST_CASE("times are checked with their skew") {
  const Timestamp now = fromUnixSeconds(1'800'000'000);
  const auto at = [&](std::int64_t delta) { return toUnixSeconds(now) + delta; };
  struct Row {
    const char* name;
    Json claims;
    std::optional<Errc> code;
  };
  const Row rows[] = {
      {"exp in the future", Json::object({{"exp", at(1)}}), std::nullopt},
      {"exp within the skew", Json::object({{"exp", at(-59)}}), std::nullopt},
      {"exp at the end of the skew", Json::object({{"exp", at(-60)}}), Errc::token_expired},
      {"exp missing", Json::object(), Errc::token_invalid},
      {"exp text", Json::object({{"exp", "tomorrow"}}), Errc::token_invalid},
      {"exp fraction", Json::object({{"exp", 1.8e9}}), Errc::token_invalid},
      {"exp beyond year 9999", Json::object({{"exp", INT64_MAX}}), Errc::token_invalid},
      {"exp negative", Json::object({{"exp", -1}}), Errc::token_invalid},
      {"nbf within the skew", Json::object({{"exp", at(900)}, {"nbf", at(60)}}), std::nullopt},
      {"nbf beyond the skew", Json::object({{"exp", at(900)}, {"nbf", at(61)}}), Errc::token_invalid},
      {"iat in the future", Json::object({{"exp", at(900)}, {"iat", at(61)}}), Errc::token_invalid},
      {"iat text", Json::object({{"exp", at(900)}, {"iat", "now"}}), Errc::token_invalid},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto status = checkTimes(row.claims, now);
    if (!row.code) {
      CHECK(status.has_value());
    } else {
      REQUIRE_FALSE(status);
      CHECK(status.error().code == *row.code);
    }
  }
}

TEST_CASE("access claims survive writing and reading") {
  AccessClaims claims;
  claims.iss = "https://ccp.example";
  claims.aud = "acme-cli";
  claims.sub = "usr_1";
  claims.org = "org_1";
  claims.seat = "seat_1";
  claims.device = "dev_1";
  claims.sid = "ses_1";
  claims.jkt = signer().publicKey().thumbprint();
  claims.license = "lic_1";
  claims.role = "owner";
  claims.email = "a@example.com";
  claims.client_id = "ccp-cli";
  claims.scope = "license usage";
  claims.jti = "jti_1";
  claims.license_version = 3;
  claims.issued_at = fromUnixSeconds(1'800'000'000);
  claims.expires_at = fromUnixSeconds(1'800'000'900);
  const Json json = claims.json();
  CHECK(json["cnf"]["jkt"] == Json(claims.jkt));
  CHECK(json["ver"] == Json(3));
  const auto back = AccessClaims::from(json);
  REQUIRE(back);
  CHECK(back->json() == json);

  for (const auto* name : {"iss", "aud", "sub", "jti", "iat", "exp", "client_id", "org", "lic", "ver", "sid", "cnf"}) {
    CAPTURE(name);
    Json without = json;
    without.erase(name);
    CHECK(AccessClaims::from(without).error().code == Errc::token_invalid);
    Json wrong = json;
    wrong.set(name, Json::array());
    CHECK(AccessClaims::from(wrong).error().code == Errc::token_invalid);
  }
}
