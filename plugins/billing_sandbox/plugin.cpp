#include "plugin.hpp"

#include <algorithm>
#include <utility>

#include "mapping.hpp"

namespace sandbox_billing {

using ccp::json;

namespace {

json wholeSnapshot(const json& subscription) {
  json out = snapshot(subscription);
  if (out.is_null())
    throw ccp::Error::provider(
        "the sandbox provider answered with a subscription that is not whole");
  return out;
}

json wholeCheckout(const json& in) {
  json out = checkout(in);
  if (out.is_null())
    throw ccp::Error::provider("the sandbox provider answered with a checkout that is not whole");
  return out;
}

json customerId(const json& customer) {
  return {{"customer_id", ccp::str(customer, "id")}};
}

std::string errorCode(const json& body) {
  const json* error = ccp::member(body, "error");
  return error == nullptr ? std::string() : ccp::strOr(*error, "code");
}
std::string errorText(const json& body) {
  const json* error = ccp::member(body, "error");
  return error == nullptr ? "no reason given"
                          : ccp::strOr(*error, "message", "no reason given").substr(0, 500);
}

/// The same mailbox under an address that no other organization uses.
std::string plusAddress(const std::string& email, const std::string& org_id) {
  const auto at = email.rfind('@');
  if (at == std::string::npos)
    throw ccp::Error::invalidArgument("\"email\" must be an e-mail address");
  return email.substr(0, at) + "+" + org_id.substr(org_id.size() > 16 ? org_id.size() - 16 : 0) +
         email.substr(at);
}

void copyText(json& to, const json& from, const char* key) {
  if (const auto text = ccp::optStr(from, key); text && !text->empty()) to[key] = *text;
}

/// A first payment later is a trial until then, in whole days rounded up.
std::int64_t trialDays(const json& in, std::int64_t now_s) {
  constexpr std::int64_t kDay = 86'400, kLongest = 730;
  const auto first = ccp::parseRfc3339(ccp::strOr(in, "first_charge_at"));
  if (!first) return ccp::intOr(in, "trial_days");
  return std::clamp<std::int64_t>((*first / 1'000'000 - now_s + kDay - 1) / kDay, 0, kLongest);
}

json listOf(const json& page, json (*convert)(const json&)) {
  const json* items = ccp::member(page, "items");
  if (items == nullptr || !items->is_array())
    throw ccp::Error::provider("the sandbox provider answered with no list");
  json out = json::array();
  for (const auto& item : *items) out.push_back(convert(item));
  return {{"items", std::move(out)}, {"next_cursor", ccp::strOr(page, "next_cursor")}};
}

}  // namespace

void Plugin::configure(ccp::Call&, const json& config) {
  if (!dev_mode_) {
    throw ccp::Error::invalidArgument(
        "ccp.billing-sandbox takes no real money and works in dev mode only; configure a real "
        "billing plugin");
  }
  base_url_ = ccp::str(config, "base_url");
  while (!base_url_.empty() && base_url_.back() == '/') base_url_.pop_back();
  api_key_ = ccp::secretRef(config, "api_key");
  webhook_secret_ = ccp::secretRef(config, "webhook_secret");
  if (api_key_.empty() || webhook_secret_.empty()) {
    throw ccp::Error::invalidArgument(
        "api_key and webhook_secret must be secret references, {$secret: sandbox/api-key}");
  }
}

Plugin::Answer Plugin::attempt(ccp::Call& call, const std::string& method, const std::string& path,
                               const json& body) const {
  call.throwIfCancelled();
  ccp::HttpRequest request;
  request.method = method;
  request.url = base_url_ + path;
  request.auth.bearer = api_key_;
  if (!body.is_null()) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = ccp::dumpJson(body);
  }
  if (const std::string key = call.idempotencyKey(); method != "GET" && !key.empty()) {
    // One call may send several requests: each gets a key of its own.
    request.headers.emplace_back(
        "Idempotency-Key",
        (key + ":" + std::to_string(std::hash<std::string>{}(path + request.body))).substr(0, 255));
  }
  const ccp::HttpResponse response = call.http().send(request);
  json answer;
  try {
    if (!response.body.empty()) answer = ccp::parseJson(response.body);
  } catch (const ccp::Error&) {
    if (response.ok())
      throw ccp::Error::provider("the sandbox provider answered with something that is no JSON");
  }
  if (response.ok() || response.status == 404 || response.status == 422)
    return {response.status, answer};
  const std::string text =
      "the sandbox provider answered " + std::to_string(response.status) + ": " + errorText(answer);
  if (response.status == 409) throw ccp::Error::conflict(text);
  if (response.status == 429) throw ccp::Error::rateLimited(text, 1000);
  if (response.status >= 500) throw ccp::Error::unavailable(text);
  throw ccp::Error::provider(text, errorCode(answer));
}

json Plugin::send(ccp::Call& call, const std::string& method, const std::string& path,
                  const json& body) const {
  Answer answer = attempt(call, method, path, body);
  if (answer.status == 404) throw ccp::Error::notFound(errorText(answer.body));
  if (answer.status == 422) throw ccp::Error::invalidArgument(errorText(answer.body));
  return std::move(answer.body);
}

json Plugin::ensureCustomer(ccp::Call& call, const json& in) {
  const std::string org_id = ccp::str(in, "org_id"), email = ccp::str(in, "email");
  const std::string lookup = "/v1/customers?limit=1&external_id=" + ccp::urlEncode(org_id);
  const auto known = [&]() -> const json {
    const json page = send(call, "GET", lookup);
    const json* items = ccp::member(page, "items");
    return items != nullptr && items->is_array() && !items->empty() ? items->front() : json();
  };
  if (const json customer = known(); !customer.is_null()) return customerId(customer);
  json body = {
      {"external_id", org_id}, {"email", email}, {"name", ccp::strOr(in, "name").substr(0, 200)}};
  Answer made = attempt(call, "POST", "/v1/customers", body);
  if (made.status == 422 && errorCode(made.body) == "email_taken") {
    // The same person owns another organization: the organization counts, not the address.
    body["email"] = plusAddress(email, org_id);
    made = attempt(call, "POST", "/v1/customers", body);
  }
  if (made.status == 422 && errorCode(made.body) == "external_id_taken") {
    if (const json customer = known(); !customer.is_null()) return customerId(customer);
  }
  if (made.status == 422 || made.status == 404)
    throw ccp::Error::invalidArgument(errorText(made.body));
  return customerId(made.body);
}

json Plugin::createCheckout(ccp::Call& call, const json& in) {
  json body = {{"customer_id", ccp::str(in, "customer_id")},
               {"success_url", ccp::str(in, "success_url")},
               {"quantity", ccp::intOr(in, "quantity", 1)},
               {"trial_days", trialDays(in, call.clock().nowSeconds())}};
  for (const char* key : {"price_id", "product_id", "return_url", "interval"})
    copyText(body, in, key);
  for (const char* key : {"amount", "metadata"}) {
    if (const json* value = ccp::member(in, key)) body[key] = *value;
  }
  return wholeCheckout(send(call, "POST", "/v1/checkouts", body));
}

json Plugin::getCheckout(ccp::Call& call, const json& in) {
  return wholeCheckout(
      send(call, "GET", "/v1/checkouts/" + ccp::urlEncode(ccp::str(in, "checkout_id"))));
}

json Plugin::createPortalLink(ccp::Call& call, const json& in) {
  json body = {{"customer_id", ccp::str(in, "customer_id")}};
  copyText(body, in, "return_url");
  return {{"url", ccp::str(send(call, "POST", "/v1/portal-sessions", body), "url")}};
}

json Plugin::getSubscription(ccp::Call& call, const json& in) {
  return wholeSnapshot(
      send(call, "GET", "/v1/subscriptions/" + ccp::urlEncode(ccp::str(in, "subscription_id"))));
}

json Plugin::listSubscriptions(ccp::Call& call, const json& in) {
  std::string path = "/v1/subscriptions?limit=100";
  if (const std::string customer = ccp::strOr(in, "customer_id"); !customer.empty())
    path += "&customer_id=" + ccp::urlEncode(customer);
  if (const std::string cursor = ccp::strOr(in, "cursor"); !cursor.empty())
    path += "&cursor=" + ccp::urlEncode(cursor);
  return listOf(send(call, "GET", path), [](const json& item) { return wholeSnapshot(item); });
}

json Plugin::changeSubscription(ccp::Call& call, const json& in) {
  const std::string action = ccp::str(in, "action");
  json body = json::object();
  if (action == "cancel" && ccp::boolOr(in, "at_period_end", true))
    body["cancel_at_period_end"] = true;
  else if (action == "cancel")
    body["revoke"] = true;
  else if (action == "uncancel")
    body["cancel_at_period_end"] = false;
  else if (action == "pause")
    body["pause_at_period_end"] = true;
  else if (action == "resume")
    body["resume"] = true;
  else if (action == "quantity")
    body["quantity"] = ccp::integer(in, "quantity");
  else if (action == "plan") {
    copyText(body, in, "price_id");
    copyText(body, in, "product_id");
    if (const auto quantity = ccp::optInt(in, "quantity")) body["quantity"] = *quantity;
  } else {
    throw ccp::Error::invalidArgument(
        "\"action\" must be plan, quantity, cancel, uncancel, pause or resume");
  }
  return wholeSnapshot(send(
      call, "PATCH", "/v1/subscriptions/" + ccp::urlEncode(ccp::str(in, "subscription_id")), body));
}

json Plugin::reportUsage(ccp::Call& call, const json& in) {
  const json* records = ccp::member(in, "records");
  if (records == nullptr || !records->is_array())
    throw ccp::Error::invalidArgument("\"records\" must be a list");
  json events = json::array();
  for (const auto& record : *records) {
    events.push_back({{"customer_id", ccp::str(record, "customer_id")},
                      {"name", ccp::strOr(record, "name", "usage")},
                      {"external_id", ccp::str(record, "id")},
                      {"quantity", ccp::intOr(record, "quantity", 1)}});
  }
  const json answer = send(call, "POST", "/v1/usage", {{"events", std::move(events)}});
  return {{"accepted", ccp::intOr(answer, "inserted")},
          {"duplicates", ccp::intOr(answer, "duplicates")}};
}

json Plugin::listPrices(ccp::Call& call, const json& in) {
  json prices = listOf(send(call, "GET", "/v1/prices"), [](const json& price) -> json {
    return {{"product_id", ccp::strOr(price, "product_id")},
            {"price_id", ccp::strOr(price, "id")},
            {"name", ccp::strOr(price, "name")},
            {"amount",
             {{"amount_minor", ccp::intOr(price, "amount_minor")},
              {"currency", ccp::strOr(price, "currency", "USD")}}},
            {"interval", ccp::strOr(price, "interval", "month")},
            {"archived", false}};
  });
  // Without a catalog of its own the provider sells every price by any id: no list to compare with.
  if (prices["items"].empty() && ccp::strOr(in, "cursor").empty())
    throw ccp::Error::unimplemented("the sandbox provider runs without a catalog");
  return prices;
}

json Plugin::fetchEvent(ccp::Call& call, const json& in) {
  const std::string type = ccp::str(in, "type"), id = ccp::str(in, "id");
  if (type == "event")
    return {
        {"events", json::array({event(send(call, "GET", "/v1/events/" + ccp::urlEncode(id)))})}};
  if (type != "subscription")
    throw ccp::Error::invalidArgument("\"type\" must be event or subscription");
  json whole = wholeSnapshot(send(call, "GET", "/v1/subscriptions/" + ccp::urlEncode(id)));
  json fetched = {{"event_id", "fetched:" + id + ":" + ccp::strOr(whole, "modified_at")},
                  {"type", "subscription.fetched"},
                  {"kind", "subscription"},
                  {"occurred_at", whole["modified_at"]},
                  {"livemode", false},
                  {"customer_id", whole["customer_id"]},
                  {"subscription_id", id},
                  {"subscription", std::move(whole)}};
  return {{"events", json::array({std::move(fetched)})}};
}

json Plugin::listEvents(ccp::Call& call, const json& in) {
  std::string path = "/v1/events?limit=100&since=" + ccp::urlEncode(ccp::str(in, "since"));
  if (const std::string cursor = ccp::strOr(in, "cursor"); !cursor.empty())
    path += "&cursor=" + ccp::urlEncode(cursor);
  json page = listOf(send(call, "GET", path), [](const json& item) { return event(item); });
  json events = json::array();
  const json* kinds = ccp::member(in, "kinds");
  for (auto& item : page["items"]) {
    const bool wanted = kinds == nullptr || kinds->empty() || item["kind"] == "fetch" ||
                        std::find(kinds->begin(), kinds->end(), item["kind"]) != kinds->end();
    if (wanted) events.push_back(std::move(item));
  }
  return {{"events", std::move(events)}, {"next_cursor", page["next_cursor"]}};
}

json Plugin::diagnose(ccp::Call& call, const json&) {
  json findings = json::array();
  const auto add = [&findings](const char* level, const char* code, const std::string& text) {
    findings.push_back({{"level", level}, {"code", code}, {"text", text}});
  };
  try {
    const json endpoint = send(call, "GET", "/v1/webhook-endpoint");
    if (ccp::strOr(endpoint, "url").empty())
      add("error", "no_webhook_endpoint",
          "The sandbox provider has no webhook address; start it with --webhook-url.");
    else if (!ccp::boolOr(endpoint, "enabled", true))
      add("error", "webhook_endpoint_disabled",
          "The sandbox provider's webhook endpoint is disabled.");
    else
      add("ok", "webhook_endpoint",
          "The sandbox provider sends webhooks to " + ccp::strOr(endpoint, "url") + ".");
  } catch (const ccp::Error& error) {
    add("error", "sandbox_unreachable", error.detail());
  }
  return {{"findings", std::move(findings)}};
}

json Plugin::verifyWebhook(ccp::Call& call, const json& in) {
  const auto request = ccp::WebhookRequest::from(in);
  const auto crypto = call.crypto();
  sandbox_billing::verifyWebhook(
      request.headers, request.body, call.clock().nowSeconds(), [&](std::string_view message) {
        return crypto.hmacSha256Base64Key(webhook_secret_, "whsec_", message);
      });
  return json::object();
}

json Plugin::parseWebhook(ccp::Call&, const json& in) {
  const auto request = ccp::WebhookRequest::from(in);
  return sandbox_billing::parseWebhook(request.headers, request.body);
}

}  // namespace sandbox_billing

using SandboxPlugin = sandbox_billing::Plugin;
CCP_PLUGIN(SandboxPlugin)
