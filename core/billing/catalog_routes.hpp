// POST /v1/admin/plans/diff: what a changed catalog does to existing customers before it is applied.
#pragma once

#include <functional>

#include "core/billing/feature.hpp"
#include "core/http/router.hpp"

namespace ccp::billing {

/// `on_disk` reads the catalog that a reload would apply: what an empty body is compared with. `billing`
/// must outlive the router.
void addCatalogRoutes(http::Router& router, Feature& billing,
                      std::function<Result<config::PlanCatalog>()> on_disk);

}  // namespace ccp::billing
