// /v1/admin/*: operator key only.
#pragma once

#include "core/admin/service.hpp"
#include "core/http/router.hpp"

namespace ccp::admin {

/// `service` must outlive the router.
void addRoutes(http::Router& router, AdminService& service);

}  // namespace ccp::admin
