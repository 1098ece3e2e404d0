#include "core/licensing/token_verifier.hpp"

#include "core/http/proxies.hpp"

namespace ccp::licensing {
namespace {

constexpr Duration kSkew = seconds(60);  ///< as crypto::checkTimes
constexpr std::size_t kBytesPerToken = 2048;

/// True for what stays as it is: worth remembering.
bool lasting(Errc code) noexcept {
  return code == Errc::token_invalid || code == Errc::token_expired || code == Errc::token_wrong_type || code == Errc::algorithm_refused;
}

}  // namespace

TokenVerifier::TokenVerifier(const Clock& clock, Random& random, Metrics& metrics, const config::Settings& settings, KeyService& keys)
    : clock_(clock),
      settings_(settings),
      keys_(keys),
      cache_(clock, random, metrics, {settings.server.token_cache, settings.server.token_cache * kBytesPerToken}),
      refused_cold_(metrics.counter("ccp_token_verifications_refused_total", "Tokens not checked, because their sender had sent too many unknown ones")) {
  const int per_second = settings.server.verifications_per_second_per_address;
  if (per_second > 0) cold_ = std::make_unique<http::RateLimiter>(clock, per_second, seconds(1));
}

std::optional<Result<TokenPtr>> TokenVerifier::known(const Digest& key) {
  if (auto fresh = keys_.fresh(); !fresh) return fail(std::move(fresh).error());
  auto found = cache_.find(key);
  if (found.refused) return fail(std::move(*found.refused));
  if (!found.token) return std::nullopt;
  const std::int64_t ring_version = keys_.ringVersion();
  if (found.token->ring_version.load(std::memory_order_relaxed) != ring_version) {
    // A kid is the key's thumbprint: as long as the ring holds it, what it signed stays signed, and one
    // that has gone does not come back.
    if (!keys_.verifier(crypto::KeyUse::access)(found.token->kid))
      return fail(Errc::key_unknown, "The key that signed the token is no longer in force.");
    found.token->ring_version.store(ring_version, std::memory_order_relaxed);
  }
  if (clock_.now() >= found.token->expires_at + kSkew) {
    return fail(Errc::token_expired, "The token expired at " + formatRfc3339(found.token->expires_at) + ".");
  }
  return std::move(found.token);
}

Result<TokenPtr> TokenVerifier::verify(std::string_view token, const std::string& address) {
  const Digest key = cache_.keyOf(token);
  if (auto answer = known(key)) return std::move(*answer);
  if (cold_) {
    if (auto room = cold_->take(http::addressGroup(address)); !room) {
      refused_cold_.add();
      Error error = std::move(room).error();
      error.detail = "This address has sent too many tokens that were not seen before.";
      return fail(std::move(error));
    }
  }
  // Read before the key is: should the ring change in between, the next use asks for the key again.
  const std::int64_t ring_version = keys_.ringVersion();
  std::string kid;
  const auto claims = check(token, kid);
  if (!claims) {
    if (lasting(claims.error().code)) cache_.refuse(key, claims.error());
    return fail(claims.error());
  }
  auto verified = std::make_shared<const VerifiedToken>(*claims, std::move(kid), ring_version);
  cache_.keep(key, verified);
  return verified;
}

Result<crypto::AccessClaims> TokenVerifier::check(std::string_view token, std::string& kid) {
  const auto verify = [&] {
    return crypto::verifyJws(token, crypto::kTypAccessToken, [&, lookup = keys_.verifier(crypto::KeyUse::access)](std::string_view named) {
      kid = std::string(named);
      return lookup(named);
    });
  };
  auto json = verify();
  if (!json && json.error().code == Errc::key_unknown) {
    // Another node may have made the key since our last reading (first start, compromise).
    if (!kid.empty() && keys_.learn(crypto::KeyUse::access, kid)) json = verify();
  }
  if (!json) return fail(std::move(json).error());
  CCP_CHECK_OK(crypto::checkTimes(*json, clock_.now(), kSkew));
  CCP_TRY(auto claims, crypto::AccessClaims::from(*json));
  if (claims.iss != settings_.server.public_url) return fail(Errc::token_invalid, "The token is from another issuer.");
  if (claims.aud != settings_.product_id) return fail(Errc::token_invalid, "The token is for another product.");
  return claims;
}

}  // namespace ccp::licensing
