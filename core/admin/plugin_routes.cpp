#include "core/admin/plugin_routes.hpp"

#include <utility>

#include "core/http/operator_routes.hpp"

namespace ccp::admin {
namespace {

constexpr std::size_t kMaxReason = 500;

/// {"reason"?}; the body may be left out.
Result<std::string> reasonOf(const http::Request& request) {
  if (request.body.empty()) return std::string();
  CCP_TRY(const Json body, request.json());
  std::string reason = body.strOr("reason");
  if (reason.size() > kMaxReason) return fail(Errc::validation_failed, "Field \"reason\" must have at most 500 bytes.");
  return reason;
}

/// What was asked for cannot be done as things are. That is no fault of the server, whatever the cause
/// would be at start.
tl::unexpected<Error> refused(Error error) {
  if (error.httpStatus() == 500) error.code = Errc::conflict;
  return tl::unexpected<Error>(std::move(error));
}

using Deed = std::function<Result<plugin::Change>(const std::string& name, const std::string& actor, const std::string& reason)>;

http::Handler changing(plugin::PluginHost& plugins, Deed deed) {
  return [&plugins, deed = std::move(deed)](const http::Request& request) -> Result<http::Response> {
    CCP_TRY(const auto reason, reasonOf(request));
    auto change = deed(request.param("name"), request.principal.actor(), reason);
    if (!change) return refused(std::move(change).error());
    CCP_TRY(auto now, plugins.inspect(request.param("name")));
    return http::Response::json(Json::object({{"change", change->json()}, {"plugin", std::move(now)}})).noStore();
  };
}

}  // namespace

void addPluginRoutes(http::Router& router, plugin::PluginHost& plugins, plugin::TrustAdmin& trust, Reload reload) {
  router.get("/v1/admin/plugins/{name}", http::operatorOnly("A plugin instance: manifest, permissions, process, operations"),
             [&plugins, &trust](const http::Request& request) -> Result<http::Response> {
               CCP_TRY(auto plugin, plugins.inspect(request.param("name")));
               CCP_TRY(const auto problems, trust.problemsOf({plugin.strOr("trust")}));
               plugin.set("trust_problem", problems.at(plugin.strOr("trust")));
               return http::Response::json(Json::object({{"plugin", std::move(plugin)}})).noStore();
             });
  router.get("/v1/admin/plugins/{name}/health", http::operatorOnly("Ask a plugin instance how it is"),
             [&plugins](const http::Request& request) -> Result<http::Response> {
               CCP_TRY(auto health, plugins.health(request.param("name")));
               return http::Response::json(Json::object({{"health", std::move(health)}})).noStore();
             });
  router.post("/v1/admin/plugins/{name}/swap", http::operatorOnly("Replace a plugin instance by a new one, its package read again"),
              changing(plugins, [&plugins](const std::string& name, const std::string& actor, const std::string& reason) {
                return plugins.swap(name, actor, reason);
              }));
  router.post("/v1/admin/plugins/{name}/drain", http::operatorOnly("Take a plugin instance out of service until it is swapped"),
              changing(plugins, [&plugins](const std::string& name, const std::string& actor, const std::string& reason) {
                return plugins.drain(name, actor, reason);
              }));
  router.post("/v1/admin/reload", http::operatorOnly("Apply the configuration as it is on disk"),
              [reload = std::move(reload)](const http::Request& request) -> Result<http::Response> {
                auto report = reload(request.principal.actor());
                if (!report) return refused(std::move(report).error());
                return http::Response::json(Json::object({{"reload", std::move(*report)}})).noStore();
              });
}

}  // namespace ccp::admin
