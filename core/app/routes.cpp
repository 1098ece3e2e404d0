#include "core/app/routes.hpp"

#include "core/admin/plugin_routes.hpp"
#include "core/admin/routes.hpp"
#include "core/admin/trust_routes.hpp"
#include "core/app/environment.hpp"
#include "core/app/health.hpp"
#include "core/app/openapi.hpp"
#include "core/billing/operator_routes.hpp"
#include "core/billing/catalog_routes.hpp"
#include "core/billing/routes.hpp"
#include "core/decisions/routes.hpp"
#include "core/exports/routes.hpp"
#include "core/http/assets.hpp"
#include "core/policies/routes.hpp"
#include "core/usage/routes.hpp"

namespace ccp::app {
namespace {

http::RouteOptions summary(const char* text) {
  http::RouteOptions options;
  options.summary = text;
  return options;
}

}  // namespace

void addPublicRoutes(http::Router& router, Graph& graph) {
  router.get("/", summary("To the dashboard"), [](const http::Request&) -> Result<http::Response> {
    return http::Response::redirect("/dashboard");
  });
  // clang-format off: every route on one screen
  http::addAssetRoutes(router);                               // /assets/{file}
  addOpenApiRoute(router, graph.settings.server.public_url);  // /openapi.json
  graph.identity->addRoutes(router);   // /oauth/*, /login*, /logout, /device*
  graph.licensing->addRoutes(router);  // /v1/license/*, /.well-known/*
  billing::addBillingRoutes(router,
                            *graph.billing);    // /v1/plans, /v1/billing/*, /webhooks/*, /billing/*
  billing::addBillingOperatorRoutes(router,
                                    *graph.billing);  // /v1/admin/billing/*, /v1/admin/webhooks*
  billing::addCatalogRoutes(router, *graph.billing, [&graph]() -> Result<config::PlanCatalog> {  // /v1/admin/plans/diff
    CCP_TRY(auto settings, config::loadSettings(graph.live->now()->files.front(), environment()));
    return std::move(settings.plans);
  });
  usage::addUsageRoutes(router, *graph.usage);  // /v1/ingest/*, /v1/dash/*, /dashboard
  policies::addRoutes(router, *graph.policies);  // /v1/policy/*, /v1/admin/policy/*
  decisions::addRoutes(router, *graph.decision_review);  // …/policy/decisions*, …/policy/replay
  exports::addRoutes(router, *graph.exports);   // /v1/admin/exports*
  admin::addRoutes(router, *graph.admin);       // /v1/admin/*
  admin::addPluginRoutes(router, *graph.plugins, *graph.plugin_trust, [&graph](const std::string& actor) -> Result<Json> {
    graph.policy_node->ask();
    if (graph.certificates) graph.certificates->ask();
    const auto report = graph.reloader->reload(actor);
    if (report.error) return fail(*report.error);
    return report.json();
  });
  admin::addTrustRoutes(router, *graph.plugin_trust);  // /v1/admin/plugins/trust*, …/versions
  // clang-format on
}

void addAdminListenerRoutes(http::Router& router, Graph& graph) {
  http::RouteOptions health = summary("The process answers");
  health.on_loop = true;
  router.get("/healthz", health,
             [](const http::Request&) -> Result<http::Response> {
               return http::Response::json(liveness());
             });
  router.get("/readyz", summary("The node can serve"),
             [&graph](const http::Request&) -> Result<http::Response> {
               const auto readiness = checkReadiness(graph);
               return http::Response::json(readiness.report, readiness.ready ? 200 : 503);
             });
  router.get("/metrics", summary("Prometheus text format"),
             [&graph](const http::Request&) -> Result<http::Response> {
               auto response = http::Response::text(graph.metrics.text());
               response.header("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
               return response;
             });
}

}  // namespace ccp::app
