#include "core/licensing/routes.hpp"

namespace ccp::licensing {
namespace {

Status requireScope(const http::Principal& principal, const char* scope) {
  if (principal.hasScope(scope)) return {};
  return fail(Errc::forbidden, std::string("The credential lacks the scope \"") + scope + "\".");
}

/// The body is `{}`: nothing in it decides anything, and unknown fields are refused.
Status requireEmptyObject(const http::Request& request) {
  CCP_TRY(const auto body, request.json());
  if (body.empty()) return {};
  Error error{Errc::validation_failed, "The body must be an empty object."};
  for (const auto& [name, value] : body.members()) error.fields.push_back({"/" + name, "unknown"});
  return fail(std::move(error));
}

http::Handler issueHandler(Packs& packs, KeyService& keys, Packs::Occasion occasion) {
  return [&packs, &keys, occasion](const http::Request& request) -> Result<http::Response> {
    CCP_CHECK_OK(requireScope(request.principal, "license"));
    CCP_CHECK_OK(requireEmptyObject(request));
    CCP_TRY(const auto issued, packs.issue(request.principal, occasion));
    return http::Response::json(Json::object({{"pack", issued.pack},
                                              {"expires_at", formatRfc3339(issued.expires_at)},
                                              {"refresh_after_at", formatRfc3339(issued.refresh_after_at)},
                                              {"keyring", keys.published()->json}}))
        .noStore();
  };
}

}  // namespace

void addRoutes(http::Router& router, Packs& packs, KeyService& keys, Introspection& introspection, const config::Settings& settings) {
  const auto pack_options = [](const char* summary) {
    http::RouteOptions options;
    options.auth = http::Auth::access_token;
    options.max_body = 1024;
    options.content_types = {"application/json"};
    options.summary = summary;
    return options;
  };
  router.post(kIssuePath, pack_options("Issue the license pack of this device"), issueHandler(packs, keys, Packs::Occasion::issue));
  router.post(kRefreshPath, pack_options("Renew the license pack of this device"), issueHandler(packs, keys, Packs::Occasion::refresh));

  http::RouteOptions status;
  status.auth = http::Auth::client;
  status.summary = "License, plan, seat and device of the caller";
  router.get("/v1/license/status", status, [&packs](const http::Request& request) -> Result<http::Response> {
    CCP_CHECK_OK(requireScope(request.principal, "license"));
    CCP_TRY(const auto json, packs.status(request.principal));
    return http::Response::json(json).noStore();
  });

  http::RouteOptions introspect;
  introspect.auth = http::Auth::introspector;
  introspect.max_body = 32 * 1024;
  introspect.on_loop = true;
  introspect.from_memory = [&introspection](const http::Request& request) { return introspection.fromMemory(request); };
  introspect.summary = "Is this access token active, and what is its organization licensed for? (RFC 7662)";
  router.post("/oauth/introspect", introspect, [&introspection](const http::Request& request) { return introspection.answer(request); });

  const auto open = [](const char* summary) {
    http::RouteOptions options;
    options.summary = summary;
    return options;
  };
  router.get("/.well-known/jwks.json", open("Public keys for verifiers that trust TLS"), [&keys](const http::Request&) -> Result<http::Response> {
    auto response = http::Response::json(keys.jwks());
    return response.header("Cache-Control", "public, max-age=300");
  });
  router.get("/.well-known/ccp-keyring", open("Key ring signed by the root key"), [&keys](const http::Request&) -> Result<http::Response> {
    auto response = http::Response::json(keys.published()->json);
    return response.header("Cache-Control", "public, max-age=60");
  });
  router.get("/.well-known/ccp-configuration", open("Issuer, product and root keys"), [&keys, &settings](const http::Request&) -> Result<http::Response> {
    Json jwk = keys.rootKey().jwk();
    jwk.set("kid", keys.rootKey().thumbprint());
    auto response = http::Response::json(
        Json::object({{"issuer", settings.server.public_url},
                      {"product", Json::object({{"id", settings.product_id}, {"name", settings.product_name}})},
                      {"mode", settings.dev() ? "dev" : "prod"},
                      {"root_keys", Json::array({std::move(jwk)})}}));
    return response.header("Cache-Control", "public, max-age=300");
  });
}

}  // namespace ccp::licensing
