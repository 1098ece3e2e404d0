#include "core/admin/trust_routes.hpp"

#include "core/http/operator_routes.hpp"
#include "core/package/trust/verify.hpp"

namespace ccp::admin {
namespace {

constexpr std::size_t kMaxReason = 500;

Result<std::string> reasonOf(const Json& body, bool required) {
  if (!required && !body.find("reason")) return std::string();
  CCP_TRY(auto reason, body.str("reason"));
  if (reason.empty() || reason.size() > kMaxReason) return fail(Errc::validation_failed, "Field \"reason\" must have 1 to 500 bytes.");
  return reason;
}

Json render(const plugin::TrustRow& row, Timestamp now) {
  Json out = row.key.json(now);
  out.set("added_by", row.added_by);
  out.set("added_at", formatRfc3339(row.added_at));
  out.set("updated_at", formatRfc3339(row.updated_at));
  out.set("revoked_by", row.revoked_by);
  return out;
}

Json render(const plugin::VersionFloor& floor) {
  return Json::object({{"plugin", floor.plugin}, {"version", floor.version}, {"updated_by", floor.updated_by}, {"updated_at", formatRfc3339(floor.updated_at)}});
}

}  // namespace

void addTrustRoutes(http::Router& router, plugin::TrustAdmin& trust) {
  router.get("/v1/admin/plugins/trust", http::operatorOnly("Keys that may sign plugins, and the highest versions seen"),
             [&trust](const http::Request&) -> Result<http::Response> {
               CCP_TRY(const auto vendor, plugin::TrustStore::vendorOfThisBuild());
               CCP_TRY(const auto all, trust.overview());
               Json keys = Json::array(), versions = Json::array();
               for (const auto& row : all.keys) keys.push(render(row, all.at));
               for (const auto& floor : all.floors) versions.push(render(floor));
               return http::Response::json(Json::object({{"vendor", Json::object({{"kid", vendor.thumbprint()}, {"prefix", plugin::kVendorPrefix}})},
                                                         {"keys", std::move(keys)},
                                                         {"versions", std::move(versions)}}))
                   .noStore();
             });
  router.post("/v1/admin/plugins/trust", http::operatorOnly("Trust a key to sign plugins, or replace what it is trusted with"),
              [&trust](const http::Request& request) -> Result<http::Response> {
                CCP_TRY(const auto body, request.json());
                CCP_TRY(const auto key, plugin::parseTrustedKey(body));
                CCP_TRY(const auto row, trust.trust(key, request.principal.actor()));
                return http::Response::json(Json::object({{"key", render(row, row.updated_at)}})).noStore();
              });
  router.post("/v1/admin/plugins/trust/{kid}/revoke", http::operatorOnly("Trust a key no more, for good"),
              [&trust](const http::Request& request) -> Result<http::Response> {
                CCP_TRY(const auto body, request.json());
                CCP_TRY(const auto reason, reasonOf(body, true));
                CCP_TRY(const auto row, trust.revoke(request.param("kid"), reason, request.principal.actor()));
                return http::Response::json(Json::object({{"key", render(row, row.updated_at)}})).noStore();
              });
  router.post("/v1/admin/plugins/versions", http::operatorOnly("Let an older version of a plugin load again"),
              [&trust](const http::Request& request) -> Result<http::Response> {
                CCP_TRY(const auto body, request.json());
                CCP_TRY(const auto plugin, body.str("plugin"));
                CCP_TRY(const auto version, body.str("version"));
                CCP_TRY(const auto reason, reasonOf(body, false));
                CCP_TRY(const auto floor, trust.allowRollback(plugin, version, reason, request.principal.actor()));
                return http::Response::json(Json::object({{"version", render(floor)}})).noStore();
              });
}

}  // namespace ccp::admin
