// Stripe's events as CCP's. Pure. Three kinds of bodies come: snapshot events (`object: "event"`)
// in the shape of the endpoint's API version, thin events (`object: "v2.core.event"`), and events
// that say less than the host needs; the last two become kind "fetch", whose `fetch` fetch_event
// takes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mapping.hpp"

namespace stripe {

/// One verified event. Types that are not in the table become kind "ignored": they are
/// acknowledged, never refused. INVALID_ARGUMENT: not an event at all.
json event(const json& body);

/// The event of a subscription that was asked for. `now_s`: when the question was asked; an answer
/// is as new as the question.
json fetchedSubscription(const json& subscription, const std::string& event_id, std::int64_t now_s,
                         bool livemode);

/// A refund or dispute whose invoice was looked up; `invoice` null when there is none.
json resolvedMoneyBack(const json& fetch, const json& invoice, const std::string& customer_id);

/// What fetch_event says when the object of a thin event needs nothing of the host.
json ignoredEvent(const json& thin);

/// What list_events asks for (Stripe takes 20 types), all or those of the kinds that the host
/// names.
std::vector<std::string_view> repairTypes(const json& kinds);
inline constexpr std::array<std::string_view, 16> kRepairTypes = {
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "customer.deleted"};

}  // namespace stripe
