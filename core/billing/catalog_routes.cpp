#include "core/billing/catalog_routes.hpp"

#include "core/config/catalog_check.hpp"
#include "core/http/operator_routes.hpp"

namespace ccp::billing {

namespace {

constexpr std::size_t kMaxCatalog = 1 << 20;

/// The catalog of the body, as `plans.yaml` would hold it.
Result<config::PlanCatalog> sentCatalog(const config::Settings& settings, const std::string& text) {
  config::CatalogNames names;
  for (const auto& instance : settings.plugins) names.instances.insert(instance.name);
  return config::parseCatalog(text, "plans.yaml", settings.plans.fallback, names);
}

}  // namespace

void addCatalogRoutes(http::Router& router, Feature& billing,
                      std::function<Result<config::PlanCatalog>()> on_disk) {
  auto options = http::operatorOnly("What a changed plan catalog does to existing customers");
  options.content_types.clear();  // YAML has many names, and curl sends none of them
  options.max_body = kMaxCatalog;
  router.post("/v1/admin/plans/diff", options,
              [&billing, on_disk = std::move(on_disk)](
                  const http::Request& request) -> Result<http::Response> {
                const auto settings = billing.catalog().settings();
                const bool sent = !request.body.empty();
                CCP_TRY(const auto wanted, sent ? sentCatalog(*settings, request.body) : on_disk());
                CCP_TRY(const auto use, billing.catalogUse());
                auto json = diffCatalogs(settings->plans, wanted, use).json();
                json.set("source", sent ? "body" : "disk");
                return http::Response::json(json).noStore();
              });
}

}  // namespace ccp::billing
