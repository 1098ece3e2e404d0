#include "core/licensing/packs.hpp"

#include <tuple>

namespace ccp::licensing {
namespace {

/// A license whose end has come but is not settled yet (rules.hpp, kSettleTime) still gets this much.
constexpr Duration kShortestPack = minutes(15);
/// A license that changes between asking the policies and writing is asked about again, so often.
constexpr int kAttempts = 5;

std::int64_t wholeSeconds(Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); }
Json timeOrNull(const std::optional<Timestamp>& at) { return at ? Json(formatRfc3339(*at)) : Json(); }

}  // namespace

PackLife packLife(Timestamp now, Duration ttl, Duration offline_grace, std::optional<Timestamp> license_ends_at) {
  PackLife out{std::chrono::floor<std::chrono::seconds>(now + ttl), wholeSeconds(offline_grace)};
  if (license_ends_at && *license_ends_at < out.expires_at) {
    const Timestamp usable_until = *license_ends_at + offline_grace;
    out.expires_at = std::chrono::floor<std::chrono::seconds>(std::max(*license_ends_at, now + kShortestPack));
    out.grace_s = std::max<std::int64_t>(wholeSeconds(usable_until - out.expires_at), 0);
  }
  return out;
}

Result<IssuedPack> Packs::issue(const http::Principal& principal, Occasion occasion) {
  CCP_TRY(const auto key, keys_.signer(crypto::KeyUse::pack));
  const auto scope = db::Scope::org(principal.org);
  // Policies are asked between two units of work, never inside one: what they cost, no writer waits for.
  CCP_TRY(auto asked, db_.read(scope, [&](db::Tx& tx) { return basis(tx, principal); }));
  for (int attempt = 1;; ++attempt) {
    const auto gated = gate(policies_, occasion == Occasion::refresh ? GateAction::refresh : GateAction::issue, principal, asked.license, asked.entitlements);
    std::optional<Basis> changed;
    CCP_TRY(auto issued, db_.write(scope, [&](db::Tx& tx) -> Result<std::optional<IssuedPack>> {
      CCP_TRY(auto now, basis(tx, principal));
      changed.reset();
      if (now == asked) return issueIn(tx, principal, occasion, *key, now, gated);
      changed = std::move(now);
      return std::nullopt;
    }));
    if (issued) return std::move(*issued);
    if (attempt == kAttempts || !changed) return fail(Errc::conflict, "The license of the organization is changing right now.");
    asked = std::move(*changed);
  }
}

bool Packs::Basis::operator==(const Basis& other) const {
  const auto facts = [](const Basis& b) {
    const Decision& d = b.license.decision;
    return std::tie(b.device.id, b.seat.id, b.license.version, d.state, d.seats, d.reason, d.ends_at, b.entitlements.plan, b.entitlements.features,
                    b.entitlements.privacy);
  };
  return facts(*this) == facts(other) && entitlements.limits == other.entitlements.limits;
}

Result<Packs::Basis> Packs::basis(db::Tx& tx, const http::Principal& principal) {
  const auto device = directory_.deviceBySid(tx, principal.org, principal.sid);
  if (!device || device->state != "active" || device->jkt != principal.jkt) {
    return fail(Errc::token_revoked, "This device is no longer logged in.");
  }
  const auto seat = directory_.seatOf(tx, principal.org, device->user);
  if (!seat || seat->state != "claimed" || seat->id != device->seat) {
    return fail(Errc::seat_required, "This person has no seat in the organization any more.");
  }
  CCP_CHECK_OK(directory_.seatInForce(tx, principal.org, seat->id));
  auto license = licenses_.byOrg(tx, principal.org);
  if (!license) return fail(Errc::internal, "The organization " + principal.org + " has no license row.");
  auto entitlements = licenses_.entitlements(*license);
  if (entitlements.plan == kNoPlan) {
    return fail(Errc::license_inactive, entitlements.notice.empty() ? "The organization has no plan." : entitlements.notice);
  }
  return Basis{*device, *seat, std::move(*license), std::move(entitlements)};
}

IssuedPack Packs::issueIn(db::Tx& tx, const http::Principal& principal, Occasion occasion, const crypto::SigningKey& key, const Basis& basis,
                          const GatedFeatures& gated) {
  const auto& [device, seat, license, entitlements] = basis;
  const Timestamp now = clock_.now();
  const bool live = isLive(license.decision.state);
  const PackLife life = packLife(now, settings_.license.pack_ttl, settings_.license.offline_grace,
                                 live ? license.decision.ends_at : std::nullopt);
  crypto::PackClaims claims;
  claims.iss = settings_.server.public_url;
  claims.aud = settings_.product_id;
  claims.sub = seat.id;
  claims.jti = newId("pack", clock_, random_);
  claims.org = principal.org;
  claims.license = license.id;
  claims.sid = device.sid;
  claims.plan = entitlements.plan;
  claims.privacy = entitlements.privacy;
  claims.jkt = device.jkt;
  claims.version = license.version;
  claims.seats = license.decision.seats;
  claims.grace_s = life.grace_s;
  claims.issued_at = claims.not_before = std::chrono::floor<std::chrono::seconds>(now);
  claims.expires_at = life.expires_at;
  claims.features = gated.features;
  claims.limits = entitlements.limits;
  claims.enforce = gated.enforce;

  LicenseRepository(tx).putPack({principal.org, claims.jti, license.id, seat.id, device.id, device.sid, device.jkt, claims.plan,
                                 claims.version, claims.issued_at, claims.expires_at});
  const bool renewed = occasion == Occasion::refresh;
  tx.emit({"license.issued", principal.org, license.id,
           Json::object({{"pack", claims.jti},
                         {"seat", seat.id},
                         {"device", device.id},
                         {"plan", claims.plan},
                         {"expires_at", formatRfc3339(claims.expires_at)},
                         {"renewed", renewed}})});
  // A renewal repeats a right that the first issue's audit row already shows.
  if (!renewed) {
    tx.audit({principal.org, principal.actor(), "license.issue", license.id, {},
              Json::object({{"pack", claims.jti}, {"seat", seat.id}, {"device", device.id}, {"plan", claims.plan}}), ""});
  }
  return IssuedPack{crypto::signJws(key, crypto::kTypLicensePack, claims.json()), claims.expires_at,
                    claims.issued_at + (claims.expires_at - claims.issued_at) / 2};
}

Result<Json> Packs::status(const http::Principal& principal) {
  License license;
  Entitlements entitlements;
  CCP_TRY(auto out, db_.read(db::Scope::org(principal.org), [&](db::Tx& tx) -> Result<Json> {
    const auto org = directory_.org(tx, principal.org);
    auto found_license = licenses_.byOrg(tx, principal.org);
    if (!org || !found_license) return fail(Errc::not_found, "The organization does not exist.");
    license = std::move(*found_license);
    entitlements = licenses_.entitlements(license);
    Json user, seat, device;
    std::string role = principal.role;
    if (!principal.user.empty()) {
      const auto person = directory_.user(tx, principal.user);
      user = Json::object({{"id", principal.user}, {"email", person ? person->email : principal.email}});
      // The token's role is up to 15 minutes old; what is shown is the one of now.
      const auto membership = directory_.membership(tx, principal.org, principal.user);
      role = membership ? membership->role : "";
      if (const auto found = directory_.seatOf(tx, principal.org, principal.user)) {
        seat = Json::object({{"id", found->id}, {"state", found->state}, {"github", found->github.empty() ? Json() : Json(found->github)}});
      }
    }
    if (!principal.sid.empty()) {
      if (const auto found = directory_.deviceBySid(tx, principal.org, principal.sid)) {
        device = Json::object({{"id", found->id}, {"hostname", found->hostname}});
      }
    }
    const Decision& d = license.decision;
    return Json::object(
        {{"org", Json::object({{"id", org->id}, {"name", org->name}})},
         {"user", user},
         {"role", role.empty() ? Json() : Json(role)},
         {"seat", seat},
         {"device", device},
         {"license", Json::object({{"id", license.id},
                                   {"state", toString(d.state)},
                                   {"version", license.version},
                                   {"plan", entitlements.plan},
                                   {"plan_title", entitlements.plan_title},
                                   {"features", Json::array()},
                                   {"denied", Json::array()},
                                   {"limits", entitlements.limits},
                                   {"privacy", entitlements.privacy},
                                   {"seats", Json::object({{"used", directory_.seatsInUse(tx, principal.org)}, {"total", d.seats}})},
                                   {"ends_at", timeOrNull(d.ends_at)},
                                   {"reason", d.reason},
                                   {"notice", entitlements.notice}})},
         {"server_time_at", formatRfc3339(clock_.now())},
         {"heartbeat_interval_s", wholeSeconds(settings_.license.heartbeat_interval)}});
  }));
  const auto gated = gate(policies_, GateAction::status, principal, license, entitlements);
  Json shown = out["license"];
  Json features = Json::array();
  for (const auto& feature : gated.features) features.push(feature);
  Json denied = Json::array();
  for (const auto& each : gated.denied) {
    denied.push(Json::object({{"feature", each.feature}, {"reason", each.reason}, {"rule", each.rule}, {"decision", each.decision}}));
  }
  shown.set("features", std::move(features));
  shown.set("denied", std::move(denied));
  if (entitlements.notice.empty()) shown.set("notice", gated.notice);
  const auto used = shown["seats"].intOr("used");
  if (used > license.decision.seats && shown.strOr("notice").empty()) {
    shown.set("notice", "The organization has assigned " + std::to_string(used) + " seats and pays for " + std::to_string(license.decision.seats) +
                            "; those who claimed theirs last rest until there is room. See `ccp seats`.");
  }
  out.set("license", std::move(shown));
  return out;
}

}  // namespace ccp::licensing
