#include "mapping.hpp"

#include <algorithm>
#include <array>

#include "ccp/text.hpp"

namespace stripe {
namespace {

constexpr std::size_t kMaxId = 200;
/// JSON readers agree on integers within ±2^53 only.
constexpr std::int64_t kMaxMinor = std::int64_t{1} << 53;
constexpr std::int64_t kMaxQuantity = 1'000'000;
/// 9999-12-31T23:59:59Z: what the text form of a time can say.
constexpr std::int64_t kMaxSeconds = 253'402'300'799;

std::optional<std::int64_t> seconds(const json& object, const char* key) {
  const auto value = ccp::optInt(object, key);
  if (!value || *value <= 0 || *value > kMaxSeconds) return std::nullopt;
  return value;
}

json formatted(const std::optional<std::int64_t>& at_s) {
  return at_s ? json(ccp::formatUnixSeconds(*at_s)) : json();
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

template <std::size_t N>
bool isOneOf(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::string knownStatus(const std::string& status) {
  constexpr std::array<std::string_view, 8> kStatuses = {
      "incomplete", "incomplete_expired", "trialing", "active",
      "past_due",   "canceled",           "unpaid",   "paused"};
  return isOneOf(status, kStatuses) ? status : "unknown";
}

/// The list under `key`, whether it is a plain list or a page of one.
const json* listOf(const json& object, const char* key) {
  const json* found = ccp::member(object, key);
  if (found != nullptr && found->is_object()) found = ccp::member(*found, "data");
  return found != nullptr && found->is_array() ? found : nullptr;
}

/// The item that the plan hangs on: metered prices come on top of it.
const json* planItem(const json& subscription) {
  const json* items = listOf(subscription, "items");
  if (items == nullptr) return nullptr;
  const json* first = nullptr;
  for (const auto& item : *items) {
    const json* price = ccp::member(item, "price");
    if (price == nullptr) price = ccp::member(item, "plan");
    if (price == nullptr) continue;
    if (first == nullptr) first = &item;
    const json* recurring = ccp::member(*price, "recurring");
    const std::string usage = word(recurring == nullptr ? *price : *recurring, "usage_type");
    if (usage != "metered") return &item;
  }
  return first;
}

json totalOf(const json& price, std::int64_t quantity) {
  json unit = money(price, "unit_amount");
  if (unit.is_null()) unit = money(price, "amount");  // of a plan, the older word for a price
  if (unit.is_null()) return nullptr;
  const std::int64_t amount = unit["amount_minor"].get<std::int64_t>();
  if (amount != 0 && (amount > kMaxMinor / quantity || amount < -kMaxMinor / quantity))
    return nullptr;
  unit["amount_minor"] = amount * quantity;
  return unit;
}

/// When the payment began to be late: the open invoice became final, and was tried, at that time.
json pastDueSince(const json& subscription, const std::string& status) {
  if (status != "past_due" && status != "unpaid") return nullptr;
  const json* invoice = ccp::member(subscription, "latest_invoice");
  if (invoice == nullptr || !invoice->is_object()) return nullptr;
  const std::string invoice_status = word(*invoice, "status");
  if (invoice_status == "paid" || invoice_status == "void") return nullptr;
  if (const json* transitions = ccp::member(*invoice, "status_transitions")) {
    if (const auto at = seconds(*transitions, "finalized_at")) return formatted(at);
  }
  if (const auto at = seconds(*invoice, "effective_at")) return formatted(at);
  return time(*invoice, "created");
}

}  // namespace

std::string word(const json& object, const char* key) {
  std::string text = ccp::strOr(object, key);
  return text.size() <= kMaxId ? text : std::string();
}

std::string idOf(const json& object, const char* key) {
  const json* found = ccp::member(object, key);
  if (found == nullptr) return {};
  return found->is_object() ? word(*found, "id") : word(object, key);
}

json time(const json& object, const char* key) {
  return formatted(seconds(object, key));
}

json money(const json& object, const char* amount_key, const char* currency_key) {
  const auto amount = ccp::optInt(object, amount_key);
  const std::string currency = upper(word(object, currency_key));
  const bool letters =
      std::all_of(currency.begin(), currency.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!amount || *amount > kMaxMinor || *amount < -kMaxMinor || currency.size() != 3 || !letters)
    return nullptr;
  return {{"amount_minor", *amount}, {"currency", currency}};
}

json snapshot(const json& subscription) {
  const std::string id = word(subscription, "id"), customer_id = idOf(subscription, "customer");
  std::string status = word(subscription, "status");
  const json* item = planItem(subscription);
  if (id.empty() || customer_id.empty() || status.empty() || item == nullptr) return nullptr;
  const json* price = ccp::member(*item, "price");
  if (price == nullptr) price = ccp::member(*item, "plan");
  const std::string price_id = price->is_object() ? word(*price, "id") : std::string();
  if (price_id.empty()) return nullptr;
  status = knownStatus(status);
  // Collecting no payments changes nothing in Stripe's status: the customer pays nothing and has
  // the plan on. Here it is the pause that was ordered.
  const json* pause = ccp::member(subscription, "pause_collection");
  const bool collection_paused =
      pause != nullptr && pause->is_object() &&
      (status == "active" || status == "trialing" || status == "past_due");
  json past_due_at = pastDueSince(subscription, status);
  if (collection_paused) status = "paused";

  // Since API version 2025-03-31 the period stands in the items.
  const json& period = seconds(*item, "current_period_end") ? *item : subscription;
  const auto cancel_at = seconds(subscription, "cancel_at"),
             period_end = seconds(period, "current_period_end");
  bool at_period_end = ccp::boolOr(subscription, "cancel_at_period_end");
  auto ends_at = seconds(subscription, "ended_at");
  if (!ends_at) ends_at = cancel_at;
  if (!ends_at && at_period_end) ends_at = period_end;
  if (cancel_at && period_end && *cancel_at <= *period_end) at_period_end = true;
  if (status == "canceled" || status == "incomplete_expired") at_period_end = false;

  std::int64_t quantity = ccp::intOr(*item, "quantity", ccp::intOr(subscription, "quantity", 1));
  if (quantity < 1 || quantity > kMaxQuantity) quantity = 1;
  return {{"id", id},
          {"customer_id", customer_id},
          {"status", status},
          {"product_id", idOf(*price, "product")},
          {"price_id", price_id},
          {"quantity", quantity},
          {"amount", totalOf(*price, quantity)},
          {"period_start_at", time(period, "current_period_start")},
          {"period_end_at", formatted(period_end)},
          {"trial_end_at", time(subscription, "trial_end")},
          {"cancel_at_period_end", at_period_end},
          {"ends_at", formatted(ends_at)},
          {"past_due_at", std::move(past_due_at)},
          {"paused_at", nullptr},
          {"resumes_at", collection_paused ? time(*pause, "resumes_at") : json()},
          {"modified_at", nullptr}};
}

json checkout(const json& session, bool failed) {
  const std::string id = word(session, "id"), status = word(session, "status"),
                    payment = word(session, "payment_status");
  std::string ours;
  if (status == "open" || status == "expired") {
    ours = status;
  } else if (status == "complete") {
    // A payment that takes days (a bank debit) completes the session before it succeeds.
    ours = failed ? "failed" : payment == "unpaid" ? "confirmed" : "succeeded";
  }
  if (id.empty() || ours.empty()) return nullptr;
  return {{"id", id},
          {"url", ccp::strOr(session, "url").substr(0, 4096)},
          {"status", ours},
          {"customer_id", idOf(session, "customer")},
          {"subscription_id", idOf(session, "subscription")}};
}

std::string subscriptionOfInvoice(const json& invoice) {
  if (const json* parent = ccp::member(invoice, "parent")) {
    if (const json* details = ccp::member(*parent, "subscription_details")) {
      std::string id = idOf(*details, "subscription");
      if (!id.empty()) return id;
    }
  }
  return idOf(invoice, "subscription");  // until API version 2025-03-31
}

bool paysForThePlan(const json& invoice, std::int64_t at_s) {
  const std::string reason = word(invoice, "billing_reason");
  if (reason != "subscription_create" && reason != "subscription_cycle" && reason != "subscription")
    return false;
  std::int64_t end = 0;
  if (const json* lines = listOf(invoice, "lines")) {
    for (const auto& line : *lines) {
      const json* period = ccp::member(line, "period");
      if (period != nullptr) end = std::max(end, seconds(*period, "end").value_or(0));
    }
  }
  return end == 0 || end > at_s;
}

json price(const json& price) {
  const json* product = ccp::member(price, "product");
  std::string name = ccp::strOr(price, "nickname");
  bool archived = !ccp::boolOr(price, "active", true);
  if (product != nullptr && product->is_object()) {
    const std::string product_name = ccp::strOr(*product, "name");
    name = product_name.empty() || name.empty() ? product_name + name : product_name + ", " + name;
    archived = archived || !ccp::boolOr(*product, "active", true);
  }
  const json* recurring = ccp::member(price, "recurring");
  return {{"product_id", idOf(price, "product")},
          {"price_id", word(price, "id")},
          {"name", name.substr(0, 256)},
          {"amount", money(price, "unit_amount")},
          {"interval", recurring == nullptr ? std::string() : word(*recurring, "interval")},
          {"archived", archived}};
}

}  // namespace stripe
