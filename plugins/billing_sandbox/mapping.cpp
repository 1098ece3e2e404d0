#include "mapping.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "ccp/text.hpp"

namespace sandbox_billing {
namespace {

constexpr std::size_t kMaxId = 200;
constexpr std::int64_t kMaxMinor = std::int64_t{1} << 53;

std::string word(const json& object, const char* key) {
  std::string text = ccp::strOr(object, key);
  return text.size() <= kMaxId ? text : std::string();
}

json time(const json& object, const char* key) {
  const auto text = ccp::optStr(object, key);
  const auto micros = text ? ccp::parseRfc3339(*text) : std::nullopt;
  return micros ? json(ccp::formatRfc3339(*micros)) : json();
}

json money(const json& object) {
  const json* amount = ccp::member(object, "amount");
  if (amount == nullptr) return nullptr;
  const auto minor = ccp::optInt(*amount, "amount_minor");
  const std::string currency = word(*amount, "currency");
  if (!minor || *minor > kMaxMinor || *minor < -kMaxMinor || currency.size() != 3) return nullptr;
  return {{"amount_minor", *minor}, {"currency", currency}};
}

bool startsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

std::string outcomeOf(const json& object, std::initializer_list<std::string_view> known) {
  const std::string outcome = word(object, "outcome");
  if (std::find(known.begin(), known.end(), outcome) == known.end()) {
    throw ccp::Error::invalidArgument("the event's object has no known outcome");
  }
  return outcome;
}

}  // namespace

json snapshot(const json& subscription) {
  constexpr std::array<std::string_view, 5> kStatuses = {"trialing", "active", "past_due", "paused",
                                                         "canceled"};
  constexpr std::array<std::string_view, 1> kEarly = {"incomplete"};
  const std::string id = word(subscription, "id"), customer_id = word(subscription, "customer_id"),
                    status = word(subscription, "status");
  const std::string product_id = word(subscription, "product_id"),
                    price_id = word(subscription, "price_id");
  if (id.empty() || customer_id.empty() || status.empty() ||
      (product_id.empty() && price_id.empty()))
    return nullptr;
  const bool known = std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end() ||
                     std::find(kEarly.begin(), kEarly.end(), status) != kEarly.end();
  const std::int64_t quantity = ccp::intOr(subscription, "quantity", 1);
  return {{"id", id},
          {"customer_id", customer_id},
          {"status", known ? status : "unknown"},
          {"product_id", product_id},
          {"price_id", price_id},
          {"quantity", quantity >= 1 && quantity <= 1'000'000 ? quantity : 1},
          {"amount", money(subscription)},
          {"period_start_at", time(subscription, "period_start_at")},
          {"period_end_at", time(subscription, "period_end_at")},
          {"trial_end_at", time(subscription, "trial_end_at")},
          {"cancel_at_period_end", ccp::boolOr(subscription, "cancel_at_period_end")},
          {"ends_at", time(subscription, "ends_at")},
          {"past_due_at", time(subscription, "past_due_at")},
          {"paused_at", time(subscription, "paused_at")},
          {"resumes_at", time(subscription, "resumes_at")},
          {"modified_at", time(subscription, "modified_at")}};
}

json checkout(const json& in) {
  constexpr std::array<std::string_view, 3> kStatuses = {"open", "succeeded", "expired"};
  const std::string id = word(in, "id"), status = word(in, "status");
  if (id.empty() || std::find(kStatuses.begin(), kStatuses.end(), status) == kStatuses.end())
    return nullptr;
  return {{"id", id},
          {"url", ccp::strOr(in, "url").substr(0, 4096)},
          {"status", status},
          {"customer_id", word(in, "customer_id")},
          {"subscription_id", word(in, "subscription_id")}};
}

json event(const json& body) {
  const std::string id = word(body, "id"), type = word(body, "type");
  const json* data = ccp::member(body, "data");
  const json* object = data == nullptr ? nullptr : ccp::member(*data, "object");
  if (id.empty() || type.empty() || object == nullptr || !object->is_object()) {
    throw ccp::Error::invalidArgument("the body is no event of the sandbox provider");
  }
  json out = {{"event_id", id},
              {"type", type},
              {"kind", "ignored"},
              {"occurred_at", time(body, "created_at")},
              {"livemode", ccp::boolOr(body, "livemode")},
              {"customer_id", word(*object, "customer_id")},
              {"subscription_id", word(*object, "subscription_id")}};
  if (ccp::boolOr(body, "thin")) {
    out["kind"] = "fetch";
    out["fetch"] = {{"type", "event"}, {"id", id}};
  } else if (startsWith(type, "subscription.")) {
    json whole = snapshot(*object);
    const std::string subscription_id = word(*object, "id");
    if (subscription_id.empty())
      throw ccp::Error::invalidArgument("a subscription event without the subscription's id");
    out["subscription_id"] = subscription_id;
    out["kind"] = whole.is_null() ? "fetch" : "subscription";
    if (whole.is_null())
      out["fetch"] = {{"type", "subscription"}, {"id", subscription_id}};
    else
      out["subscription"] = std::move(whole);
  } else if (type == "payment.succeeded" || type == "payment.failed") {
    out["kind"] = "payment";
    out["amount"] = money(*object);
  } else if (type == "refund.created") {
    out["kind"] = "refund";
    out["outcome"] = outcomeOf(*object, {"full", "partial"});
    out["amount"] = money(*object);
  } else if (type == "dispute.opened" || type == "dispute.closed") {
    out["kind"] = "dispute";
    out["outcome"] = outcomeOf(*object, {"opened", "won", "lost"});
    out["amount"] = money(*object);
  } else if (startsWith(type, "customer.")) {
    out["kind"] = "customer";
    out["customer_id"] = word(*object, "id");
  } else if (startsWith(type, "checkout.")) {
    out["checkout"] = checkout(*object);
    if (out["checkout"].is_null())
      throw ccp::Error::invalidArgument("a checkout event without id or known status");
    out["kind"] = "checkout";
  }
  return out;
}

void verifyWebhook(const ccp::webhooks::HeaderList& headers, std::string_view body,
                   std::int64_t now_s, const std::function<std::string(std::string_view)>& mac) {
  const auto reading = ccp::webhooks::read(headers, body, now_s);
  if (!reading.ok) throw ccp::Error::signatureInvalid(reading.problem);
  ccp::webhooks::requireGenuine(reading, {mac(reading.message.content)});
  // No real money here, so nothing that says it moved some can be meant for us.
  json parsed;
  try {
    parsed = ccp::parseJson(body);
  } catch (const ccp::Error&) {
    return;  // genuine all the same; parse_webhook says what is wrong with it
  }
  if (ccp::boolOr(parsed, "livemode")) {
    throw ccp::Error::unauthenticated("the webhook is live, and the sandbox takes no real money")
        .withCode("livemode_mismatch");
  }
}

json parseWebhook(const ccp::webhooks::HeaderList& headers, std::string_view body) {
  json parsed = event(ccp::parseJson(body));
  if (ccp::strOr(parsed, "event_id") != ccp::webhooks::messageId(headers)) {
    throw ccp::Error::invalidArgument("the body's id is not the one of the header webhook-id");
  }
  return {{"events", json::array({std::move(parsed)})}};
}

}  // namespace sandbox_billing
