#include "core/identity/oauth_routes.hpp"

#include <set>

#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kMaxBody = 64 * 1024;

Response refuse(const OAuthFailure& failure) {
  Response out = Response::json(Json::object({{"error", failure.error}, {"error_description", failure.description}}), failure.status);
  if (failure.status == 401) out.header("WWW-Authenticate", "Basic realm=\"ccp\"");
  out.noStore().header("Pragma", "no-cache");
  return out;
}

/// The form of an OAuth request: media type, encoding, no parameter twice (RFC 6749, 3.2).
OAuthResult<http::Params> formOf(const Request& request) {
  const auto invalid = [](std::string why) {
    return tl::unexpected<OAuthFailure>(OAuthFailure{"invalid_request", std::move(why), 400});
  };
  // A client may not authenticate: all of ours are public (token_endpoint_auth_methods_supported).
  if (request.headers.has("Authorization")) {
    return tl::unexpected<OAuthFailure>(OAuthFailure{"invalid_client", "Clients are public here: send client_id and no Authorization.", 401});
  }
  auto form = request.form();
  if (!form) return invalid("Send an application/x-www-form-urlencoded body in UTF-8.");
  std::set<std::string_view> seen;
  for (const auto& [name, value] : form->items()) {
    if (!seen.insert(name).second) return invalid("The parameter \"" + displayText(name, 40) + "\" stands there twice.");
  }
  return std::move(*form);
}

plugin::CallContext contextOf(const Request& request) { return {request.deadline, request.request_id, "", ""}; }

Json strings(std::initializer_list<std::string_view> values) {
  Json out = Json::array();
  for (const auto value : values) out.push(value);
  return out;
}

Json discovery(const config::Settings& settings) {
  const auto& issuer = settings.server.public_url;
  Json scopes = Json::array();
  for (const auto& scope : splitScope(kAllScopes)) scopes.push(scope);
  return Json::object({{"issuer", issuer},
                       {"device_authorization_endpoint", issuer + "/oauth/device_authorization"},
                       {"token_endpoint", issuer + "/oauth/token"},
                       {"revocation_endpoint", issuer + "/oauth/revoke"},
                       {"introspection_endpoint", issuer + "/oauth/introspect"},
                       {"jwks_uri", issuer + "/.well-known/jwks.json"},
                       {"scopes_supported", std::move(scopes)},
                       // No authorization endpoint: RFC 8414 wants the member, empty is its truth.
                       {"response_types_supported", Json::array()},
                       {"grant_types_supported", strings({kGrantDevice, "refresh_token", kGrantJwt})},
                       {"token_endpoint_auth_methods_supported", strings({"none"})},
                       {"revocation_endpoint_auth_methods_supported", strings({"none"})},
                       // Bearer is a type of access token, which RFC 8414 allows here: an API key.
                       {"introspection_endpoint_auth_methods_supported", strings({"client_secret_basic", "Bearer"})},
                       // The same algorithm under its new (RFC 9864) and its old name (RFC 8037).
                       {"dpop_signing_alg_values_supported", strings({"Ed25519", "EdDSA"})}});
}

Result<Response> authorizeDevice(const Request& request, const config::Settings& settings, DeviceGrants& grants) {
  const auto form = formOf(request);
  if (!form) return refuse(form.error());
  const auto client = form->getOr("client_id");
  if (client.empty() || !findClient(client)) return refuse({"invalid_client", "The client is unknown.", 401});
  const auto scope = grantScope(form->getOr("scope"), kAllScopes);
  if (!scope) return refuse({"invalid_scope", "Known scopes: " + std::string(kAllScopes) + ".", 400});
  CCP_TRY(const auto begun, grants.begin(client, *scope, form->getOr("hostname"), request.remote_address, contextOf(request)));
  const auto page = settings.server.public_url + "/device";
  Response out = Response::json(Json::object({{"device_code", begun.device_code},
                                              {"user_code", begun.user_code},
                                              {"verification_uri", page},
                                              {"verification_uri_complete", page + "?user_code=" + begun.user_code},
                                              {"expires_in", begun.expires_in_s},
                                              {"interval", begun.interval_s}}));
  out.noStore();
  return out;
}

Result<Response> token(const Request& request, TokenService& tokens) {
  const auto form = formOf(request);
  if (!form) return refuse(form.error());
  CCP_TRY(const auto answer, tokens.token(*form, request.headers.all("DPoP"), contextOf(request)));
  if (!answer) return refuse(answer.error());
  Json body = Json::object({{"access_token", answer->access_token},
                            {"token_type", "DPoP"},
                            {"expires_in", answer->expires_in_s},
                            {"scope", answer->scope}});
  if (!answer->refresh_token.empty()) body.set("refresh_token", answer->refresh_token);
  Response out = Response::json(body);
  out.noStore().header("Pragma", "no-cache");
  return out;
}

Result<Response> revoke(const Request& request, TokenService& tokens) {
  const auto form = formOf(request);
  if (!form) return refuse(form.error());
  CCP_TRY(const auto answer, tokens.revoke(*form));
  if (!answer) return refuse(answer.error());
  Response out = Response::empty(200);
  out.noStore();
  return out;
}

}  // namespace

void addOAuthRoutes(http::Router& router, const config::Settings& settings, DeviceGrants& grants, TokenService& tokens) {
  const auto options = [](const char* summary) {
    http::RouteOptions out;
    out.max_body = kMaxBody;
    out.summary = summary;
    return out;
  };
  router.get("/.well-known/oauth-authorization-server", options("Authorization server metadata (RFC 8414)"),
             [&settings](const Request&) -> Result<Response> {
               Response out = Response::json(discovery(settings));
               out.header("Cache-Control", "public, max-age=300");
               return out;
             });
  router.post("/oauth/device_authorization", options("Starts a device log-in (RFC 8628)"),
              [&settings, &grants](const Request& request) { return authorizeDevice(request, settings, grants); });
  router.post("/oauth/token", options("Device code, refresh token or license pack to access token, bound by DPoP (RFC 9449)"),
              [&tokens](const Request& request) { return token(request, tokens); });
  router.post("/oauth/revoke", options("Revokes a refresh token and its device (RFC 7009)"),
              [&tokens](const Request& request) { return revoke(request, tokens); });
}

}  // namespace ccp::identity
