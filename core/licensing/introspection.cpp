#include "core/licensing/introspection.hpp"

#include <algorithm>

#include "core/licensing/gate.hpp"

namespace ccp::licensing {
namespace {

using http::Request;
using http::Response;

/// A policy's change of mind about a feature shows this much later at most; changes of the license and
/// revocations show at once.
constexpr Freshness kGateFreshness{.fresh = seconds(20), .stale = seconds(40), .retry = seconds(2)};
constexpr std::size_t kBytesPerGate = 1024;

Response rendered(std::string body, int status = 200) {
  Response out;
  out.status = status;
  out.body = std::move(body);
  out.headers.add("Content-Type", "application/json");
  out.headers.add("Cache-Control", "no-store");
  return out;
}

Response inactive() { return rendered(R"({"active":false})"); }

Response refuse(const char* error, std::string description, int status) {
  return rendered(Json::object({{"error", error}, {"error_description", std::move(description)}}).dump(), status);
}

/// Nothing of a token needs decoding, and most forms hold nothing else.
bool isPlain(std::string_view text) noexcept {
  return text.find('%') == std::string_view::npos && text.find('+') == std::string_view::npos && text.find('&') == std::string_view::npos;
}

/// The parameter `token`, or the refusal of the request.
struct Asked {
  std::string_view token;
  std::string decoded;  ///< what `token` points to when it had to be decoded
  std::optional<Response> refusal;
};
void read(const Request& request, Asked& out) {
  const http::Principal& who = request.principal;
  if (!who.hasScope(kIntrospectScope)) {
    out.refusal = refuse("insufficient_scope", "The key lacks the scope \"introspect\".", 403);
    return;
  }
  constexpr std::string_view name = "token=";
  const std::string_view body = request.body;
  if (body.size() > name.size() && body.starts_with(name) && isPlain(body.substr(name.size())) &&
      request.contentType() == "application/x-www-form-urlencoded") {
    out.token = body.substr(name.size());
    return;
  }
  const auto form = request.form();
  if (!form) {
    out.refusal = refuse("invalid_request", "Send an application/x-www-form-urlencoded body in UTF-8.", 400);
    return;
  }
  const auto token = form->get("token");
  if (!token || token->empty() || form->repeated("token") || form->repeated("token_type_hint")) {
    out.refusal = refuse("invalid_request", "Send the parameter \"token\" once.", 400);
    return;
  }
  out.decoded = std::move(*token);
  out.token = out.decoded;
}

/// True for what says that a token is not good, false for what says that we cannot tell.
bool meansInactive(Errc code) noexcept {
  switch (code) {
    case Errc::token_invalid:
    case Errc::token_expired:
    case Errc::token_wrong_type:
    case Errc::token_revoked:
    case Errc::algorithm_refused:
    case Errc::key_unknown:
      return true;
    default:
      return false;
  }
}

bool mayAskAbout(const http::Principal& who, const VerifiedToken& token) noexcept {
  // A key without an organization is the deployer's own.
  return who.org.empty() || who.org == token.principal.org;
}

Response active(const VerifiedToken& token, const std::string& license) {
  std::string body;
  body.reserve(token.introspection.size() + license.size() + 16);
  body += '{';
  body += token.introspection;
  body += ",\"license\":";
  body += license;
  body += '}';
  return rendered(std::move(body));
}

}  // namespace

Introspection::Introspection(const Clock& clock, Metrics& metrics, const config::Settings& settings, TokenVerifier& verifier,
                             const RevocationList& revocations, LicenseMemory& licenses, policy::Decider& policies)
    : verifier_(verifier),
      revocations_(revocations),
      licenses_(licenses),
      policies_(policies),
      gated_(clock, {settings.server.token_cache, settings.server.token_cache * kBytesPerGate}, CacheMeters(metrics, "gated_features"), kGateFreshness) {}

std::optional<Result<Response>> Introspection::fromMemory(const Request& request) {
  Asked asked;
  read(request, asked);
  if (asked.refusal) return std::move(*asked.refusal);
  const Digest key = verifier_.keyOf(asked.token);
  auto known = verifier_.known(key);
  if (!known) return std::nullopt;
  if (!*known) {
    if (meansInactive(known->error().code)) return inactive();
    return fail(std::move(*known).error());
  }
  const VerifiedToken& token = ***known;
  const http::Principal& bearer = token.principal;
  if (!mayAskAbout(request.principal, token)) return inactive();
  if (auto valid = revocations_.check(bearer.org, bearer.sid, bearer.license_version); !valid) {
    if (meansInactive(valid.error().code)) return inactive();
    return fail(std::move(valid).error());
  }
  const auto facts = licenses_.find(bearer.org);
  if (!facts) return std::nullopt;
  const auto gated = gated_.find(key);
  if (!gated || gated->fingerprint != facts->fingerprint) return std::nullopt;
  return active(token, gated->json);
}

Result<Response> Introspection::answer(const Request& request) {
  Asked asked;
  read(request, asked);
  if (asked.refusal) return std::move(*asked.refusal);
  const auto verified = verifier_.verify(asked.token, request.remote_address);
  if (!verified) {
    if (meansInactive(verified.error().code)) return inactive();
    return fail(verified.error());
  }
  const VerifiedToken& token = **verified;
  const http::Principal& bearer = token.principal;
  if (!mayAskAbout(request.principal, token)) return inactive();
  const auto facts = licenses_.get(bearer.org);
  if (!facts && facts.error().code == Errc::not_found) return inactive();
  if (!facts) return fail(facts.error());
  const auto gated = decide(verifier_.keyOf(asked.token), token, **facts);
  // Last, so that what was revoked while the rest was looked up is not called active.
  if (auto valid = revocations_.check(bearer.org, bearer.sid, bearer.license_version); !valid) {
    if (meansInactive(valid.error().code)) return inactive();
    return fail(std::move(valid).error());
  }
  return active(token, gated->json);
}

std::shared_ptr<const Introspection::Gated> Introspection::decide(const Digest& key, const VerifiedToken& token, const LicenseFacts& facts) {
  if (auto known = gated_.findFresh(key); known && known->fingerprint == facts.fingerprint) return known;
  const auto ticket = gated_.ticket(key);
  const auto gated = gate(policies_, GateAction::introspect, token.principal, facts.license, facts.entitlements);
  Json features = Json::array();
  for (const auto& feature : gated.features) features.push(feature);
  Gated out;
  out.fingerprint = facts.fingerprint;
  out.json = Json::object({{"state", toString(facts.license.decision.state)},
                           {"plan", facts.entitlements.plan},
                           {"version", facts.license.version},
                           {"features", std::move(features)}})
                 .dump();
  const std::size_t bytes = out.fingerprint.capacity() + out.json.capacity();
  return gated_.put(key, std::move(out), bytes, ticket);
}

}  // namespace ccp::licensing
