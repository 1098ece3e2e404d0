#include "mapping.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "ccp/text.hpp"

namespace polar {
namespace {

constexpr std::size_t kMaxId = 200;
/// JSON readers agree on integers within ±2^53 only.
constexpr std::int64_t kMaxMinor = std::int64_t{1} << 53;

/// An id or a word; longer texts than any id read as absent.
std::string word(const json& object, const char* key) {
  std::string text = ccp::strOr(object, key);
  return text.size() <= kMaxId ? text : std::string();
}

/// A time in CCP's form, or null.
json time(const json& object, const char* key) {
  const auto text = ccp::optStr(object, key);
  if (!text) return nullptr;
  const auto micros = ccp::parseRfc3339(*text);
  return micros ? json(ccp::formatRfc3339(*micros)) : json();
}

std::optional<std::int64_t> minorUnits(const json& object, const char* key) {
  const auto value = ccp::optInt(object, key);
  if (!value || *value > kMaxMinor || *value < -kMaxMinor) return std::nullopt;
  return value;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

json money(const json& object, const char* amount_key, const char* currency_key) {
  const auto amount = minorUnits(object, amount_key);
  const std::string currency = upper(word(object, currency_key));
  if (!amount || currency.size() != 3) return nullptr;
  return {{"amount_minor", *amount}, {"currency", currency}};
}

std::string knownStatus(const std::string& status) {
  constexpr std::array<std::string_view, 8> kStatuses = {
      "incomplete", "incomplete_expired", "trialing", "active",
      "past_due",   "canceled",           "unpaid",   "paused"};
  return std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end() ? status
                                                                                  : "unknown";
}

/// The price that the subscription was bought at: metered prices come on top of it.
std::string priceId(const json& subscription) {
  const json* prices = ccp::member(subscription, "prices");
  if (prices == nullptr || !prices->is_array()) return {};
  std::string first;
  for (const auto& price : *prices) {
    const std::string id = word(price, "id");
    if (first.empty()) first = id;
    if (word(price, "amount_type") != "metered_unit" && !id.empty()) return id;
  }
  return first;
}

enum class Topic {
  subscription,
  order_paid,
  order_refunded,
  refund,
  checkout,
  customer,
  benefit_grant,
  seat,
  other
};

struct Known {
  std::string_view type;
  Topic topic;
};

// The whole table of Polar (41 types), and `migrated`, which its newer SDK knows.
constexpr std::array<Known, 42> kEvents = {{
    {"checkout.created", Topic::checkout},
    {"checkout.updated", Topic::checkout},
    {"checkout.expired", Topic::checkout},
    {"customer.created", Topic::customer},
    {"customer.updated", Topic::customer},
    {"customer.deleted", Topic::customer},
    {"customer.state_changed", Topic::customer},
    {"customer_seat.assigned", Topic::seat},
    {"customer_seat.claimed", Topic::seat},
    {"customer_seat.revoked", Topic::seat},
    {"member.created", Topic::other},
    {"member.updated", Topic::other},
    {"member.deleted", Topic::other},
    {"order.created", Topic::other},
    {"order.updated", Topic::other},
    {"order.paid", Topic::order_paid},
    {"order.refunded", Topic::order_refunded},
    {"subscription.created", Topic::subscription},
    {"subscription.updated", Topic::subscription},
    {"subscription.active", Topic::subscription},
    {"subscription.canceled", Topic::subscription},
    {"subscription.uncanceled", Topic::subscription},
    {"subscription.cycled", Topic::subscription},
    {"subscription.revoked", Topic::subscription},
    {"subscription.past_due", Topic::subscription},
    {"subscription.paused", Topic::subscription},
    {"subscription.resumed", Topic::subscription},
    {"subscription.migrated", Topic::subscription},
    {"refund.created", Topic::refund},
    {"refund.updated", Topic::refund},
    {"product.created", Topic::other},
    {"product.updated", Topic::other},
    {"discount.created", Topic::other},
    {"discount.updated", Topic::other},
    {"discount.deleted", Topic::other},
    {"benefit.created", Topic::other},
    {"benefit.updated", Topic::other},
    {"benefit_grant.created", Topic::benefit_grant},
    {"benefit_grant.cycled", Topic::benefit_grant},
    {"benefit_grant.updated", Topic::benefit_grant},
    {"benefit_grant.revoked", Topic::benefit_grant},
    {"organization.updated", Topic::other},
}};

Topic topicOf(std::string_view type) {
  const auto found = std::find_if(kEvents.begin(), kEvents.end(),
                                  [type](const Known& known) { return known.type == type; });
  return found == kEvents.end() ? Topic::other : found->topic;
}

json fetchOf(const char* what, const std::string& id) {
  return {{"type", what}, {"id", id}};
}

/// A whole snapshot, or the order to fetch one: a partial one could move the license the wrong way.
void addSubscription(json& out, const json& data, const std::string& timestamp) {
  const std::string id = word(data, "id");
  json whole = snapshot(data, timestamp);
  out["subscription_id"] = id;
  if (!whole.is_null()) {
    out["kind"] = "subscription";
    out["subscription"] = std::move(whole);
  } else if (isUuid(id)) {
    out["kind"] = "fetch";
    out["fetch"] = fetchOf("subscription", id);
  } else {
    throw ccp::Error::invalidArgument("a subscription event without the subscription's id");
  }
}

/// "full" when the order went back and was paid for the plan. Money back for used units or for a
/// change within a period is no refund of the plan.
const char* refundOutcome(const json& order) {
  const std::string status = word(order, "status"), reason = word(order, "billing_reason");
  bool full = status == "refunded";
  if (status != "refunded" && status != "partially_refunded") {
    const auto refunded_amount = minorUnits(order, "refunded_amount"),
               net = minorUnits(order, "net_amount");
    full = refunded_amount && net && *net > 0 && *refunded_amount >= *net;
  }
  if (reason == "subscription_meter_cycle" || reason == "subscription_update") full = false;
  return full ? "full" : "partial";
}

/// "" for what is no dispute: a warning, or one that was prevented by paying back.
std::string disputeOutcome(const std::string& status) {
  if (status == "won" || status == "lost") return status;
  if (status == "early_warning" || status == "prevented") return {};
  return "opened";
}

void addOrder(json& out, const json& data, bool refunded) {
  out["subscription_id"] = word(data, "subscription_id");
  out["order_id"] = word(data, "id");
  if (!refunded) {
    out["kind"] = "payment";
    out["amount"] = money(data, "total_amount", "currency");
    return;
  }
  out["kind"] = "refund";
  out["amount"] = money(data, "refunded_amount", "currency");
  out["outcome"] = refundOutcome(data);
}

void addRefund(json& out, const json& data) {
  out["subscription_id"] = word(data, "subscription_id");
  const json* dispute = ccp::member(data, "dispute");
  // order.refunded tells full from partial and comes with every refund; only a dispute adds to it.
  const std::string outcome =
      dispute == nullptr ? std::string() : disputeOutcome(word(*dispute, "status"));
  if (outcome.empty()) return;
  out["kind"] = "dispute";
  out["amount"] = money(*dispute, "amount", "currency");
  out["outcome"] = outcome;
}

/// Whose a seat is says `customer_id` only since seats have members; before it named who sits
/// there.
void addSeat(json& out, const json& data) {
  const std::string subscription = word(data, "subscription_id");
  out["subscription_id"] = subscription;
  if (!word(data, "member_id").empty() && !word(data, "customer_id").empty()) {
    out["kind"] = "customer";
    return;
  }
  out["customer_id"] = "";
  if (!isUuid(subscription)) return;
  out["kind"] = "fetch";
  out["fetch"] = fetchOf("subscription", subscription);
}

json listed(const json& object, const char* what, const std::string& event_id, std::int64_t at,
            bool livemode) {
  json out = {{"event_id", event_id},
              {"type", std::string(what) + ".listed"},
              {"kind", "fetch"},
              {"occurred_at", at > 0 ? json(ccp::formatRfc3339(at)) : json()},
              {"livemode", livemode},
              {"customer_id", word(object, "customer_id")},
              {"subscription_id", word(object, "subscription_id")}};
  out["fetch"] = {{"type", what},
                  {"id", word(object, "id")},
                  {"order_id", word(object, "order_id")},
                  {"event_id", event_id},
                  {"occurred_at", out["occurred_at"]},
                  {"livemode", livemode},
                  {"amount", money(object, "amount", "currency")}};
  return out;
}

}  // namespace

bool isUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !digit) return false;
  }
  return true;
}

json snapshot(const json& subscription, std::string_view fallback_time) {
  const std::string id = word(subscription, "id"), customer_id = word(subscription, "customer_id"),
                    product_id = word(subscription, "product_id"),
                    status = word(subscription, "status");
  if (id.empty() || customer_id.empty() || product_id.empty() || status.empty()) return nullptr;
  json modified_at = time(subscription, "modified_at");
  if (modified_at.is_null()) {
    const auto micros = ccp::parseRfc3339(fallback_time);
    if (micros) modified_at = ccp::formatRfc3339(*micros);
  }
  json ends_at = time(subscription, "ends_at");
  if (ends_at.is_null()) ends_at = time(subscription, "ended_at");
  const std::int64_t seats = ccp::intOr(subscription, "seats", 1);
  return {{"id", id},
          {"customer_id", customer_id},
          {"status", knownStatus(status)},
          {"product_id", product_id},
          {"price_id", priceId(subscription)},
          {"quantity", seats >= 1 && seats <= 1'000'000 ? seats : 1},
          {"amount", money(subscription, "amount", "currency")},
          {"period_start_at", time(subscription, "current_period_start")},
          {"period_end_at", time(subscription, "current_period_end")},
          {"trial_end_at", time(subscription, "trial_end")},
          {"cancel_at_period_end", ccp::boolOr(subscription, "cancel_at_period_end")},
          {"ends_at", std::move(ends_at)},
          {"past_due_at", time(subscription, "past_due_at")},
          {"paused_at", time(subscription, "paused_at")},
          {"resumes_at", time(subscription, "resumes_at")},
          {"modified_at", std::move(modified_at)}};
}

json checkout(const json& in) {
  const std::string id = word(in, "id"), status = word(in, "status");
  constexpr std::array<std::string_view, 5> kStatuses = {"open", "expired", "confirmed",
                                                         "succeeded", "failed"};
  if (id.empty() || std::find(kStatuses.begin(), kStatuses.end(), status) == kStatuses.end())
    return nullptr;
  return {{"id", id},
          {"url", ccp::strOr(in, "url").substr(0, 4096)},
          {"status", status},
          {"customer_id", word(in, "customer_id")},
          {"subscription_id", word(in, "subscription_id")}};
}

json event(const json& body, const std::string& event_id, bool livemode) {
  const std::string type = word(body, "type");
  const json* data = ccp::member(body, "data");
  if (type.empty() || data == nullptr || !data->is_object()) {
    throw ccp::Error::invalidArgument(
        "the body is no event of Polar: it needs \"type\" and an object \"data\"");
  }
  if (event_id.empty())
    throw ccp::Error::invalidArgument("the header webhook-id must be there exactly once");
  const std::string timestamp = ccp::strOr(body, "timestamp");
  json out = {{"event_id", event_id}, {"type", type},
              {"kind", "ignored"},    {"occurred_at", time(body, "timestamp")},
              {"livemode", livemode}, {"customer_id", word(*data, "customer_id")}};
  switch (topicOf(type)) {
    case Topic::subscription:
      addSubscription(out, *data, timestamp);
      break;
    case Topic::order_paid:
      addOrder(out, *data, false);
      break;
    case Topic::order_refunded:
      addOrder(out, *data, true);
      break;
    case Topic::refund:
      addRefund(out, *data);
      break;
    case Topic::checkout:
      out["kind"] = "checkout";
      out["checkout"] = checkout(*data);
      if (out["checkout"].is_null())
        throw ccp::Error::invalidArgument("a checkout event without id or known status");
      out["subscription_id"] = out["checkout"]["subscription_id"];
      break;
    case Topic::customer:
      // A hint only: the state lists active and trialing subscriptions, so that one past due is
      // missing from it while its benefits may still be granted.
      out["kind"] = "customer";
      out["customer_id"] = word(*data, "id");
      break;
    case Topic::benefit_grant:
      out["kind"] = "customer";
      out["subscription_id"] = word(*data, "subscription_id");
      break;
    case Topic::seat:
      addSeat(out, *data);
      break;
    case Topic::other:
      // A type of tomorrow that carries a whole subscription says as much as those of today.
      if (type.rfind("subscription.", 0) == 0 && !snapshot(*data, timestamp).is_null())
        addSubscription(out, *data, timestamp);
      break;
  }
  return out;
}

std::int64_t changedAt(const json& object) {
  for (const char* key : {"modified_at", "created_at"}) {
    if (const auto at = ccp::parseRfc3339(ccp::strOr(object, key))) return *at;
  }
  return 0;
}

json listedRefund(const json& refund, bool livemode) {
  const std::string id = word(refund, "id"), status = word(refund, "status");
  const bool done = status.empty() || status == "succeeded";
  // What a dispute took back is the dispute's.
  if (!isUuid(id) || !isUuid(word(refund, "order_id")) || !done ||
      ccp::member(refund, "dispute") != nullptr)
    return json::array();
  return json::array({listed(refund, "refund", "refund:" + id, changedAt(refund), livemode)});
}

json listedDispute(const json& dispute, bool livemode) {
  json out = json::array();
  const std::string id = word(dispute, "id"), outcome = disputeOutcome(word(dispute, "status"));
  if (!isUuid(id) || !isUuid(word(dispute, "order_id")) || outcome.empty()) return out;
  const auto add = [&](const std::string& what, std::int64_t at) {
    json event = listed(dispute, "dispute", "dispute:" + id + ":" + what, at, livemode);
    event["fetch"]["outcome"] = what;
    out.push_back(std::move(event));
  };
  const auto opened = ccp::parseRfc3339(ccp::strOr(dispute, "created_at"));
  add("opened", opened.value_or(0));
  if (outcome != "opened") add(outcome, changedAt(dispute));
  return out;
}

json resolvedMoneyBack(const json& fetch, const json& order, std::string_view latest_refund_id) {
  const std::string what = word(fetch, "type");
  const auto at = ccp::parseRfc3339(ccp::strOr(fetch, "occurred_at"));
  std::string outcome = word(fetch, "outcome");
  if (what == "refund")
    outcome = word(fetch, "id") == latest_refund_id ? refundOutcome(order) : "partial";
  const json* amount = ccp::member(fetch, "amount");
  return {{"event_id", word(fetch, "event_id")},
          {"type", what + ".listed"},
          {"kind", what},
          {"occurred_at", at ? json(ccp::formatRfc3339(*at)) : json()},
          {"livemode", ccp::boolOr(fetch, "livemode")},
          {"customer_id", word(order, "customer_id")},
          {"subscription_id", word(order, "subscription_id")},
          {"order_id", word(order, "id")},
          {"outcome", outcome},
          {"amount", amount == nullptr ? json() : *amount}};
}

json prices(const json& product) {
  json out = json::array();
  const json* list = ccp::member(product, "prices");
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& price : *list) {
    out.push_back(
        {{"product_id", word(product, "id")},
         {"price_id", word(price, "id")},
         {"name", ccp::strOr(product, "name").substr(0, 256)},
         {"amount", money(price, "price_amount", "price_currency")},
         {"interval", word(product, "recurring_interval")},
         {"archived", ccp::boolOr(product, "is_archived") || ccp::boolOr(price, "is_archived")}});
  }
  return out;
}

json grantedFeatures(const json& customer_state) {
  json out = json::array();
  const json* grants = ccp::member(customer_state, "granted_benefits");
  if (grants == nullptr || !grants->is_array()) return out;
  for (const auto& grant : *grants) {
    if (word(grant, "benefit_type") != "feature_flag") continue;
    const json* metadata = ccp::member(grant, "benefit_metadata");
    const std::string feature = metadata == nullptr ? std::string() : word(*metadata, "feature");
    if (!feature.empty()) out.push_back(feature);
  }
  return out;
}

}  // namespace polar
