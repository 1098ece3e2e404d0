#include "requests.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "ccp/text.hpp"
#include "mapping.hpp"

namespace polar {
namespace {

constexpr std::size_t kMaxLocalPart = 64;  // RFC 5321
constexpr std::size_t kMaxName = 256, kMaxUrl = 2083, kMaxMetadata = 50, kMaxKey = 40,
                      kMaxValue = 500;
constexpr std::int64_t kDay = 86'400, kMaxTrialDays = 1000;

/// At most `max` bytes, cut between characters.
std::string cut(std::string_view text, std::size_t max) {
  std::size_t end = std::min(text.size(), max);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return std::string(text.substr(0, end));
}

std::string uuidMember(const json& in, const char* key) {
  std::string id = ccp::str(in, key);
  if (!isUuid(id))
    throw ccp::Error::invalidArgument(std::string("\"") + key + "\" must be a UUID of Polar");
  return id;
}

std::string uuid(std::string_view id, const char* what) {
  if (!isUuid(id))
    throw ccp::Error::notFound(std::string("Polar has no ") + what + " with an id that is no UUID");
  return std::string(id);
}

void addUrl(json& body, const char* key, const std::string& url) {
  if (url.empty()) return;
  if (url.size() > kMaxUrl)
    throw ccp::Error::invalidArgument(std::string("\"") + key + "\" is too long for Polar");
  body[key] = url;
}

/// What Polar takes of the host's metadata; the rest would refuse the whole request.
json metadataOf(const json& in, const std::string& org_id) {
  json out = json::object();
  if (!org_id.empty()) out["ccp_org"] = cut(org_id, kMaxValue);
  const json* given = ccp::member(in, "metadata");
  if (given == nullptr || !given->is_object()) return out;
  for (const auto& [key, value] : given->items()) {
    if (out.size() >= kMaxMetadata || key.empty() || key.size() > kMaxKey) continue;
    if (value.is_string() && !value.get_ref<const std::string&>().empty())
      out[key] = cut(value.get<std::string>(), kMaxValue);
    else if (value.is_boolean() || value.is_number_integer())
      out[key] = value;
  }
  return out;
}

/// Millionths of a dollar as cents in a decimal text, exactly.
std::string centsOf(std::int64_t microusd) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%lld.%04lld", static_cast<long long>(microusd / 10'000),
                static_cast<long long>(microusd % 10'000));
  return text.data();
}

std::int64_t changeOf(const json& record) {
  return ccp::optInt(record, "delta").value_or(ccp::intOr(record, "quantity", 1));
}

json usageEvent(const json& record) {
  json out = {{"name", cut(ccp::strOr(record, "name", "usage"), 128)},
              {"external_customer_id", ccp::str(record, "org_id")},
              {"external_id", ccp::str(record, "id")}};
  std::string when = ccp::strOr(record, "occurred_at");
  if (when.empty()) when = ccp::strOr(record, "window_start_at");
  if (const auto at = ccp::parseRfc3339(when)) out["timestamp"] = ccp::formatRfc3339(*at);
  json metadata = metadataOf(record, {});
  // Events cannot be changed and are summed up: what is sent is what changed, down as well as up.
  metadata["quantity"] = changeOf(record);
  const std::string model = ccp::strOr(record, "model");
  if (!model.empty()) {
    const std::int64_t input = ccp::intOr(record, "input_tokens"),
                       output = ccp::intOr(record, "output_tokens");
    metadata["_llm"] = {{"vendor", ccp::strOr(record, "vendor", "unknown")},
                        {"model", cut(model, kMaxValue)},
                        {"input_tokens", input},
                        {"output_tokens", output},
                        {"total_tokens", input + output},
                        {"cached_input_tokens", ccp::intOr(record, "cache_read_tokens")}};
  }
  const std::int64_t cost = ccp::intOr(record, "cost_microusd", -1);
  if (cost >= 0 && cost < 1'000'000'000)
    metadata["_cost"] = {{"amount", centsOf(cost)}, {"currency", "usd"}};
  out["metadata"] = std::move(metadata);
  return out;
}

/// When the difference of a change is billed. "Not at all" is a change that waits for the next
/// period: Polar has no change in force that is not billed.
std::string prorationOf(const json& in) {
  const std::string proration = ccp::strOr(in, "proration", "now");
  if (proration == "now") return "invoice";
  if (proration == "next_period") return "prorate";
  if (proration == "none") return "next_period";
  throw ccp::Error::invalidArgument("\"proration\" must be now, next_period or none");
}

}  // namespace

Request findCustomer(std::string_view org_id) {
  return {"GET", "/v1/customers/external/" + ccp::urlEncode(org_id), nullptr};
}

Request makeCustomer(std::string_view org_id, std::string_view email, std::string_view name) {
  json body = {{"email", email},
               {"external_id", org_id},
               {"metadata", {{"ccp_org", cut(org_id, kMaxValue)}}}};
  if (!name.empty()) body["name"] = cut(name, kMaxName);
  return {"POST", "/v1/customers/", std::move(body)};
}

Request makeCheckout(const json& in, std::int64_t now_s) {
  // The customer is made before the checkout. With an e-mail address instead, Polar would attach
  // the purchase to whichever customer has that address already, which may be another
  // organization's.
  const std::string org_id = ccp::str(in, "org_id");
  json body = {{"products", json::array({uuidMember(in, "product_id")})},
               {"customer_id", uuidMember(in, "customer_id")},
               {"external_customer_id", org_id},
               {"metadata", metadataOf(in, org_id)}};
  addUrl(body, "success_url", ccp::str(in, "success_url"));
  addUrl(body, "return_url", ccp::strOr(in, "return_url"));
  const std::int64_t quantity = ccp::intOr(in, "quantity", 1);
  if (quantity < 1 || quantity > 10'000)
    throw ccp::Error::invalidArgument("Polar sells 1 to 10000 seats at once");
  if (quantity > 1) body["seats"] = quantity;
  std::int64_t trial_days = ccp::intOr(in, "trial_days");
  if (const auto first = ccp::parseRfc3339(ccp::strOr(in, "first_charge_at")))
    trial_days = (*first / 1'000'000 - now_s + kDay - 1) / kDay;
  if (trial_days > 0) {
    body["trial_interval"] = "day";
    body["trial_interval_count"] = std::min<std::int64_t>(trial_days, kMaxTrialDays);
  }
  return {"POST", "/v1/checkouts/", std::move(body)};
}

Request readCheckout(std::string_view id) {
  return {"GET", "/v1/checkouts/" + uuid(id, "checkout"), nullptr};
}

Request makePortalSession(const json& in) {
  json body = json::object();
  const std::string customer_id = ccp::strOr(in, "customer_id");
  if (isUuid(customer_id))
    body["customer_id"] = customer_id;
  else
    body["external_customer_id"] = ccp::str(in, "org_id");
  addUrl(body, "return_url", ccp::strOr(in, "return_url"));
  return {"POST", "/v1/customer-sessions/", std::move(body)};
}

Request readSubscription(std::string_view id) {
  return {"GET", "/v1/subscriptions/" + uuid(id, "subscription"), nullptr};
}

Request listSubscriptions(std::string_view customer_id, std::int64_t page) {
  // Oldest first, so that a page keeps its content while new ones are added.
  const std::string whose =
      customer_id.empty() ? std::string() : "customer_id=" + uuid(customer_id, "customer") + "&";
  return {
      "GET",
      "/v1/subscriptions/?" + whose + "sorting=started_at&limit=100&page=" + std::to_string(page),
      nullptr};
}

Request changeSubscription(const json& in) {
  const std::string path =
      "/v1/subscriptions/" + uuid(ccp::str(in, "subscription_id"), "subscription");
  const std::string action = ccp::str(in, "action");
  const bool at_end = ccp::boolOr(in, "at_period_end", true);
  if (action == "cancel" && at_end) return {"PATCH", path, {{"cancel_at_period_end", true}}};
  if (action == "cancel") return {"PATCH", path, {{"revoke", true}}};
  if (action == "uncancel") return {"PATCH", path, {{"cancel_at_period_end", false}}};
  if (action == "pause") return {"PATCH", path, {{"pause_at_period_end", true}}};
  if (action == "resume") return {"PATCH", path, {{"resume", true}}};
  if (action == "quantity") {
    const std::int64_t seats = ccp::integer(in, "quantity");
    if (seats < 1 || seats > 10'000)
      throw ccp::Error::invalidArgument("Polar sells 1 to 10000 seats at once");
    return {"PATCH", path, {{"seats", seats}, {"proration_behavior", prorationOf(in)}}};
  }
  if (action == "plan")
    return {
        "PATCH",
        path,
        {{"product_id", uuidMember(in, "product_id")}, {"proration_behavior", prorationOf(in)}}};
  throw ccp::Error::invalidArgument(
      "\"action\" must be plan, quantity, cancel, uncancel, pause or resume");
}

Request ingestEvents(const json& in) {
  const json* records = ccp::member(in, "records");
  if (records == nullptr || !records->is_array())
    throw ccp::Error::invalidArgument("\"records\" must be a list");
  json events = json::array();
  for (const auto& record : *records) {
    if (changeOf(record) != 0) events.push_back(usageEvent(record));
  }
  if (events.empty()) return {"POST", "/v1/events/ingest", nullptr};
  return {"POST", "/v1/events/ingest", {{"events", std::move(events)}}};
}

Request listProducts(std::int64_t page) {
  return {"GET", "/v1/products/?is_archived=false&limit=100&page=" + std::to_string(page), nullptr};
}

Request readOrder(std::string_view id) {
  return {"GET", "/v1/orders/" + uuid(id, "order"), nullptr};
}
Request customerState(std::string_view org_id) {
  return {"GET", "/v1/customers/external/" + ccp::urlEncode(org_id) + "/state", nullptr};
}
Request listEndpoints() {
  return {"GET", "/v1/webhooks/endpoints?limit=100", nullptr};
}
Request failedDeliveries() {
  return {"GET", "/v1/webhooks/deliveries?succeeded=false&limit=10", nullptr};
}

Request missedDeliveries(std::int64_t since_us, std::int64_t page) {
  return {"GET",
          "/v1/webhooks/deliveries?succeeded=false&start_timestamp=" +
              ccp::urlEncode(ccp::formatRfc3339(since_us)) +
              "&limit=100&page=" + std::to_string(page),
          nullptr};
}
Request listRefunds(std::int64_t page) {
  return {"GET",
          "/v1/refunds/?succeeded=true&sorting=-created_at&limit=100&page=" + std::to_string(page),
          nullptr};
}
Request refundsOfOrder(std::string_view order_id) {
  return {"GET",
          "/v1/refunds/?order_id=" + uuid(order_id, "order") +
              "&succeeded=true&sorting=-created_at&limit=1&page=1",
          nullptr};
}
Request listDisputes(std::int64_t page) {
  return {"GET", "/v1/disputes/?sorting=-created_at&limit=100&page=" + std::to_string(page),
          nullptr};
}

std::string acceptableEmail(std::string_view email) {
  const auto at = email.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == email.size())
    throw ccp::Error::invalidArgument("\"email\" must be an e-mail address");
  const bool dotted = email.find('.', at) != std::string_view::npos;
  return dotted ? std::string(email) : std::string(email) + ".example.com";
}

std::string plusAddress(std::string_view email, std::string_view org_id) {
  const auto at = email.rfind('@');
  if (at == std::string_view::npos)
    throw ccp::Error::invalidArgument("\"email\" must be an e-mail address");
  // The end of the id is its random part; stable, so that a repeated call makes the same address.
  const std::size_t room = kMaxLocalPart - std::min(kMaxLocalPart, at + 1);
  const std::size_t length = std::min<std::size_t>({room, 16, org_id.size()});
  if (length < 6)
    throw ccp::Error::conflict(
        "the e-mail address is in use by another customer of Polar, and too long to be told apart");
  std::string tag(org_id.substr(org_id.size() - length));
  for (char& c : tag) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain) c = '-';
  }
  return std::string(email.substr(0, at)) + "+" + tag + std::string(email.substr(at));
}

std::int64_t pageOf(std::string_view cursor) {
  if (cursor.empty()) return 1;
  std::int64_t page = 0;
  for (const char c : cursor) {
    if (c < '0' || c > '9' || page > 1'000'000)
      throw ccp::Error::invalidArgument("\"cursor\" is not one of this plugin");
    page = page * 10 + (c - '0');
  }
  if (page < 1) throw ccp::Error::invalidArgument("\"cursor\" is not one of this plugin");
  return page;
}

}  // namespace polar
