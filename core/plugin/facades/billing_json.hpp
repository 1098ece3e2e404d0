// ccp.billing/1 payloads as typed values: pure, the one place that knows the JSON names.
#pragma once

#include "core/plugin/facades/billing_provider.hpp"

namespace ccp::plugin {

Json toJson(const CheckoutRequest& request);
/// `provider_error` when id or status is missing.
Result<Checkout> checkoutFrom(const Json& json);
Result<BillingEvent> billingEventFrom(const Json& json);
/// {"events":[…]}
Result<std::vector<BillingEvent>> billingEventsFrom(const Json& json);

}  // namespace ccp::plugin
