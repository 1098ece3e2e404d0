// /v1/admin/plugins/trust and /v1/admin/plugins/versions: whose plugins may run here. Operator key only.
#pragma once

#include "core/http/router.hpp"
#include "core/plugin/trust_admin.hpp"

namespace ccp::admin {

/// `trust` must outlive the router.
void addTrustRoutes(http::Router& router, plugin::TrustAdmin& trust);

}  // namespace ccp::admin
