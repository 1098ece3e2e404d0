// example.billing-quill: a payment provider behind ccp.billing/1. Quill does not exist; its API is what such an
// API usually is. I/O is here, meaning in mapping.cpp. No state: the host keeps ids and asks again.
#include <optional>

#include "ccp/billing.hpp"
#include "ccp/standard_webhooks.hpp"
#include "mapping.hpp"

namespace {

using ccp::json;

class Quill {
 public:
  using Provides = ccp::Provides<ccp::Billing>;

  void configure(ccp::Call&, const json& config) {
    base_url_ = ccp::str(config, "base_url");
    while (!base_url_.empty() && base_url_.back() == '/') base_url_.pop_back();
    api_key_ = ccp::secretRef(config, "api_key");
    webhook_secret_ = ccp::secretRef(config, "webhook_secret");
    if (api_key_.empty() || webhook_secret_.empty()) throw ccp::Error::invalidArgument("\"api_key\" and \"webhook_secret\" must be secret references");
  }

  /// The organization decides, not the mail address: two people of one org are one customer.
  json ensureCustomer(ccp::Call& call, const json& in) {
    const std::string org = ccp::str(in, "org_id");
    const json found = get(call, "/v1/customers?external_id=" + ccp::urlEncode(org));
    if (const json* first = ccp::at(found, "/customers/0")) return {{"customer_id", idOf(*first)}};
    const json made = post(call, "/v1/customers", {{"external_id", org}, {"email", ccp::strOr(in, "email")}, {"name", ccp::strOr(in, "name")}});
    return {{"customer_id", idOf(made)}};
  }

  json createCheckout(ccp::Call& call, const json& in) {
    json body = {{"customer", ccp::str(in, "customer_id")},
                 {"plan", ccp::strOr(in, "product_id")},
                 {"seats", ccp::intOr(in, "quantity", 1)},
                 {"return_url", ccp::str(in, "success_url")}};
    if (const auto days = ccp::intOr(in, "trial_days"); days > 0) body["trial_days"] = days;
    return quill::checkout(post(call, "/v1/checkouts", body));
  }
  json getCheckout(ccp::Call& call, const json& in) {
    return quill::checkout(get(call, "/v1/checkouts/" + ccp::urlEncode(ccp::str(in, "checkout_id"))));
  }
  json createPortalLink(ccp::Call& call, const json& in) {
    const json made = post(call, "/v1/portal_sessions", {{"customer", ccp::str(in, "customer_id")}, {"return_url", ccp::strOr(in, "return_url")}});
    const std::string url = ccp::strOr(made, "url");
    if (url.empty()) throw ccp::Error::provider("Quill's answer has no \"url\"");
    return {{"url", url}};
  }

  json getSubscription(ccp::Call& call, const json& in) {
    return quill::subscription(get(call, "/v1/subscriptions/" + ccp::urlEncode(ccp::str(in, "subscription_id"))));
  }
  json listSubscriptions(ccp::Call& call, const json& in) {
    std::string path = "/v1/subscriptions?customer=" + ccp::urlEncode(ccp::str(in, "customer_id"));
    if (const auto cursor = ccp::strOr(in, "cursor"); !cursor.empty()) path += "&after=" + ccp::urlEncode(cursor);
    const json page = get(call, path);
    const json* list = ccp::member(page, "subscriptions");
    if (list == nullptr || !list->is_array()) throw ccp::Error::provider("Quill's answer has no list of subscriptions");
    json items = json::array();
    for (const json& one : *list) items.push_back(quill::subscription(one));
    return {{"items", std::move(items)}, {"next_cursor", ccp::strOr(page, "next")}};
  }

  json diagnose(ccp::Call& call, const json&) {
    try {
      const json account = get(call, "/v1/account");
      const bool live = ccp::boolOr(account, "live");
      return findings("ok", live ? "live" : "test_account", "The API key opens the " + std::string(live ? "live" : "test") + " account " + ccp::strOr(account, "name", "without a name") + ".");
    } catch (const ccp::Error& error) {
      return findings("error", "account_unreachable", "Quill does not show the account: " + error.detail() + ". Check api_key and base_url.");
    }
  }

  /// Pure but for clock and MAC; the key stays in the host.
  void verifyWebhook(ccp::Call& call, const json& in) {
    const auto request = ccp::WebhookRequest::from(in);
    const auto reading = ccp::webhooks::read(request.headers, request.body, call.clock().nowSeconds());
    if (!reading.ok) throw ccp::Error::signatureInvalid(reading.problem);
    ccp::webhooks::requireGenuine(reading, {call.crypto().hmacSha256Base64Key(webhook_secret_, "whsec_", reading.message.content)});
  }
  json parseWebhook(ccp::Call&, const json& in) {
    const auto request = ccp::WebhookRequest::from(in);
    const std::string id = ccp::webhooks::messageId(request.headers);
    if (id.empty()) throw ccp::Error::invalidArgument("the webhook has no single webhook-id");
    return {{"events", json::array({quill::event(ccp::parseJson(request.body), id)})}};
  }

 private:
  static json findings(const char* level, const char* code, const std::string& text) {
    return {{"findings", json::array({{{"level", level}, {"code", code}, {"text", text}}})}};
  }
  static std::string idOf(const json& in) {
    const std::string id = ccp::strOr(in, "id");
    if (id.empty() || id.size() > 200) throw ccp::Error::provider("Quill's answer has no usable \"id\"");
    return id;
  }
  json get(ccp::Call& call, const std::string& path) const { return ask(call, "GET", path, std::nullopt); }
  json post(ccp::Call& call, const std::string& path, const json& body) const { return ask(call, "POST", path, body); }

  json ask(ccp::Call& call, const char* method, const std::string& path, const std::optional<json>& body) const {
    ccp::HttpRequest request;
    request.method = method;
    request.url = base_url_ + path;
    request.auth.bearer = api_key_;
    if (body) {
      request.headers = {{"Content-Type", "application/json"}};
      // Stable across retries: a second POST finds what the first one made.
      if (!call.idempotencyKey().empty()) request.headers.emplace_back("Idempotency-Key", call.idempotencyKey());
      request.body = ccp::dumpJson(*body);
    }
    const auto answer = call.http().send(request);
    if (answer.status == 404) throw ccp::Error::notFound("Quill does not know it");
    if (answer.status == 429) throw ccp::Error::rateLimited("Quill asks to slow down", 10000);
    if (answer.status == 401 || answer.status == 403) throw ccp::Error::provider("Quill does not accept the API key", std::to_string(answer.status));
    if (!answer.ok()) throw ccp::Error::provider("Quill answered with HTTP status " + std::to_string(answer.status), std::to_string(answer.status));
    try {
      return ccp::parseJson(answer.body);
    } catch (const ccp::Error& error) {
      throw ccp::Error::provider("Quill's answer is " + error.detail());
    }
  }

  std::string base_url_, api_key_, webhook_secret_;
};

}  // namespace

CCP_PLUGIN(Quill)
