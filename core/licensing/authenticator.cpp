#include "core/licensing/authenticator.hpp"

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

}  // namespace

bool AccessTokenAuthenticator::claims(const http::Request& request) { return !tokenOf(request.headers.get("Authorization")).empty(); }

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
  CCP_TRY(const auto verified, verifier_.verify(token, request.remote_address));
  const http::Principal& who = verified->principal;
  // The proof is new with every request, and so is its check.
  CCP_CHECK_OK(verifyProof(request, token, who.jkt));
  CCP_CHECK_OK(revocations_.check(who.org, who.sid, who.license_version));
  return who;
}

}  // namespace ccp::licensing
