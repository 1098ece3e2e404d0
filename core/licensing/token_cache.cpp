#include "core/licensing/token_cache.hpp"

#include <algorithm>

namespace ccp::licensing {
namespace {

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

http::Principal principalOf(const crypto::AccessClaims& claims) {
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

std::string introspectionOf(const crypto::AccessClaims& claims) {
  std::string out = Json::object({{"active", true},
                                  {"token_type", "DPoP"},
                                  {"iss", claims.iss},
                                  {"aud", claims.aud},
                                  {"sub", claims.sub},
                                  {"client_id", claims.client_id},
                                  {"scope", claims.scope},
                                  {"iat", toUnixSeconds(claims.issued_at)},
                                  {"exp", toUnixSeconds(claims.expires_at)},
                                  {"jti", claims.jti},
                                  {"cnf", Json::object({{"jkt", claims.jkt}})},
                                  {"org", claims.org}})
                        .dump();
  return out.substr(1, out.size() - 2);
}

}  // namespace

VerifiedToken::VerifiedToken(const crypto::AccessClaims& claims, std::string signed_by, std::int64_t ring)
    : principal(principalOf(claims)), expires_at(claims.expires_at), kid(std::move(signed_by)), introspection(introspectionOf(claims)), ring_version(ring) {}

std::size_t VerifiedToken::bytes() const noexcept {
  std::size_t out = sizeof(VerifiedToken) + introspection.capacity() + kid.capacity();
  for (const auto* text : {&principal.org, &principal.user, &principal.seat, &principal.device, &principal.sid, &principal.jkt,
                           &principal.role, &principal.email}) {
    out += text->capacity();
  }
  for (const auto& scope : principal.scopes) out += sizeof(scope) + scope.capacity();
  return out;
}

TokenCache::TokenCache(const Clock& clock, Random& random, Metrics& metrics, CacheLimits limits)
    : clock_(clock), hash_(random), tokens_(limits, CacheMeters(metrics, "tokens")), refusals_(kRefusalLimits, CacheMeters(metrics, "refused_tokens")) {}

TokenCache::Found TokenCache::find(const Digest& key) {
  if (auto token = tokens_.find(key)) {
    tokens_.meters().hits.add();
    return {std::move(token), std::nullopt};
  }
  if (refusals_.size() != 0) {
    if (const auto refusal = refusals_.find(key); refusal && clock_.monotonicNs() < refusal->until_ns) {
      refusals_.meters().hits.add();
      return {nullptr, refusal->error};
    }
  }
  tokens_.meters().misses.add();
  return {};
}

void TokenCache::keep(const Digest& key, TokenPtr token) {
  const std::size_t bytes = token->bytes();
  tokens_.put(key, std::move(token), bytes);
}

void TokenCache::refuse(const Digest& key, Error error) {
  auto refusal = std::make_shared<Refusal>();
  const std::size_t bytes = sizeof(Refusal) + error.detail.capacity();
  refusal->error = std::move(error);
  refusal->until_ns = clock_.monotonicNs() + static_cast<std::uint64_t>(kRefusalLife.count()) * 1000;
  refusals_.put(key, std::move(refusal), bytes);
}

}  // namespace ccp::licensing
