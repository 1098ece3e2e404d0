#include "core/crypto/dpop.hpp"

#include <doctest/doctest.h>

#include "core/crypto/htu.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::crypto;

namespace {

const Timestamp kNow = fromUnixSeconds(1'800'000'000);
constexpr const char* kUrl = "https://ccp.example/v1/license/issue";

const SigningKey& device() {
  static const SigningKey key = [] {
    test::SeededRandom random(5);
    return SigningKey::generate(random);
  }();
  return key;
}

DpopExpectation expecting() { return DpopExpectation{.method = "POST", .url = kUrl, .now = kNow}; }
Json goodHeader() { return Json::object({{"typ", "dpop+jwt"}, {"alg", "EdDSA"}, {"jwk", device().publicKey().jwk()}}); }
Json goodClaims() {
  return Json::object({{"jti", "j1"}, {"htm", "POST"}, {"htu", kUrl}, {"iat", toUnixSeconds(kNow)}});
}
std::string with(Json base, const char* name, Json value, bool in_header) {
  base.set(name, std::move(value));
  return in_header ? signJwsWithHeader(device(), base, goodClaims()) : signJwsWithHeader(device(), goodHeader(), base);
}
std::string headerWith(const char* name, Json value) { return with(goodHeader(), name, std::move(value), true); }
std::string claimsWith(const char* name, Json value) { return with(goodClaims(), name, std::move(value), false); }
std::string claimsWithout(const char* name) {
  Json claims = goodClaims();
  claims.erase(name);
  return signJwsWithHeader(device(), goodHeader(), claims);
}

}  // namespace

TEST_CASE("a proof made for a request verifies and names its key") {
  const auto proof = makeDpopProof(device(), "POST", std::string(kUrl) + "?a=1#x", "jti-1", kNow);
  const auto result = verifyDpopProof(proof, expecting());
  REQUIRE(result);
  CHECK(result->jkt == device().publicKey().thumbprint());
  CHECK(result->jti == "jti-1");
  CHECK(result->issued_at == kNow);
}

TEST_CASE("ath is the hash of RFC 9449, section 7.1") {
  const std::string token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
  const auto proof = makeDpopProof(device(), "POST", kUrl, "j", kNow, token);
  CHECK(parseJws(proof)->claims.strOr("ath") == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
  auto expected = expecting();
  expected.access_token = token;
  CHECK(verifyDpopProof(proof, expected));
}

TEST_CASE("the ES256 proof of RFC 9449, section 4.2, is refused for its algorithm") {
  const auto result = verifyDpopProof(
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
      "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
      "In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2Vu"
      "IiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
      DpopExpectation{.method = "POST", .url = "https://server.example.com/token", .now = fromUnixSeconds(1562262616)});
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::proof_invalid);
  CHECK(result.error().detail == "alg must be Ed25519 or EdDSA.");
}

TEST_CASE("both names of the one algorithm are accepted: EdDSA (RFC 8037) and Ed25519 (RFC 9864)") {
  CHECK(verifyDpopProof(headerWith("alg", "EdDSA"), expecting()));
  CHECK(verifyDpopProof(headerWith("alg", "Ed25519"), expecting()));
  Json jwk = device().publicKey().jwk();
  jwk.set("alg", "Ed25519");
  CHECK(verifyDpopProof(headerWith("jwk", jwk), expecting()));
  CHECK_FALSE(verifyDpopProof(headerWith("alg", "Ed448"), expecting()));
  CHECK_FALSE(verifyDpopProof(headerWith("alg", "ed25519"), expecting()));
}

TEST_CASE("every kind of bad proof is refused with proof_invalid and its reason") {
  Json private_jwk = device().publicKey().jwk();
  private_jwk.set("d", base64UrlEncode(device().seed().view()));
  test::SeededRandom other_seed(6);
  const auto other = SigningKey::generate(other_seed);
  struct Row {
    const char* name;
    std::string proof;
    const char* reason;
  };
  const Row rows[] = {
      {"empty", "", "empty"},
      {"too large", std::string(9000, 'a'), "larger"},
      {"typ jwt", headerWith("typ", "jwt"), "typ"},
      {"typ with application/", headerWith("typ", "application/dpop+jwt"), "typ"},
      {"alg none", headerWith("alg", "none"), "alg"},
      {"alg HS256", headerWith("alg", "HS256"), "alg"},
      {"crit", headerWith("crit", Json::array({Json("x")})), "crit"},
      {"jwk with its private part", headerWith("jwk", private_jwk), "private"},
      {"jwk a string", headerWith("jwk", "x"), "JWK"},
      {"jwk of another key", headerWith("jwk", other.publicKey().jwk()), "signature"},
      {"no jwk", signJwsWithHeader(device(), Json::object({{"typ", "dpop+jwt"}, {"alg", "EdDSA"}}), goodClaims()), "jwk"},
      {"no jti", claimsWithout("jti"), "jti"},
      {"empty jti", claimsWith("jti", ""), "jti"},
      {"jti of 257 bytes", claimsWith("jti", std::string(257, 'j')), "jti"},
      {"jti a number", claimsWith("jti", 1), "jti"},
      {"no htm", claimsWithout("htm"), "htm"},
      {"other method", claimsWith("htm", "GET"), "htm"},
      {"method in another case", claimsWith("htm", "post"), "htm"},
      {"no htu", claimsWithout("htu"), "htu"},
      {"other path", claimsWith("htu", "https://ccp.example/v1/license/refresh"), "htu"},
      {"other host", claimsWith("htu", "https://evil.example/v1/license/issue"), "htu"},
      {"other scheme", claimsWith("htu", "http://ccp.example/v1/license/issue"), "htu"},
      {"other port", claimsWith("htu", "https://ccp.example:8443/v1/license/issue"), "htu"},
      {"credentials in htu", claimsWith("htu", "https://a@ccp.example/v1/license/issue"), "htu"},
      {"no iat", claimsWithout("iat"), "iat"},
      {"iat text", claimsWith("iat", "now"), "iat"},
      {"iat negative", claimsWith("iat", -1), "iat"},
      {"iat huge", claimsWith("iat", INT64_MAX), "iat"},
      {"iat 301 s ago", claimsWith("iat", toUnixSeconds(kNow) - 301), "too old"},
      {"iat 61 s ahead", claimsWith("iat", toUnixSeconds(kNow) + 61), "future"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto result = verifyDpopProof(row.proof, expecting());
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Errc::proof_invalid);
    CAPTURE(result.error().detail);
    CHECK(result.error().detail.find(row.reason) != std::string::npos);
  }
}

TEST_CASE("iat is accepted up to both ends of its window") {
  CHECK(verifyDpopProof(claimsWith("iat", toUnixSeconds(kNow) - 300), expecting()));
  CHECK(verifyDpopProof(claimsWith("iat", toUnixSeconds(kNow) + 60), expecting()));
  CHECK(verifyDpopProof(claimsWith("jti", std::string(256, 'j')), expecting()));
}

TEST_CASE("a proof without ath, with another token's ath or of another key is refused where a token counts") {
  auto expected = expecting();
  expected.access_token = "token";
  CHECK_FALSE(verifyDpopProof(makeDpopProof(device(), "POST", kUrl, "j", kNow), expected));
  CHECK_FALSE(verifyDpopProof(makeDpopProof(device(), "POST", kUrl, "j", kNow, "other"), expected));
  const auto proof = makeDpopProof(device(), "POST", kUrl, "j", kNow, "token");
  CHECK(verifyDpopProof(proof, expected));
  expected.jkt = device().publicKey().thumbprint();
  CHECK(verifyDpopProof(proof, expected));
  expected.jkt = std::string(43, 'A');
  CHECK_FALSE(verifyDpopProof(proof, expected));
}

TEST_CASE("htu is normalised as RFC 9449 and RFC 3986 say") {
  struct Row {
    const char* url;
    const char* normal;  ///< nullptr: refused
  };
  const Row rows[] = {
      {"https://CCP.Example/v1/X", "https://ccp.example/v1/X"},
      {"HTTPS://ccp.example", "https://ccp.example/"},
      {"https://ccp.example:443/a", "https://ccp.example/a"},
      {"http://ccp.example:80/a", "http://ccp.example/a"},
      {"http://ccp.example:443/a", "http://ccp.example:443/a"},
      {"https://ccp.example:/a", "https://ccp.example/a"},
      {"https://ccp.example:08443/a", "https://ccp.example:8443/a"},
      {"https://ccp.example/a?x=1", "https://ccp.example/a"},
      {"https://ccp.example/a#f", "https://ccp.example/a"},
      {"https://ccp.example?x", "https://ccp.example/"},
      {"https://ccp.example/%7ea/%2f", "https://ccp.example/~a/%2F"},
      {"https://ccp.example/a/./b/../c", "https://ccp.example/a/c"},
      {"https://ccp.example/a/b/..", "https://ccp.example/a/"},
      {"https://ccp.example/../../a", "https://ccp.example/a"},
      {"https://ccp.example/a//b", "https://ccp.example/a//b"},
      {"https://ccp.example/a/", "https://ccp.example/a/"},
      {"http://[::1]:8443/a", "http://[::1]:8443/a"},
      {"http://[::1]/a", "http://[::1]/a"},
      {"ftp://ccp.example/a", nullptr},
      {"//ccp.example/a", nullptr},
      {"/a", nullptr},
      {"", nullptr},
      {"https:///a", nullptr},
      {"https://user@ccp.example/a", nullptr},
      {"https://ccp.example:99999/a", nullptr},
      {"https://ccp.example:8x/a", nullptr},
      {"https://ccp.example/a b", nullptr},
      {"https://ccp.example/\xc3\xa4", nullptr},
      {"https://ccp.example\\@evil.example/a", nullptr},
      {"https://ccp.example/%", nullptr},
      {"https://ccp.example/%zz", nullptr},
  };
  for (const auto& row : rows) {
    CAPTURE(row.url);
    const auto normal = normalizeHtu(row.url);
    if (row.normal == nullptr) {
      CHECK_FALSE(normal);
    } else {
      REQUIRE(normal);
      CHECK(*normal == row.normal);
      CHECK(normalizeHtu(*normal) == normal);
    }
  }
}
