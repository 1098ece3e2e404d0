// @ID@: a payment provider behind CCP's contract. This one speaks to a gateway of your own that takes and gives
// the contract's JSON under POST <base_url>/<operation>; for another provider, translate in ask() and in the
// operations. It keeps no state, and it reports whole snapshots: the host decides about licenses.
#include "ccp/billing.hpp"

namespace {

using ccp::json;

class @CLASS@ {
 public:
  using Provides = ccp::Provides<ccp::Billing>;

  void configure(ccp::Call&, const json& config) {
    base_url_ = ccp::str(config, "base_url");
    while (!base_url_.empty() && base_url_.back() == '/') base_url_.pop_back();
    api_key_ = ccp::secretRef(config, "api_key");
    webhook_secret_ = ccp::secretRef(config, "webhook_secret");
  }

  json ensureCustomer(ccp::Call& call, const json& in) { return ask(call, "ensure_customer", in, {"customer_id"}); }
  json createCheckout(ccp::Call& call, const json& in) { return ask(call, "create_checkout", in, {"id", "status"}); }
  json getCheckout(ccp::Call& call, const json& in) { return ask(call, "get_checkout", in, {"id", "status"}); }
  json getSubscription(ccp::Call& call, const json& in) { return ask(call, "get_subscription", in, {"id", "customer_id", "status"}); }
  json listSubscriptions(ccp::Call& call, const json& in) { return ask(call, "list_subscriptions", in, {"items"}); }

  /// Pure but for the MAC, whose key stays in the host.
  void verifyWebhook(ccp::Call& call, const json& in) {
    const auto request = ccp::WebhookRequest::from(in);
    const std::string expected = "sha256=" + ccp::hexEncode(call.crypto().hmacSha256(webhook_secret_, request.body));
    if (!ccp::equalConstantTime(request.header("X-Signature"), expected)) {
      throw ccp::Error::signatureInvalid("X-Signature is not the HMAC of the body");
    }
  }

  /// Pure. The body is {"events":[…]} in the contract's own form.
  json parseWebhook(ccp::Call&, const json& in) {
    const json body = ccp::parseJson(ccp::WebhookRequest::from(in).body);
    const json* events = ccp::member(body, "events");
    if (events == nullptr || !events->is_array()) throw ccp::Error::invalidArgument("the webhook holds no list of events");
    return {{"events", *events}};
  }

 private:
  json ask(ccp::Call& call, const std::string& operation, const json& in, std::initializer_list<const char*> required) const {
    ccp::HttpRequest request;
    request.method = "POST";
    request.url = base_url_ + "/" + operation;
    request.headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", call.idempotencyKey()}};
    request.body = ccp::dumpJson(in);
    request.auth.bearer = api_key_;
    const auto answer = call.http().send(request);
    if (answer.status == 404) throw ccp::Error::notFound("the provider does not know it");
    if (answer.status == 429) throw ccp::Error::rateLimited("the provider asks to slow down", 30000);
    if (!answer.ok()) throw ccp::Error::provider("the provider answered with HTTP status " + std::to_string(answer.status));
    json out;
    try {
      out = ccp::parseJson(answer.body);
    } catch (const ccp::Error& error) {
      throw ccp::Error::provider("the provider's answer is " + error.detail());
    }
    for (const char* name : required) {
      if (ccp::member(out, name) == nullptr) throw ccp::Error::provider(std::string("the provider's answer has no ") + name);
    }
    return out;
  }

  std::string base_url_, api_key_, webhook_secret_;
};

}  // namespace

CCP_PLUGIN(@CLASS@)
