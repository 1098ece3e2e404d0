#include "core/admin/routes.hpp"

#include "core/http/operator_routes.hpp"
#include "core/http/page_limit.hpp"

namespace ccp::admin {
namespace {

constexpr int kPageDefault = 50;
constexpr int kPageMax = 200;

/// A required, trimmed text of at most `max` bytes.
Result<std::string> textField(const Json& body, std::string_view key, std::size_t max) {
  CCP_TRY(auto value, body.str(key));
  if (value.empty() || value.size() > max) {
    return fail(Errc::validation_failed, "Field \"" + std::string(key) + "\" must have 1 to " + std::to_string(max) + " bytes.");
  }
  return value;
}

Json render(const AdminService::OrgView& view) {
  return Json::object({{"id", view.org.id}, {"name", view.org.name}, {"created_at", formatRfc3339(view.org.created_at)},
                       {"license_state", view.license_state}, {"plan", view.plan}});
}

Json render(const AdminService::LicenseView& view) {
  const auto& decision = view.license.decision;
  Json features = Json::array();
  for (const auto& feature : view.entitlements.features) features.push(feature);
  const char* admin = view.license.admin == licensing::AdminOverride::none ? "none"
                      : view.license.admin == licensing::AdminOverride::suspended ? "suspended" : "revoked";
  return Json::object({{"license", Json::object({{"id", view.license.id},
                                                 {"org", view.license.org},
                                                 {"state", licensing::toString(decision.state)},
                                                 {"version", static_cast<long long>(view.license.version)},
                                                 {"plan", decision.plan},
                                                 {"plan_title", view.entitlements.plan_title},
                                                 {"features", std::move(features)},
                                                 {"limits", view.entitlements.limits},
                                                 {"privacy", decision.privacy},
                                                 {"seats", Json::object({{"used", static_cast<long long>(view.seats_used)}, {"total", static_cast<long long>(decision.seats)}})},
                                                 {"reason", decision.reason},
                                                 {"ends_at", decision.ends_at ? Json(formatRfc3339(*decision.ends_at)) : Json()},
                                                 {"admin_override", admin},
                                                 {"admin_reason", view.license.admin_reason},
                                                 {"notice", view.entitlements.notice},
                                                 {"updated_at", formatRfc3339(view.license.updated_at)}})}});
}

Json render(const licensing::KeyInfo& key) {
  return Json::object({{"kid", key.kid}, {"use", key.use}, {"state", key.state}, {"not_before_at", formatRfc3339(key.not_before_at)}});
}

http::Handler overrideHandler(AdminService& service, licensing::AdminOverride value, bool needs_reason) {
  return [&service, value, needs_reason](const http::Request& request) -> Result<http::Response> {
    CCP_TRY(const auto body, request.json());
    auto reason = body.strOr("reason");
    if (needs_reason || !reason.empty()) {
      CCP_TRY(reason, textField(body, "reason", 500));
    }
    CCP_TRY(const auto view, service.overrideLicense(request.param("org"), value, reason, request.principal.actor()));
    return http::Response::json(render(view)).noStore();
  };
}

void addOrgRoutes(http::Router& router, AdminService& service) {
  router.post("/v1/admin/orgs", http::operatorOnly("Make an organization with its owner"), [&service](const http::Request& request) -> Result<http::Response> {
    CCP_TRY(const auto body, request.json());
    CCP_TRY(const auto name, textField(body, "name", 100));
    CCP_TRY(const auto owner, textField(body, "owner", 254));
    CCP_TRY(const auto view, service.createOrg(name, owner, request.principal.actor()));
    return http::Response::json(Json::object({{"org", render(view)}}), 201).noStore();
  });
  router.get("/v1/admin/orgs", http::operatorOnly("List organizations"), [&service](const http::Request& request) -> Result<http::Response> {
    CCP_TRY(const int limit, http::pageLimit(request, kPageDefault, kPageMax));
    CCP_TRY(const auto page, service.listOrgs(request.query.getOr("cursor"), limit));
    Json items = Json::array();
    for (const auto& item : page.items) items.push(render(item));
    return http::Response::json(Json::object({{"orgs", std::move(items)}, {"next_cursor", page.next_cursor.empty() ? Json() : Json(page.next_cursor)}})).noStore();
  });
  router.get("/v1/admin/orgs/{org}/license", http::operatorOnly("An organization's license"), [&service](const http::Request& request) -> Result<http::Response> {
    CCP_TRY(const auto view, service.license(request.param("org")));
    return http::Response::json(render(view)).noStore();
  });
  using licensing::AdminOverride;
  router.post("/v1/admin/orgs/{org}/license/suspend", http::operatorOnly("Suspend a license"), overrideHandler(service, AdminOverride::suspended, true));
  router.post("/v1/admin/orgs/{org}/license/revoke", http::operatorOnly("Revoke a license"), overrideHandler(service, AdminOverride::revoked, true));
  router.post("/v1/admin/orgs/{org}/license/resume", http::operatorOnly("Let billing decide again"), overrideHandler(service, AdminOverride::none, false));
}

void addServerRoutes(http::Router& router, AdminService& service) {
  router.get("/v1/admin/plugins", http::operatorOnly("Plugin instances and their state"), [&service](const http::Request&) -> Result<http::Response> {
    CCP_TRY(auto plugins, service.plugins());
    return http::Response::json(Json::object({{"plugins", std::move(plugins)}})).noStore();
  });
  router.get("/v1/admin/doctor", http::operatorOnly("What is well and what is not"), [&service](const http::Request&) -> Result<http::Response> {
    return http::Response::json(Json::object({{"parts", service.doctor()}})).noStore();
  });
  router.get("/v1/admin/keys", http::operatorOnly("Signing keys"), [&service](const http::Request&) -> Result<http::Response> {
    Json keys = Json::array();
    for (const auto& key : service.keys()) keys.push(render(key));
    return http::Response::json(Json::object({{"keys", std::move(keys)}})).noStore();
  });
  router.post("/v1/admin/keys/rotate", http::operatorOnly("Publish a new signing key"), [&service](const http::Request& request) -> Result<http::Response> {
    CCP_TRY(const auto body, request.json());
    CCP_TRY(const auto use, textField(body, "use", 20));
    CCP_TRY(const auto key, service.rotateKey(use, request.principal.actor()));
    return http::Response::json(Json::object({{"key", render(key)}})).noStore();
  });
  router.post("/v1/admin/keys/{kid}/compromise", http::operatorOnly("Drop a signing key at once"), [&service](const http::Request& request) -> Result<http::Response> {
    CCP_TRY(const auto body, request.json());
    CCP_TRY(const auto reason, textField(body, "reason", 500));
    CCP_CHECK_OK(service.compromiseKey(request.param("kid"), reason, request.principal.actor()));
    return http::Response::json(Json::object({{"compromised", request.param("kid")}})).noStore();
  });
  router.post("/v1/admin/devices/{sid}/revoke", http::operatorOnly("Revoke one device's session"), [&service](const http::Request& request) -> Result<http::Response> {
    CCP_TRY(const auto body, request.json());
    CCP_TRY(const auto reason, textField(body, "reason", 500));
    CCP_TRY(const auto device, service.revokeDevice(request.param("sid"), reason, request.principal.actor()));
    return http::Response::json(Json::object({{"device", Json::object({{"id", device.id}, {"org", device.org}, {"sid", device.sid}, {"state", device.state}})}})).noStore();
  });
  router.get("/v1/admin/audit", http::operatorOnly("The audit log, newest first"), [&service](const http::Request& request) -> Result<http::Response> {
    CCP_TRY(const int limit, http::pageLimit(request, kPageDefault, kPageMax));
    CCP_TRY(const auto rows, service.audit(request.query.getOr("org"), request.query.getOr("cursor"), limit));
    Json items = Json::array();
    for (const auto& row : rows) {
      items.push(Json::object({{"id", row.id}, {"org", row.org.empty() ? Json() : Json(row.org)}, {"at", formatRfc3339(row.at)}, {"actor", row.actor},
                               {"action", row.action}, {"subject", row.subject}, {"before", row.before}, {"after", row.after}, {"reason", row.reason}}));
    }
    const bool more = rows.size() == static_cast<std::size_t>(limit);
    return http::Response::json(Json::object({{"entries", std::move(items)}, {"next_cursor", more ? Json(rows.back().id) : Json()}})).noStore();
  });
}

}  // namespace

void addRoutes(http::Router& router, AdminService& service) {
  addOrgRoutes(router, service);
  addServerRoutes(router, service);
}

}  // namespace ccp::admin
