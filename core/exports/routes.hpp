// /v1/admin/exports: operator key only.
#pragma once

#include "core/exports/service.hpp"
#include "core/http/router.hpp"

namespace ccp::exports {

/// `exports` must outlive the router.
void addRoutes(http::Router& router, Exports& exports);

/// One lane as the operator API shows it.
Json laneJson(const LaneReport& report);

}  // namespace ccp::exports
