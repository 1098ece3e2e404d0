#include "core/identity/tokens.hpp"

#include "core/base/encoding.hpp"
#include "core/base/log.hpp"
#include "core/crypto/dpop.hpp"
#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

/// A refusal as a value of Result<OAuthResult<T>>: commits what the unit of work did.
template <class T>
Result<OAuthResult<T>> deny(std::string error, std::string description, int status = 400) {
  return OAuthResult<T>(tl::unexpected<OAuthFailure>(OAuthFailure{std::move(error), std::move(description), status}));
}
Result<OAuthResult<TokenAnswer>> denyToken(std::string error, std::string description) {
  return deny<TokenAnswer>(std::move(error), std::move(description));
}

constexpr const char* kRefreshRefused = "The refresh token is unknown, expired, revoked, or bound to another client or key.";

}  // namespace

Result<OAuthResult<std::string>> TokenService::provenKey(const std::vector<std::string>& dpop_headers) {
  using Key = std::string;
  if (dpop_headers.size() != 1) return deny<Key>("invalid_dpop_proof", "Send exactly one DPoP header (RFC 9449).");
  crypto::DpopExpectation expected;
  expected.method = "POST";
  expected.url = settings_.server.public_url + "/oauth/token";
  expected.now = clock_.now();
  const auto proof = crypto::verifyDpopProof(dpop_headers.front(), expected);
  if (!proof) return deny<Key>("invalid_dpop_proof", proof.error().detail);
  CCP_TRY(const bool first, replays_.firstUse(proof->jkt, proof->jti, proof->issued_at + expected.max_age + seconds(1)));
  if (!first) return deny<Key>("invalid_dpop_proof", "The proof was used before; sign a fresh one.");
  return OAuthResult<Key>(proof->jkt);
}

Result<OAuthResult<TokenAnswer>> TokenService::token(const http::Params& form, const std::vector<std::string>& dpop_headers,
                                                     const plugin::CallContext& ctx) {
  const auto grant_type = form.getOr("grant_type");
  if (grant_type.empty()) return denyToken("invalid_request", "grant_type is missing.");
  const bool assertion_grant = grant_type == kGrantJwt;
  if (grant_type != kGrantDevice && grant_type != "refresh_token" && !assertion_grant) {
    return denyToken("unsupported_grant_type", "Use device_code, refresh_token or jwt-bearer.");
  }
  // RFC 7523, 3.1: an assertion needs no client authentication; a client that names itself must exist.
  const auto client = form.getOr("client_id");
  if (client.empty() && !assertion_grant) return deny<TokenAnswer>("invalid_client", "client_id is missing.", 401);
  if (!client.empty() && !findClient(client)) return deny<TokenAnswer>("invalid_client", "The client is unknown.", 401);
  CCP_TRY(const auto key, provenKey(dpop_headers));
  if (!key) return OAuthResult<TokenAnswer>(tl::unexpected<OAuthFailure>(key.error()));
  if (grant_type == kGrantDevice) return deviceCode(form, client, *key, ctx);
  if (assertion_grant) return assertion(form, *key);
  return refresh(form, client, *key);
}

TokenService::Answer TokenService::deviceCode(const http::Params& form, const std::string& client, const std::string& jkt,
                                              const plugin::CallContext& ctx) {
  const auto device_code = form.getOr("device_code");
  if (device_code.empty()) return denyToken("invalid_request", "device_code is missing.");
  auto polled = grants_.poll(device_code, client, jkt, ctx);
  if (!polled) {
    if (polled.error().code == Errc::code_invalid) return denyToken("invalid_grant", polled.error().detail);
    return fail(std::move(polled).error());
  }
  switch (polled->decision) {
    case DeviceDecision::pending: return denyToken("authorization_pending", "The person has not decided yet.");
    case DeviceDecision::slow_down: return denyToken("slow_down", "Poll less often: five seconds more between two polls, from now on.");
    case DeviceDecision::denied: return denyToken("access_denied", "The person denied the request.");
    case DeviceDecision::expired: return denyToken("expired_token", "The code has expired; start again.");
    case DeviceDecision::invalid: return fail(Errc::plugin_failed, "The plugin gave an impossible answer.");
    case DeviceDecision::approved: break;
  }
  // System scope: consuming the grant and making the device are one unit of work.
  return db_.write(db::Scope::system(), [&](db::Tx& tx) { return completeDevice(tx, polled->grant); });
}

TokenService::Answer TokenService::completeDevice(db::Tx& tx, const DeviceGrant& grant) {
  if (!DeviceGrants::consume(tx, grant)) return denyToken("invalid_grant", "The device code was used.");
  // Whatever is refused from here on uses the code up: the client starts again.
  const auto seat = directory_.seatForDevice(tx, grant.org, grant.user);
  if (!seat && seat.error().code == Errc::seat_over_limit) return denyToken("access_denied", "seat_over_limit: " + seat.error().detail);
  if (!seat) return denyToken("access_denied", seat.error().detail);
  DeviceRow wanted;
  wanted.org = grant.org;
  wanted.seat = seat->id;
  wanted.user = grant.user;
  wanted.jkt = grant.jkt;
  wanted.hostname = grant.hostname;
  wanted.client_id = grant.client_id;
  wanted.scope = grant.scope;
  const auto device = directory_.registerDevice(tx, std::move(wanted));
  if (!device && device.error().code == Errc::device_limit) {
    return denyToken("access_denied", "device_limit: " + device.error().detail);
  }
  if (!device) return fail(device.error());
  return issue(tx, *device, device->scope, true);
}

TokenService::Answer TokenService::refresh(const http::Params& form, const std::string& client, const std::string& jkt) {
  const auto token = form.getOr("refresh_token");
  if (token.empty()) return denyToken("invalid_request", "refresh_token is missing.");
  // System scope: the token says which organization it is for.
  return db_.write(db::Scope::system(), [&](db::Tx& tx) { return completeRefresh(tx, token, client, jkt, form.getOr("scope")); });
}

TokenService::Answer TokenService::completeRefresh(db::Tx& tx, const std::string& token, const std::string& client, const std::string& jkt,
                                                   const std::string& scope) {
  Repository repository(tx);
  const auto row = repository.refreshToken(sha256Hex(token));
  const auto device = row ? repository.device(row->org, row->device) : std::nullopt;
  if (!device) return denyToken("invalid_grant", kRefreshRefused);
  RefreshFacts facts;
  facts.state = row->state;
  facts.expires_at = row->expires_at;
  facts.rotated_at = row->rotated_at;
  facts.same_key = equalConstantTime(device->jkt, jkt);
  facts.same_client = device->client_id == client;
  facts.device_active = device->state == "active";
  const auto decision = judgeRefresh(facts, tx.now());
  if (decision == RefreshDecision::refuse) return denyToken("invalid_grant", kRefreshRefused);
  if (decision == RefreshDecision::revoke_grant) {
    log::warn("oauth.refresh_token_reused", {{"org", device->org}, {"device", device->id}, {"same_key", facts.same_key}});
    CCP_CHECK_OK(directory_.revokeDeviceRow(tx, *device, "system", "a rotated refresh token was used again"));
    return denyToken("invalid_grant", "The refresh token was used before, so the whole log-in is revoked. Log in again.");
  }
  const auto granted = grantScope(scope, device->scope);
  if (!granted) return denyToken("invalid_scope", "A scope beyond those of the log-in was asked for.");
  // Before the token is rotated: a seat that rests gets its answer with the same token once there is room.
  if (const auto seat = directory_.seatInForce(tx, device->org, device->seat); !seat && seat.error().code == Errc::seat_over_limit) {
    return denyToken("access_denied", "seat_over_limit: " + seat.error().detail);
  }
  if (decision == RefreshDecision::rotate && !repository.rotateRefreshToken(row->org, row->id)) {
    return fail(Errc::conflict, "The refresh token is being used by another request.");
  }
  repository.touchDevice(device->org, device->id);
  return issue(tx, *device, *granted, true);
}

TokenService::Answer TokenService::assertion(const http::Params& form, const std::string& jkt) {
  const auto pack = form.getOr("assertion");
  if (pack.empty()) return denyToken("invalid_request", "assertion is missing.");
  // System scope: the pack says which organization it is for.
  return db_.write(db::Scope::system(), [&](db::Tx& tx) { return completeAssertion(tx, pack, jkt, form.getOr("scope")); });
}

TokenService::Answer TokenService::completeAssertion(db::Tx& tx, const std::string& pack, const std::string& jkt, const std::string& scope) {
  const auto proven = packs_.verifyPack(tx, pack);
  if (!proven) {
    if (proven.error().httpStatus() >= 500) return fail(proven.error());
    return denyToken("invalid_grant", proven.error().detail.empty() ? proven.error().text() : proven.error().detail);
  }
  Repository repository(tx);
  const auto device = proven->org.empty() ? std::nullopt : repository.deviceBySid(proven->org, proven->sid);
  const bool good = device && device->state == "active" && equalConstantTime(proven->jkt, jkt) && equalConstantTime(device->jkt, jkt);
  if (!good) return denyToken("invalid_grant", "The pack's device is revoked, or the proof is signed by another key than the pack names.");
  const auto granted = grantScope(scope, device->scope);
  if (!granted) return denyToken("invalid_scope", "A scope beyond those of the log-in was asked for.");
  repository.touchDevice(device->org, device->id);
  return issue(tx, *device, *granted, false);
}

TokenService::Answer TokenService::issue(db::Tx& tx, const DeviceRow& device, const std::string& scope, bool with_refresh) {
  Repository repository(tx);
  const auto org = repository.org(device.org);
  const auto user = repository.user(device.user);
  const auto member = repository.membership(device.org, device.user);
  const auto seat = repository.seat(device.org, device.seat);
  if (!org || !user || !member || !seat || seat->state != "claimed") {
    return denyToken("invalid_grant", "The person has no seat in the organization any more.");
  }
  if (const auto force = directory_.seatInForce(tx, device.org, device.seat); !force) {
    const auto& why = force.error();
    return denyToken("access_denied", (why.code == Errc::seat_over_limit ? "seat_over_limit: " : "") + why.detail);
  }
  TokenIssuer::Grant grant{*org, *user, member->role, device, scope, device.client_id};
  CCP_TRY(const auto access, issuer_.issueAccessToken(tx, grant));
  TokenAnswer answer{access.token, access.expires_in_s, "", scope};
  if (with_refresh) {
    answer.refresh_token = newToken(random_);
    repository.insertRefreshToken({device.org, newId("rft", clock_, random_), device.id, "active", tx.now() + settings_.license.refresh_idle, {}},
                                  sha256Hex(answer.refresh_token));
  }
  return OAuthResult<TokenAnswer>(std::move(answer));
}

Result<OAuthResult<bool>> TokenService::revoke(const http::Params& form) {
  const auto client = form.getOr("client_id");
  if (!findClient(client)) return deny<bool>("invalid_client", "The client is unknown.", 401);
  const auto token = form.getOr("token");
  if (token.empty()) return deny<bool>("invalid_request", "token is missing.");
  if (token.find('.') != std::string::npos) {
    return deny<bool>("unsupported_token_type", "Access tokens end by themselves; revoke the refresh token, and its access tokens end with it.");
  }
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<OAuthResult<bool>> {
    Repository repository(tx);
    const auto row = repository.refreshToken(sha256Hex(token));
    const auto device = row ? repository.device(row->org, row->device) : std::nullopt;
    if (!device || device->client_id != client) return OAuthResult<bool>(false);
    CCP_CHECK_OK(directory_.revokeDeviceRow(tx, *device, "user:" + device->user, "logged out"));
    return OAuthResult<bool>(true);
  });
}

}  // namespace ccp::identity
