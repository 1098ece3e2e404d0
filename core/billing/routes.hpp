// HTTP of billing: plans, checkout, portal, the provider's webhooks and the page after paying.
#pragma once

#include "core/billing/feature.hpp"
#include "core/http/router.hpp"

namespace ccp::billing {

/// `billing` must outlive the router.
void addBillingRoutes(http::Router& router, Feature& billing);
/// Part of addBillingRoutes.
void addChangeRoutes(http::Router& router, Feature& billing);

}  // namespace ccp::billing
