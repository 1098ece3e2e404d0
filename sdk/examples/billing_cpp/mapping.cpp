#include "mapping.hpp"

#include <utility>

#include "ccp/text.hpp"

namespace quill {
namespace {

std::string needed(const json& in, const char* name) {
  auto text = ccp::optStr(in, name);
  if (!text || text->empty() || text->size() > 200) throw ccp::Error::provider(std::string("Quill's answer has no usable \"") + name + "\"");
  return std::move(*text);
}

/// Quill tells times in Unix seconds; null and what no calendar holds stay unknown.
json time(const json& in, const char* name) {
  const auto seconds = ccp::optInt(in, name);
  if (!seconds || *seconds < 0 || *seconds > 253402300799) return nullptr;
  return ccp::formatUnixSeconds(*seconds);
}

std::string word(const std::string& in, std::initializer_list<std::pair<const char*, const char*>> words, const char* otherwise) {
  for (const auto& pair : words) {
    if (in == pair.first) return pair.second;
  }
  return otherwise;
}

json money(const json& in) {
  const auto cents = ccp::optInt(in, "cents");
  std::string currency = ccp::strOr(in, "currency");
  constexpr std::int64_t kLargest = std::int64_t{1} << 53;
  if (!cents || *cents > kLargest || *cents < -kLargest || currency.size() != 3) return nullptr;
  for (char& c : currency) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c < 'A' || c > 'Z') return nullptr;
  }
  return {{"amount_minor", *cents}, {"currency", currency}};
}

}  // namespace

json subscription(const json& in) {
  const std::int64_t seats = ccp::intOr(in, "seats", 1);
  if (seats < 0) throw ccp::Error::provider("Quill's answer has a negative number of seats");
  const json* price = ccp::member(in, "price");
  return {{"id", needed(in, "id")},
          {"customer_id", needed(in, "customer")},
          {"status", word(ccp::strOr(in, "state"),
                          {{"pending", "incomplete"}, {"trial", "trialing"}, {"active", "active"}, {"late", "past_due"}, {"paused", "paused"}, {"ended", "canceled"}}, "unknown")},
          {"product_id", needed(in, "plan")},
          {"price_id", ""},
          {"quantity", seats},
          {"amount", price != nullptr ? money(*price) : json(nullptr)},
          {"period_start_at", time(in, "period_start")},
          {"period_end_at", time(in, "period_end")},
          {"trial_end_at", time(in, "trial_end")},
          {"cancel_at_period_end", ccp::boolOr(in, "ends_with_period")},
          {"ends_at", time(in, "ended_at")},
          {"modified_at", time(in, "changed_at")}};
}

json checkout(const json& in) {
  return {{"id", needed(in, "id")},
          {"url", ccp::strOr(in, "url").substr(0, 4096)},
          {"status", word(ccp::strOr(in, "state"), {{"open", "open"}, {"paid", "succeeded"}, {"expired", "expired"}, {"declined", "failed"}}, "open")},
          {"customer_id", ccp::strOr(in, "customer").substr(0, 200)},
          {"subscription_id", ccp::strOr(in, "subscription").substr(0, 200)}};
}

json event(const json& in, const std::string& id) {
  const std::string type = ccp::strOr(in, "type");
  if (type.empty()) throw ccp::Error::invalidArgument("the webhook has no type");
  json out = {{"event_id", id}, {"type", type}, {"kind", "ignored"}, {"occurred_at", time(in, "at")}, {"livemode", ccp::boolOr(in, "live")}};
  const json* data = ccp::member(in, "data");
  if (type == "subscription.changed" && data != nullptr) {
    out["kind"] = "subscription";
    out["subscription"] = subscription(*data);
    out["customer_id"] = out["subscription"]["customer_id"];
    out["subscription_id"] = out["subscription"]["id"];
  } else if (type == "payment.refunded" && data != nullptr) {
    out["kind"] = "refund";
    out["outcome"] = ccp::boolOr(*data, "partial") ? "partial" : "full";
    out["subscription_id"] = ccp::strOr(*data, "subscription").substr(0, 200);
    if (const json* amount = ccp::member(*data, "amount")) out["amount"] = money(*amount);
  }
  return out;
}

}  // namespace quill
