// The sandbox provider's JSON as CCP's, and its webhooks. Pure: values in, values out.
// Failures throw ccp::Error; a status that nobody knows reads as "unknown".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ccp/json.hpp"
#include "ccp/standard_webhooks.hpp"

namespace sandbox_billing {

using ccp::json;

/// The whole subscription, or null when id, customer, status or a product is missing.
json snapshot(const json& subscription);
/// {"id","url","status","customer_id","subscription_id"}, or null.
json checkout(const json& in);
/// One event of the provider as CCP's; thin ones become kind "fetch". INVALID_ARGUMENT: no event.
json event(const json& body);

/// Returns when the webhook is genuine; throws signature_invalid or signature_stale. `mac` computes
/// the MAC of a message under the configured secret (base64 after `whsec_`).
void verifyWebhook(const ccp::webhooks::HeaderList& headers, std::string_view body,
                   std::int64_t now_s, const std::function<std::string(std::string_view)>& mac);
/// {"events":[…]}; the event's id must be the signed header's.
json parseWebhook(const ccp::webhooks::HeaderList& headers, std::string_view body);

}  // namespace sandbox_billing
