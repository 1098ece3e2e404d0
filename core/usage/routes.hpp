// HTTP routes of the usage feature: ingest, dashboard data, the dashboard page.
#pragma once

#include "core/http/router.hpp"
#include "core/usage/service.hpp"

namespace ccp::usage {

/// `service` must outlive the router.
void addUsageRoutes(http::Router& router, UsageService& service);

}  // namespace ccp::usage
