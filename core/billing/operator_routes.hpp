// /v1/admin/billing/* and /v1/admin/webhooks/*: the operator's view of billing. Parse, call one
// service, render.
#pragma once

#include "core/billing/feature.hpp"
#include "core/http/router.hpp"

namespace ccp::billing {

void addBillingOperatorRoutes(http::Router& router, Feature& billing);

}  // namespace ccp::billing
