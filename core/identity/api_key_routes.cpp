#include "core/identity/api_key_routes.hpp"

#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

using http::Request;
using http::Response;

Json timeOrNull(const std::optional<Timestamp>& at) {
  return at ? Json(formatRfc3339(*at)) : Json();
}

Json keyJson(const ApiKey& key) {
  Json scopes = Json::array();
  for (const auto& scope : splitScope(key.scopes)) scopes.push(scope);
  return Json::object({{"id", key.id},
                       {"name", key.name},
                       {"hint", key.hint},
                       {"scopes", std::move(scopes)},
                       {"created_by", key.created_by},
                       {"created_at", formatRfc3339(key.created_at)},
                       {"last_used_at", timeOrNull(key.last_used_at)},
                       {"revoked_at", timeOrNull(key.revoked_at)}});
}

Result<Response> list(ApiKeys& keys, const Request& request) {
  CCP_TRY(const auto all, keys.list(request.principal));
  Json items = Json::array();
  for (const auto& key : all) items.push(keyJson(key));
  return Response::json(Json::object({{"api_keys", std::move(items)}})).noStore();
}

Result<Response> create(ApiKeys& keys, const Request& request) {
  CCP_TRY(const Json body, request.json());
  Error error{Errc::validation_failed, "The body must be {\"name\", \"scopes\"}."};
  for (const auto& [name, value] : body.members()) {
    if (name != "name" && name != "scopes") error.fields.push_back({"/" + name, "unknown"});
  }
  std::string scopes;
  for (const auto& scope : body["scopes"].items()) {
    const auto* text = scope.asString();
    // Two scopes in one text would be two all the same, but not what the schema says.
    if (text == nullptr || text->empty() || text->find(' ') != std::string::npos) {
      error.fields.push_back({"/scopes", "must be a list of scopes"});
      break;
    }
    scopes += (scopes.empty() ? "" : " ") + *text;
  }
  if (!body["scopes"].isNull() && scopes.empty() && error.fields.empty())
    error.fields.push_back({"/scopes", "must be a list of scopes"});
  if (!body.isObject() || !error.fields.empty()) return fail(std::move(error));
  CCP_TRY(const std::string name, body.str("name"));
  CCP_TRY(const auto made, keys.create(request.principal, name, scopes));
  auto response = Response::json(
      Json::object({{"api_key", keyJson(made.key)}, {"secret", made.secret}}), 201);
  response.noStore();
  return response;
}

}  // namespace

void addApiKeyRoutes(http::Router& router, ApiKeys& keys) {
  const auto options = [](const char* summary) {
    http::RouteOptions out;
    out.auth = http::Auth::client;
    out.max_body = 4096;
    out.summary = summary;
    return out;
  };
  router.get("/v1/org/api-keys", options("API keys of the organization"),
             [&keys](const Request& request) { return list(keys, request); });
  // Not replayed for an Idempotency-Key: the answer holds a secret that is stored nowhere.
  auto post = options("Make an API key; its secret is in this answer only");
  post.content_types = {"application/json"};
  router.post("/v1/org/api-keys", post,
              [&keys](const Request& request) { return create(keys, request); });
  router.add("DELETE", "/v1/org/api-keys/{id}", options("Revoke an API key, at once"),
             [&keys](const Request& request) -> Result<Response> {
               CCP_CHECK_OK(keys.revoke(request.principal, request.param("id")));
               return Response::empty(204);
             });
}

}  // namespace ccp::identity
