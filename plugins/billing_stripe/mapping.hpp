// Stripe's JSON as CCP's: subscriptions, checkout sessions, invoices, prices. Pure: values in,
// values out, no I/O, nothing kept. Old and new shapes of the objects are both read, because a
// payload has the shape of its endpoint's API version, and events of the past keep theirs:
// README.md. Failures throw ccp::Error; a status that nobody knows reads as "unknown".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ccp/json.hpp"

namespace stripe {

using ccp::json;

/// An id or a word of Stripe; longer texts than any id read as absent.
std::string word(const json& object, const char* key);
/// The id in a member that Stripe sends as a text or, expanded, as the whole object.
std::string idOf(const json& object, const char* key);
/// Unix seconds in CCP's form, or null.
json time(const json& object, const char* key);
/// {"amount_minor","currency"}, or null.
json money(const json& object, const char* amount_key, const char* currency_key = "currency");

/// The whole subscription in CCP's form, or null when a member is missing without which the license
/// state could be wrong (id, customer, status, an item with its price). `past_due_at` is known only
/// when `latest_invoice` is expanded; `modified_at` is null always: Stripe has no such thing.
json snapshot(const json& subscription);

/// {"id","url","status","customer_id","subscription_id"}, or null without an id or a known status.
/// `failed`: the payment of a completed session failed later, which only an event says.
json checkout(const json& session, bool failed = false);

/// The subscription that an invoice is for; empty for other invoices.
std::string subscriptionOfInvoice(const json& invoice);
/// Whether money back for this invoice takes the plan back: it paid for a period of the plan, and
/// that period was not over at `at_s`. Prorations, used units and past periods do not count.
bool paysForThePlan(const json& invoice, std::int64_t at_s);

/// What one price sells: {"product_id","price_id","name","amount","interval","archived"}.
json price(const json& price);

}  // namespace stripe
