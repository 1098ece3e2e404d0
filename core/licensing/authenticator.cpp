#include "core/licensing/authenticator.hpp"

#include <algorithm>

#include "core/crypto/dpop.hpp"
#include "core/licensing/routes.hpp"

namespace ccp::licensing {
namespace {

/// "DPoP abc" -> "abc"; empty for another scheme. Schemes compare without case (RFC 9110, 11.1).
std::string tokenOf(const std::string& authorization) {
  constexpr std::string_view scheme = "dpop ";
  if (authorization.size() <= scheme.size()) return {};
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != scheme[i]) return {};
  }
  const auto start = authorization.find_first_not_of(' ', scheme.size());
  return start == std::string::npos ? std::string() : authorization.substr(start);
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find(' ', at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

bool AccessTokenAuthenticator::claims(const http::Request& request) { return !tokenOf(request.headers.get("Authorization")).empty(); }

Result<crypto::AccessClaims> AccessTokenAuthenticator::verifyToken(std::string_view token) {
  auto json = crypto::verifyJws(token, crypto::kTypAccessToken, keys_.verifier(crypto::KeyUse::access));
  if (!json && json.error().code == Errc::key_unknown) {
    // Another node may have made the key since our last reading (first start, compromise).
    const auto parsed = crypto::parseJws(token);
    if (parsed && keys_.learn(crypto::KeyUse::access, parsed->header.strOr("kid"))) {
      json = crypto::verifyJws(token, crypto::kTypAccessToken, keys_.verifier(crypto::KeyUse::access));
    }
  }
  if (!json) return fail(std::move(json).error());
  CCP_CHECK_OK(crypto::checkTimes(*json, clock_.now()));
  CCP_TRY(auto claims, crypto::AccessClaims::from(*json));
  if (claims.iss != settings_.server.public_url) return fail(Errc::token_invalid, "The token is from another issuer.");
  if (claims.aud != settings_.product_id) return fail(Errc::token_invalid, "The token is for another product.");
  return claims;
}

Status AccessTokenAuthenticator::verifyProof(const http::Request& request, const std::string& token, const std::string& jkt) {
  const auto proofs = request.headers.all("DPoP");
  if (proofs.size() != 1) return fail(Errc::proof_invalid, proofs.empty() ? "The DPoP header is missing." : "There is more than one DPoP header.");
  crypto::DpopExpectation expected;
  expected.method = request.method;
  // Never from Host: a proof for another server that relays to us must not fit (RFC 9449, 4.3).
  expected.url = settings_.server.public_url + request.target.substr(0, request.target.find_first_of("?#"));
  expected.now = clock_.now();
  expected.access_token = token;
  expected.jkt = jkt;
  CCP_TRY(const auto proof, crypto::verifyDpopProof(proofs.front(), expected));
  const Timestamp expires_at = proof.issued_at + expected.max_age + seconds(1);
  bool first = false;
  if (remembersProofsDurably(request.path)) {
    CCP_TRY(first, replays_.firstUse(proof.jkt, proof.jti, expires_at));
  } else {
    first = cache_.firstUse(proof.jkt, proof.jti, expected.now, expires_at);
  }
  if (!first) return fail(Errc::proof_replayed, "This DPoP proof was used before.");
  return {};
}

Result<http::Principal> AccessTokenAuthenticator::authenticate(const http::Request& request) {
  const auto headers = request.headers.all("Authorization");
  if (headers.size() != 1) {
    return fail(Errc::unauthenticated, headers.empty() ? "The Authorization header is missing." : "There is more than one Authorization header.");
  }
  const std::string token = tokenOf(headers.front());
  if (token.empty()) return fail(Errc::unauthenticated, "Send an access token as `Authorization: DPoP <token>` with a DPoP proof.");
  CCP_CHECK_OK(keys_.fresh());
  CCP_TRY(auto claims, verifyToken(token));
  CCP_CHECK_OK(verifyProof(request, token, claims.jkt));
  CCP_CHECK_OK(revocations_.check(claims.org, claims.sid, claims.license_version));
  http::Principal out;
  out.kind = http::PrincipalKind::access_token;
  out.org = claims.org;
  out.user = claims.sub;
  out.seat = claims.seat;
  out.device = claims.device;
  out.sid = claims.sid;
  out.jkt = claims.jkt;
  out.role = claims.role;
  out.email = claims.email;
  out.license_version = claims.license_version;
  out.scopes = words(claims.scope);
  return out;
}

}  // namespace ccp::licensing
