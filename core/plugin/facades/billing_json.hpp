// ccp.billing/1 payloads as typed values: pure, the one place that knows the JSON names.
#pragma once

#include "core/plugin/facades/billing_provider.hpp"

namespace ccp::plugin {

Json toJson(const SubscriptionChange& change);
Json toJson(const UsageRecord& record);
Result<ProviderOffer> offerFrom(const Json& json);
Json toJson(const CheckoutRequest& request);
/// `provider_error` when id or status is missing, or its address is none for a browser.
Result<Checkout> checkoutFrom(const Json& json);
/// An address that a person's browser may be sent to: http or https, with a host, without a name and
/// password, without characters that end a header or a command. Else `provider_error`.
Result<std::string> pageUrl(std::string url);
/// {"events":[…]}
Result<std::vector<BillingEvent>> billingEventsFrom(const Json& json);

}  // namespace ccp::plugin
