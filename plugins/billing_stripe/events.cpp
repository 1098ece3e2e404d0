#include "events.hpp"

#include <algorithm>

#include "ccp/text.hpp"

namespace stripe {
namespace {

enum class Topic {
  subscription,   ///< the object is a subscription
  checkout,       ///< a checkout session
  paid,           ///< an invoice that was paid
  invoice,        ///< an invoice whose subscription has changed, or soon will
  refund,         ///< a charge
  dispute,        ///< a dispute
  customer,       ///< a customer
  of_a_customer,  ///< something that names its customer
  other
};

struct Known {
  std::string_view type;
  Topic topic;
};

constexpr std::array<Known, 36> kEvents = {{
    {"customer.subscription.created", Topic::subscription},
    {"customer.subscription.updated", Topic::subscription},
    {"customer.subscription.deleted", Topic::subscription},
    {"customer.subscription.paused", Topic::subscription},
    {"customer.subscription.resumed", Topic::subscription},
    {"customer.subscription.trial_will_end", Topic::subscription},
    {"customer.subscription.pending_update_applied", Topic::subscription},
    {"customer.subscription.pending_update_expired", Topic::subscription},
    {"checkout.session.completed", Topic::checkout},
    {"checkout.session.async_payment_succeeded", Topic::checkout},
    {"checkout.session.async_payment_failed", Topic::checkout},
    {"checkout.session.expired", Topic::checkout},
    {"invoice.paid", Topic::paid},
    {"invoice.payment_succeeded", Topic::paid},
    {"invoice.payment_failed", Topic::invoice},
    {"invoice.payment_action_required", Topic::invoice},
    {"invoice.finalization_failed", Topic::invoice},
    {"invoice.overdue", Topic::invoice},
    {"invoice.marked_uncollectible", Topic::invoice},
    {"invoice.voided", Topic::invoice},
    {"invoice.upcoming", Topic::other},
    {"charge.refunded", Topic::refund},
    {"charge.dispute.created", Topic::dispute},
    {"charge.dispute.updated", Topic::dispute},
    {"charge.dispute.closed", Topic::dispute},
    {"charge.dispute.funds_withdrawn", Topic::dispute},
    {"charge.dispute.funds_reinstated", Topic::dispute},
    {"customer.created", Topic::customer},
    {"customer.updated", Topic::customer},
    {"customer.deleted", Topic::customer},
    {"entitlements.active_entitlement_summary.updated", Topic::of_a_customer},
    {"subscription_schedule.updated", Topic::of_a_customer},
    {"subscription_schedule.released", Topic::of_a_customer},
    {"subscription_schedule.canceled", Topic::of_a_customer},
    {"v1.billing.meter.error_report_triggered", Topic::other},
    {"v1.billing.meter.no_meter_found", Topic::other},
}};

Topic topicOf(std::string_view type) {
  const auto found = std::find_if(kEvents.begin(), kEvents.end(),
                                  [type](const Known& known) { return known.type == type; });
  return found == kEvents.end() ? Topic::other : found->topic;
}

[[noreturn]] void refuse(const char* why) {
  throw ccp::Error::invalidArgument(std::string("the body is no event of Stripe: ") + why);
}

/// What a fetch has to say again when it has become an event of its own.
json fetchOf(const char* what, const json& out) {
  return {{"type", what},
          {"event_id", out["event_id"]},
          {"event_type", out["type"]},
          {"occurred_at", out["occurred_at"]},
          {"livemode", out["livemode"]}};
}

/// A whole snapshot, or the order to fetch one: a partial one could move the license the wrong way.
void addSubscription(json& out, const json& object) {
  const std::string id = word(object, "id");
  if (id.empty()) refuse("a subscription without its id");
  out["subscription_id"] = id;
  out["customer_id"] = idOf(object, "customer");
  json whole = snapshot(object);
  if (!whole.is_null()) {
    out["kind"] = "subscription";
    out["subscription"] = std::move(whole);
    return;
  }
  out["kind"] = "fetch";
  out["fetch"] = fetchOf("subscription", out);
  out["fetch"]["id"] = id;
}

void addInvoice(json& out, const json& object, bool paid) {
  const std::string subscription = subscriptionOfInvoice(object);
  out["customer_id"] = idOf(object, "customer");
  out["subscription_id"] = subscription;
  out["order_id"] = word(object, "id");
  if (paid) {
    out["kind"] = "payment";
    out["amount"] = money(object, "amount_paid");
  } else if (!subscription.empty()) {
    // How late it is, and what follows, stands in the subscription.
    out["kind"] = "fetch";
    out["fetch"] = fetchOf("subscription", out);
    out["fetch"]["id"] = subscription;
  }
}

void addMoneyBack(json& out, const json& object, const char* what, json amount,
                  const char* outcome) {
  const bool is_charge = std::string_view(what) == "refund";
  const std::string charge = is_charge ? word(object, "id") : idOf(object, "charge");
  if (charge.empty()) refuse("money that went back without its charge");
  out["kind"] = "fetch";
  out["customer_id"] = idOf(object, "customer");
  json fetch = fetchOf(what, out);
  fetch["charge"] = charge;
  fetch["payment_intent"] = idOf(object, "payment_intent");
  fetch["invoice"] = idOf(object, "invoice");  // until API version 2025-03-31
  fetch["customer_id"] = out["customer_id"];
  fetch["amount"] = std::move(amount);
  fetch["outcome"] = outcome;
  out["fetch"] = std::move(fetch);
}

void addDispute(json& out, const json& object) {
  const std::string status = word(object, "status");
  out["order_id"] = word(object, "id");
  const char* outcome = nullptr;
  if (status == "needs_response" || status == "under_review") outcome = "opened";
  if (status == "won" || status == "warning_closed" || status == "prevented") outcome = "won";
  if (status == "lost" || status == "charge_refunded") outcome = "lost";
  // An inquiry (warning_…) asks questions; no money has moved. It may become a dispute.
  if (outcome == nullptr) return;
  addMoneyBack(out, object, "dispute", money(object, "amount"), outcome);
}

void addCheckout(json& out, const json& object, bool failed) {
  json session = checkout(object, failed);
  if (session.is_null()) refuse("a checkout session without id or known status");
  out["kind"] = "checkout";
  out["customer_id"] = session["customer_id"];
  out["subscription_id"] = session["subscription_id"];
  out["checkout"] = std::move(session);
}

json thinEvent(const json& body, json out) {
  const std::string created = ccp::strOr(body, "created");
  if (const auto at = ccp::parseRfc3339(created)) out["occurred_at"] = ccp::formatRfc3339(*at);
  const json* about = ccp::member(body, "related_object");
  out["kind"] = "fetch";
  out["fetch"] = fetchOf("thin", out);
  if (about != nullptr && about->is_object()) {
    out["fetch"]["object_type"] = word(*about, "type");
    out["fetch"]["object_id"] = word(*about, "id");
  }
  return out;
}

}  // namespace

json event(const json& body) {
  const std::string id = word(body, "id"), type = word(body, "type");
  if (id.empty() || type.empty()) refuse("it needs \"id\" and \"type\"");
  json out = {{"event_id", id},
              {"type", type},
              {"kind", "ignored"},
              {"occurred_at", time(body, "created")},
              {"livemode", ccp::boolOr(body, "livemode")},
              {"customer_id", ""}};
  if (word(body, "object") == "v2.core.event") return thinEvent(body, std::move(out));
  const json* data = ccp::member(body, "data");
  const json* object = data == nullptr ? nullptr : ccp::member(*data, "object");
  if (object == nullptr || !object->is_object()) refuse("it needs an object \"data.object\"");
  // What happened in a connected account is not ours, whatever its ids say.
  if (!word(body, "account").empty()) return out;
  switch (topicOf(type)) {
    case Topic::subscription:
      addSubscription(out, *object);
      break;
    case Topic::checkout:
      addCheckout(out, *object, type == "checkout.session.async_payment_failed");
      break;
    case Topic::paid:
      addInvoice(out, *object, true);
      break;
    case Topic::invoice:
      addInvoice(out, *object, false);
      break;
    case Topic::refund:
      addMoneyBack(out, *object, "refund", money(*object, "amount_refunded"),
                   ccp::boolOr(*object, "refunded") ? "full" : "partial");
      break;
    case Topic::dispute:
      addDispute(out, *object);
      break;
    case Topic::customer:
      out["kind"] = "customer";
      out["customer_id"] = word(*object, "id");
      break;
    case Topic::of_a_customer:
      out["customer_id"] = idOf(*object, "customer");
      if (!out["customer_id"].get_ref<const std::string&>().empty()) out["kind"] = "customer";
      break;
    case Topic::other:
      break;
  }
  return out;
}

json fetchedSubscription(const json& subscription, const std::string& event_id, std::int64_t now_s,
                         bool livemode) {
  json whole = snapshot(subscription);
  if (whole.is_null())
    throw ccp::Error::provider(
        "Stripe answered with a subscription that lacks id, customer, status or price");
  const std::string id = ccp::strOr(whole, "id");
  return {{"event_id", event_id.empty() ? "fetched:" + id + ":" + std::to_string(now_s) : event_id},
          {"type", "customer.subscription.fetched"},
          {"kind", "subscription"},
          {"occurred_at", ccp::formatUnixSeconds(now_s)},
          {"livemode", livemode},
          {"customer_id", whole["customer_id"]},
          {"subscription_id", id},
          {"subscription", std::move(whole)}};
}

json resolvedMoneyBack(const json& fetch, const json& invoice, const std::string& customer_id) {
  const bool refund = ccp::strOr(fetch, "type") == "refund";
  const auto micros = ccp::parseRfc3339(ccp::strOr(fetch, "occurred_at"));
  std::string outcome = word(fetch, "outcome");
  if (refund && outcome == "full" && !invoice.is_null() &&
      !paysForThePlan(invoice, micros ? *micros / 1'000'000 : 0)) {
    outcome = "partial";
  }
  std::string customer = word(fetch, "customer_id");
  if (customer.empty()) customer = customer_id;
  if (customer.empty()) customer = idOf(invoice, "customer");
  const json* amount = ccp::member(fetch, "amount");
  return {{"event_id", word(fetch, "event_id")},
          {"type", word(fetch, "event_type")},
          {"kind", refund ? "refund" : "dispute"},
          {"occurred_at", micros ? json(ccp::formatRfc3339(*micros)) : json()},
          {"livemode", ccp::boolOr(fetch, "livemode")},
          {"customer_id", customer},
          {"subscription_id", subscriptionOfInvoice(invoice)},
          {"order_id", word(invoice, "id")},
          {"outcome", outcome},
          {"amount", amount == nullptr ? json() : *amount}};
}

std::vector<std::string_view> repairTypes(const json& kinds) {
  const auto wanted = [&kinds](const char* kind) {
    return !kinds.is_array() || kinds.empty() ||
           std::find(kinds.begin(), kinds.end(), json(kind)) != kinds.end();
  };
  const auto kindOf = [](Topic topic) {
    switch (topic) {
      case Topic::subscription:
        return "subscription";
      case Topic::checkout:
        return "checkout";
      case Topic::refund:
        return "refund";
      case Topic::dispute:
        return "dispute";
      default:
        return "customer";
    }
  };
  std::vector<std::string_view> out;
  for (const auto type : kRepairTypes) {
    if (wanted(kindOf(topicOf(type)))) out.push_back(type);
  }
  return out;
}

json ignoredEvent(const json& thin) {
  return {{"event_id", word(thin, "event_id")},
          {"type", word(thin, "event_type")},
          {"kind", "ignored"},
          {"occurred_at", nullptr},
          {"livemode", ccp::boolOr(thin, "livemode")},
          {"customer_id", ""}};
}

}  // namespace stripe
