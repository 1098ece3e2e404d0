#include "core/licensing/tokens.hpp"

namespace ccp::licensing {

Result<identity::TokenIssuer::AccessToken> AccessTokens::issueAccessToken(db::Tx& tx, const Grant& grant) {
  const auto license = licenses_.byOrg(tx, grant.org.id);
  if (!license) return fail(Errc::internal, "The organization " + grant.org.id + " has no license row.");
  CCP_TRY(const auto key, keys_.signer(crypto::KeyUse::access));
  const Timestamp now = clock_.now();
  crypto::AccessClaims claims;
  claims.iss = settings_.server.public_url;
  claims.aud = settings_.product_id;
  claims.sub = grant.user.id;
  claims.org = grant.org.id;
  claims.seat = grant.device.seat;
  claims.device = grant.device.id;
  claims.sid = grant.device.sid;
  claims.jkt = grant.device.jkt;
  claims.license = license->id;
  claims.license_version = license->version;
  claims.role = grant.role;
  claims.email = grant.user.email;
  claims.client_id = grant.client_id;
  claims.scope = grant.scope;
  claims.jti = newId("tok", clock_, random_);
  claims.issued_at = now;
  claims.expires_at = now + settings_.license.access_ttl;
  return AccessToken{crypto::signJws(*key, crypto::kTypAccessToken, claims.json()),
                     std::chrono::duration_cast<std::chrono::seconds>(settings_.license.access_ttl).count()};
}

Result<identity::PackAssertion> AccessTokens::verifyPack(db::Tx& tx, std::string_view pack) {
  CCP_CHECK_OK(keys_.fresh());
  auto json = crypto::verifyJws(pack, crypto::kTypLicensePack, keys_.verifier(crypto::KeyUse::pack));
  if (!json) {
    if (json.error().code == Errc::token_invalid) return fail(Errc::pack_invalid, json.error().detail);
    return fail(std::move(json).error());
  }
  const auto claims = crypto::PackClaims::from(*json);
  if (!claims) return fail(Errc::pack_invalid, claims.error().detail);
  if (claims->iss != settings_.server.public_url || claims->aud != settings_.product_id) {
    return fail(Errc::pack_invalid, "The pack is of another server or product.");
  }
  if (const auto times = crypto::checkTimes(*json, clock_.now()); !times) {
    return fail(times.error().code == Errc::token_expired ? Errc::pack_expired : Errc::pack_invalid, times.error().detail);
  }
  const auto license = licenses_.byOrg(tx, claims->org);
  if (!license || license->id != claims->license || license->version != claims->version) {
    return fail(Errc::token_revoked, "The license has changed since this pack was issued.");
  }
  // sub is "seat_…"; a pack of a cluster is no person's credential.
  if (claims->sub.rfind("seat_", 0) != 0) return fail(Errc::pack_invalid, "The pack belongs to no seat.");
  return identity::PackAssertion{claims->org, claims->sub, claims->sid, claims->jkt};
}

}  // namespace ccp::licensing
