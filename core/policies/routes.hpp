// /v1/policy/*: the sets of the caller's organization, and the operator's to read. /v1/admin/policy/*: the
// operator's set. Decisions and replay are core/decisions'.
#pragma once

#include "core/http/router.hpp"
#include "core/policies/feature.hpp"

namespace ccp::policies {

/// `feature` must outlive the router.
void addRoutes(http::Router& router, Feature& feature);

}  // namespace ccp::policies
