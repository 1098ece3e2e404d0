#include "core/plugin/facades/billing_json.hpp"

#include <algorithm>
#include <array>

namespace ccp::plugin {
namespace {

constexpr std::array kStatuses{"incomplete", "incomplete_expired", "trialing", "active", "past_due", "paused", "unpaid", "canceled", "unknown"};
constexpr std::array kKinds{"subscription", "payment", "refund", "dispute", "customer", "checkout", "fetch", "ignored"};

tl::unexpected<Error> malformed(const std::string& what) {
  return fail(Errc::provider_error, "The plugin answered with " + what + ".");
}

/// Absent and null are "no time"; another type or another form is a broken answer.
Status readTime(const Json& json, std::string_view key, std::optional<Timestamp>& out) {
  const Json& value = json[key];
  if (value.isNull()) return {};
  const auto* text = value.asString();
  if (!text) return malformed("\"" + std::string(key) + "\" that is no time");
  auto parsed = parseRfc3339(*text);
  if (!parsed) return malformed("\"" + std::string(key) + "\": " + parsed.error().detail);
  out = *parsed;
  return {};
}

Json timeJson(const std::optional<Timestamp>& t) { return t ? Json(formatRfc3339(*t)) : Json(); }

void readMoney(const Json& money, std::int64_t& amount, std::string& currency) {
  amount = money.intOr("amount_minor");
  currency = money.strOr("currency");
}

}  // namespace

const char* toString(SubscriptionStatus status) noexcept { return kStatuses[static_cast<std::size_t>(status)]; }
const char* toString(BillingEventKind kind) noexcept { return kKinds[static_cast<std::size_t>(kind)]; }

SubscriptionStatus subscriptionStatusFrom(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    if (text == kStatuses[i]) return static_cast<SubscriptionStatus>(i);
  }
  return SubscriptionStatus::unknown;
}

Json SubscriptionSnapshot::json() const {
  return Json::object({{"id", id},
                       {"customer_id", customer_id},
                       {"status", toString(status)},
                       {"product_id", product_id},
                       {"price_id", price_id},
                       {"quantity", static_cast<long long>(quantity)},
                       {"amount", currency.empty() ? Json() : Json::object({{"amount_minor", static_cast<long long>(amount_minor)}, {"currency", currency}})},
                       {"period_start_at", timeJson(period_start_at)},
                       {"period_end_at", timeJson(period_end_at)},
                       {"trial_end_at", timeJson(trial_end_at)},
                       {"cancel_at_period_end", cancel_at_period_end},
                       {"ends_at", timeJson(ends_at)},
                       {"past_due_at", timeJson(past_due_at)},
                       {"paused_at", timeJson(paused_at)},
                       {"resumes_at", timeJson(resumes_at)},
                       {"modified_at", timeJson(modified_at)}});
}

Result<SubscriptionSnapshot> SubscriptionSnapshot::from(const Json& json) {
  SubscriptionSnapshot s;
  s.id = json.strOr("id");
  s.customer_id = json.strOr("customer_id");
  if (s.id.empty()) return malformed("a subscription without id");
  s.status = subscriptionStatusFrom(json.strOr("status"));
  s.product_id = json.strOr("product_id");
  s.price_id = json.strOr("price_id");
  s.quantity = json.intOr("quantity", 1);
  if (s.quantity < 0) return malformed("a negative quantity");
  readMoney(json["amount"], s.amount_minor, s.currency);
  s.cancel_at_period_end = json.boolOr("cancel_at_period_end");
  CCP_CHECK_OK(readTime(json, "period_start_at", s.period_start_at));
  CCP_CHECK_OK(readTime(json, "period_end_at", s.period_end_at));
  CCP_CHECK_OK(readTime(json, "trial_end_at", s.trial_end_at));
  CCP_CHECK_OK(readTime(json, "ends_at", s.ends_at));
  CCP_CHECK_OK(readTime(json, "past_due_at", s.past_due_at));
  CCP_CHECK_OK(readTime(json, "paused_at", s.paused_at));
  CCP_CHECK_OK(readTime(json, "resumes_at", s.resumes_at));
  CCP_CHECK_OK(readTime(json, "modified_at", s.modified_at));
  return s;
}

Json toJson(const SubscriptionChange& change) {
  Json out = Json::object({{"subscription_id", change.subscription_id},
                           {"action", change.action},
                           {"at_period_end", change.at_period_end},
                           {"proration", change.proration}});
  if (change.quantity) out.set("quantity", static_cast<long long>(*change.quantity));
  if (!change.product_id.empty()) out.set("product_id", change.product_id);
  if (!change.price_id.empty()) out.set("price_id", change.price_id);
  return out;
}

Json toJson(const UsageRecord& record) {
  return Json::object({{"id", record.id},
                       {"org_id", record.org_id},
                       {"customer_id", record.customer_id},
                       {"name", record.meter},
                       {"quantity", static_cast<long long>(record.quantity)},
                       {"delta", static_cast<long long>(record.delta)},
                       {"window_start_at", formatRfc3339(record.window_start_at)},
                       {"occurred_at", formatRfc3339(record.occurred_at)}});
}

Result<ProviderOffer> offerFrom(const Json& json) {
  ProviderOffer offer;
  offer.product_id = json.strOr("product_id");
  offer.price_id = json.strOr("price_id");
  if (offer.product_id.empty() && offer.price_id.empty()) return malformed("a price without product and price id");
  offer.name = json.strOr("name");
  if (json["amount"].isObject()) {
    std::int64_t amount = 0;
    readMoney(json["amount"], amount, offer.currency);
    offer.amount_minor = amount;
  }
  offer.interval = json.strOr("interval");
  offer.archived = json.boolOr("archived");
  return offer;
}

Json toJson(const CheckoutRequest& r) {
  Json metadata = Json::object();
  for (const auto& [key, value] : r.metadata) metadata.set(key, value);
  return Json::object({{"org_id", r.org_id},
                       {"customer_id", r.customer_id},
                       {"customer_email", r.customer_email},
                       {"product_id", r.product_id},
                       {"price_id", r.price_id},
                       {"quantity", static_cast<long long>(r.quantity)},
                       {"trial_days", r.trial_days},
                       {"first_charge_at", timeJson(r.first_charge_at)},
                       {"success_url", r.success_url},
                       {"return_url", r.return_url},
                       {"metadata", std::move(metadata)}});
}

Result<Checkout> checkoutFrom(const Json& json) {
  Checkout c{json.strOr("id"), json.strOr("url"), json.strOr("status"), json.strOr("customer_id"), json.strOr("subscription_id")};
  if (c.id.empty() || c.status.empty()) return malformed("a checkout without id or status");
  if (!c.url.empty()) {
    CCP_TRY(c.url, pageUrl(std::move(c.url)));
  }
  return c;
}

Result<std::string> pageUrl(std::string url) {
  const std::string_view text = url;
  const std::size_t scheme = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
  const std::string_view host = text.substr(scheme, text.find_first_of("/?#", scheme) - scheme);
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '<' && c != '>' && c != '\\'; });
  if (scheme == 0 || host.empty() || host.find('@') != std::string_view::npos || !plain || text.size() > 4096) {
    return malformed("an address that no browser should be sent to");
  }
  return url;
}

Json BillingEvent::json() const {
  Json out = Json::object({{"event_id", event_id},
                           {"type", type},
                           {"kind", toString(kind)},
                           {"occurred_at", timeJson(occurred_at)},
                           {"livemode", livemode},
                           {"customer_id", customer_id},
                           {"subscription_id", subscription_id},
                           {"outcome", outcome},
                           {"fetch", fetch}});
  if (amount_minor)
    out.set("amount", Json::object({{"amount_minor", static_cast<long long>(*amount_minor)}, {"currency", currency}}));
  if (subscription) out.set("subscription", subscription->json());
  return out;
}

Result<BillingEvent> BillingEvent::from(const Json& json) {
  BillingEvent e;
  e.event_id = json.strOr("event_id");
  e.type = json.strOr("type");
  if (e.event_id.empty()) return malformed("an event without event_id");
  const auto kind = json.strOr("kind");
  e.kind = BillingEventKind::ignored;
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kind == kKinds[i]) e.kind = static_cast<BillingEventKind>(i);
  }
  CCP_CHECK_OK(readTime(json, "occurred_at", e.occurred_at));
  e.livemode = json.boolOr("livemode");
  e.customer_id = json.strOr("customer_id");
  e.subscription_id = json.strOr("subscription_id");
  e.outcome = json.strOr("outcome");
  if (json["amount"].isObject()) {
    std::int64_t amount = 0;
    readMoney(json["amount"], amount, e.currency);
    e.amount_minor = amount;
  }
  e.fetch = json["fetch"];
  if (json["subscription"].isObject()) {
    CCP_TRY(e.subscription, SubscriptionSnapshot::from(json["subscription"]));
    if (e.subscription_id.empty()) e.subscription_id = e.subscription->id;
    if (e.customer_id.empty()) e.customer_id = e.subscription->customer_id;
  }
  if (e.kind == BillingEventKind::subscription && !e.subscription) return malformed("a subscription event without a snapshot");
  return e;
}

Result<std::vector<BillingEvent>> billingEventsFrom(const Json& json) {
  if (!json["events"].isArray()) return malformed("no list of events");
  std::vector<BillingEvent> out;
  for (const auto& item : json["events"].items()) {
    CCP_TRY(auto event, BillingEvent::from(item));
    out.push_back(std::move(event));
  }
  return out;
}

}  // namespace ccp::plugin
