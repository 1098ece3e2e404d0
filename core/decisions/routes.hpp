// /v1/policy/decisions*, /v1/policy/replay for organizations' owners and admins; the same below
// /v1/admin/policy for the operator, over every organization.
#pragma once

#include "core/decisions/review.hpp"
#include "core/http/router.hpp"

namespace ccp::decisions {

/// `review` must outlive the router.
void addRoutes(http::Router& router, const Review& review);

/// A record as the API and exporters show it.
Json decisionJson(const LoggedDecision& decision);

}  // namespace ccp::decisions
