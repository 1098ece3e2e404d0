// Polar's JSON as CCP's: subscriptions, checkouts, webhook events, benefits, the catalog. Pure:
// values in, values out, no I/O, nothing kept. What Polar may send, and in which order: README.md.
// Failures throw ccp::Error; a status that nobody knows reads as "unknown".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ccp/json.hpp"

namespace polar {

using ccp::json;

/// A lower-case UUID, which is what every id of Polar is.
bool isUuid(std::string_view text);

/// The whole subscription in CCP's form, or null when a member is missing without which the license
/// state could be wrong (id, customer, product, status). `fallback_time` stands for a `modified_at`
/// that Polar leaves null until the first change.
json snapshot(const json& subscription, std::string_view fallback_time);

/// {"id","url","status","customer_id","subscription_id"}, or null without an id or a known status.
json checkout(const json& in);

/// One verified webhook as the event that the host acts on. `event_id` is the header `webhook-id`.
/// Types that are not in Polar's table become kind "ignored": they are acknowledged, never refused.
/// INVALID_ARGUMENT: not an event at all.
json event(const json& body, const std::string& event_id, bool livemode);

/// What list_events makes of a refund or dispute of Polar's lists: kind "fetch", because full or
/// partial, and whose it is, stand in the order. Empty when nothing has happened (yet); a dispute
/// that is closed says that it was opened as well.
json listedRefund(const json& refund, bool livemode);
json listedDispute(const json& dispute, bool livemode);
/// The event of such a fetch. `latest_refund_id`: the newest refund of the order; only that one can
/// have made it whole.
json resolvedMoneyBack(const json& fetch, const json& order, std::string_view latest_refund_id);
/// When it happened or changed last, in microseconds; 0 when Polar does not say.
std::int64_t changedAt(const json& object);

/// What a product sells: [{"product_id","price_id","name","amount","interval","archived"}].
json prices(const json& product);

/// Feature codes that Polar's feature_flag benefits grant, from a customer state; the operator
/// compares them with the plan catalog.
json grantedFeatures(const json& customer_state);

}  // namespace polar
