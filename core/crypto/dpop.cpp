#include "core/crypto/dpop.hpp"

#include "core/crypto/htu.hpp"

namespace ccp::crypto {
namespace {

constexpr std::size_t kMaxProof = 8192;
constexpr std::size_t kMaxJti = 256;

tl::unexpected<Error> refuse(std::string why) { return fail(Errc::proof_invalid, std::move(why)); }

std::string hashOf(std::string_view access_token) { return base64UrlEncode(sha256(bytesOf(access_token))); }

}  // namespace

std::string makeDpopProof(const SigningKey& key, std::string_view method, std::string_view url, std::string_view jti,
                          Timestamp now, std::optional<std::string_view> access_token) {
  const Json header = Json::object({{"typ", kTypDpop}, {"alg", "EdDSA"}, {"jwk", key.publicKey().jwk()}});
  Json claims = Json::object({{"jti", jti},
                              {"htm", method},
                              {"htu", url.substr(0, url.find_first_of("?#"))},
                              {"iat", toUnixSeconds(now)}});
  if (access_token) claims.set("ath", hashOf(*access_token));
  return signJwsWithHeader(key, header, claims);
}

Result<DpopProof> verifyDpopProof(std::string_view proof, const DpopExpectation& expected) {
  auto parsed = parseJws(proof, kMaxProof);
  if (!parsed) return refuse(parsed.error().detail);
  const Json& header = parsed->header;
  const Json& claims = parsed->claims;
  if (header.strOr("typ") != kTypDpop) return refuse("typ must be dpop+jwt.");
  // One algorithm, two names: RFC 9864 calls it Ed25519, RFC 8037 EdDSA; the key is OKP/Ed25519 anyway.
  const auto alg = header.strOr("alg");
  if (alg != "EdDSA" && alg != "Ed25519") return refuse("alg must be Ed25519 or EdDSA.");
  if (!header.find("jwk")) return refuse("The header has no jwk.");
  auto key = publicKeyFromJwk(header["jwk"]);
  if (!key) return refuse(key.error().detail);
  if (!verifySignature(*key, bytesOf(parsed->signing_input), parsed->signature)) {
    return refuse("The signature does not verify.");
  }

  const auto* jti = claims["jti"].asString();
  if (!jti || jti->empty() || jti->size() > kMaxJti) return refuse("jti must have 1 to 256 bytes.");
  const auto* htm = claims["htm"].asString();
  if (!htm || *htm != expected.method) return refuse("htm must be \"" + expected.method + "\".");
  const auto* htu = claims["htu"].asString();
  const auto wanted = normalizeHtu(expected.url);
  const auto found = htu ? normalizeHtu(*htu) : std::nullopt;
  if (!wanted || !found || *found != *wanted) return refuse("htu must be \"" + expected.url + "\".");

  const auto iat = claims["iat"].asInt();
  constexpr std::int64_t kYear9999 = 253402300799;
  if (!iat || *iat < 0 || *iat > kYear9999) return refuse("iat must be whole seconds since 1970.");
  const Timestamp issued_at = fromUnixSeconds(*iat);
  if (issued_at + expected.max_age < expected.now) return refuse("iat is too old; check the clock.");
  if (issued_at > expected.now + expected.max_future) return refuse("iat is in the future; check the clock.");

  if (expected.access_token) {
    const auto* ath = claims["ath"].asString();
    if (!ath || !equalConstantTime(*ath, hashOf(*expected.access_token))) return refuse("ath does not match the access token.");
  }
  DpopProof out{key->thumbprint(), *jti, issued_at, *key};
  if (expected.jkt && !equalConstantTime(out.jkt, *expected.jkt)) return refuse("The proof is signed by another key.");
  return out;
}

}  // namespace ccp::crypto
