// ccp.billing/1 payloads as typed values: pure, the one place that knows the JSON names.
#pragma once

#include "core/plugin/facades/billing_provider.hpp"

namespace ccp::plugin {

Json toJson(const SubscriptionChange& change);
Json toJson(const UsageRecord& record);
Result<ProviderOffer> offerFrom(const Json& json);
Json toJson(const CheckoutRequest& request);
/// `provider_error` when id or status is missing.
Result<Checkout> checkoutFrom(const Json& json);
/// {"events":[…]}
Result<std::vector<BillingEvent>> billingEventsFrom(const Json& json);

}  // namespace ccp::plugin
