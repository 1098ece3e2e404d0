#include "core/plugin/facades/billing_provider.hpp"

#include "core/base/encoding.hpp"
#include "core/base/json_text.hpp"
#include "core/plugin/facades/billing_json.hpp"
#include "core/plugin/facades/caller.hpp"

namespace ccp::plugin {
namespace {

/// Header names and raw bytes as they came: the plugin verifies a signature over them.
std::vector<std::string> textOfEach(const std::vector<Webhook>& deliveries) {
  std::vector<std::string> out;
  out.reserve(deliveries.size());
  for (const auto& [headers, body] : deliveries) {
    const std::string lines = jsonOfPairs(headers);
    std::string& text = out.emplace_back();
    text.reserve(lines.size() + body.size() / 3 * 4 + 32);
    text += "{\"headers\":";
    text += lines;
    text += ",\"body\":\"";
    text += base64UrlEncode(bytesOf(body));  // which has nothing to escape
    text += "\"}";
  }
  return out;
}

Result<std::string> required(const Json& answer, std::string_view key) {
  auto value = answer.strOr(key);
  if (value.empty()) return fail(Errc::provider_error, "The plugin answered without \"" + std::string(key) + "\".");
  return value;
}

/// Whoever asks for one object acts on the answer: it must be that one.
Status sameId(const std::string& asked, const std::string& answered, const char* what) {
  if (asked == answered) return {};
  return fail(Errc::provider_error, std::string("Asked for ") + what + " " + asked + ", the plugin answered with " + answered.substr(0, 200) + ".");
}

class Facade final : public BillingProvider {
 public:
  explicit Facade(std::shared_ptr<Caller> caller) : caller_(std::move(caller)) {}

  const std::string& instance() const override { return caller_->instance(); }

  Result<std::string> ensureCustomer(const CallContext& ctx, const std::string& org_id, const std::string& email,
                                     const std::string& name) override {
    CCP_TRY(auto answer, caller_->call("ensure_customer", ctx, Json::object({{"org_id", org_id}, {"email", email}, {"name", name}})));
    return required(answer, "customer_id");
  }
  Result<Checkout> createCheckout(const CallContext& ctx, const CheckoutRequest& request) override {
    CCP_TRY(auto answer, caller_->call("create_checkout", ctx, toJson(request)));
    return checkoutFrom(answer);
  }
  Result<Checkout> getCheckout(const CallContext& ctx, const std::string& checkout_id) override {
    CCP_TRY(auto answer, caller_->call("get_checkout", ctx, Json::object({{"checkout_id", checkout_id}})));
    CCP_TRY(auto checkout, checkoutFrom(answer));
    CCP_CHECK_OK(sameId(checkout_id, checkout.id, "checkout"));
    return checkout;
  }
  Result<std::string> createPortalLink(const CallContext& ctx, const std::string& customer_id, const std::string& org_id,
                                       const std::string& return_url) override {
    CCP_TRY(auto answer, caller_->call("create_portal_link", ctx,
                                       Json::object({{"customer_id", customer_id}, {"org_id", org_id}, {"return_url", return_url}})));
    CCP_TRY(auto url, required(answer, "url"));
    return pageUrl(std::move(url));
  }
  Result<SubscriptionSnapshot> getSubscription(const CallContext& ctx, const std::string& subscription_id) override {
    CCP_TRY(auto answer, caller_->call("get_subscription", ctx, Json::object({{"subscription_id", subscription_id}})));
    return whole(subscription_id, answer);
  }
  Result<SubscriptionPage> listSubscriptions(const CallContext& ctx, const std::string& customer_id, const std::string& cursor) override {
    CCP_TRY(auto answer, caller_->call("list_subscriptions", ctx, customer_id.empty() ? Json::object({{"cursor", cursor}})
                                                           : Json::object({{"customer_id", customer_id}, {"cursor", cursor}})));
    if (!answer["items"].isArray()) return fail(Errc::provider_error, "The plugin answered without \"items\".");
    SubscriptionPage page;
    for (const auto& item : answer["items"].items()) {
      CCP_TRY(auto snapshot, SubscriptionSnapshot::from(item));
      page.items.push_back(std::move(snapshot));
    }
    page.next_cursor = answer.strOr("next_cursor");
    return page;
  }
  std::vector<Result<WebhookFacts>> verifyWebhooks(const CallContext& ctx, const std::vector<Webhook>& deliveries) override {
    std::vector<Result<WebhookFacts>> out;
    out.reserve(deliveries.size());
    for (const auto& answer : caller_->callEach("verify_webhook", ctx, textOfEach(deliveries))) {
      if (answer)
        out.emplace_back(WebhookFacts{answer->strOr("event_id"), answer->strOr("type")});
      else
        out.emplace_back(fail(answer.error()));
    }
    return out;
  }
  std::vector<Result<std::vector<BillingEvent>>> parseWebhooks(const CallContext& ctx, const std::vector<Webhook>& deliveries) override {
    std::vector<Result<std::vector<BillingEvent>>> out;
    out.reserve(deliveries.size());
    for (const auto& answer : caller_->callEach("parse_webhook", ctx, textOfEach(deliveries))) {
      out.push_back(answer ? billingEventsFrom(*answer) : Result<std::vector<BillingEvent>>(fail(answer.error())));
    }
    return out;
  }
  Result<std::vector<BillingEvent>> fetchEvent(const CallContext& ctx, const Json& what) override {
    CCP_TRY(auto answer, caller_->call("fetch_event", ctx, what));
    return billingEventsFrom(answer);
  }
  Result<SubscriptionSnapshot> changeSubscription(const CallContext& ctx, const SubscriptionChange& change) override {
    CCP_TRY(auto answer, caller_->call("change_subscription", ctx, toJson(change)));
    return whole(change.subscription_id, answer);
  }
  Status reportUsage(const CallContext& ctx, const std::vector<UsageRecord>& records) override {
    Json list = Json::array();
    for (const auto& record : records) list.push(toJson(record));
    CCP_TRY([[maybe_unused]] auto answer, caller_->call("report_usage", ctx, Json::object({{"records", std::move(list)}})));
    return {};
  }
  Result<OfferPage> listPrices(const CallContext& ctx, const std::string& cursor) override {
    CCP_TRY(auto answer, caller_->call("list_prices", ctx, Json::object({{"cursor", cursor}})));
    if (!answer["items"].isArray()) return fail(Errc::provider_error, "The plugin answered without \"items\".");
    OfferPage page;
    for (const auto& item : answer["items"].items()) {
      CCP_TRY(auto offer, offerFrom(item));
      page.items.push_back(std::move(offer));
    }
    page.next_cursor = answer.strOr("next_cursor");
    return page;
  }
  Result<EventPage> listEvents(const CallContext& ctx, Timestamp since, const std::vector<BillingEventKind>& kinds,
                               const std::string& cursor) override {
    Json names = Json::array();
    for (const auto kind : kinds) names.push(toString(kind));
    CCP_TRY(auto answer, caller_->call("list_events", ctx,
                                       Json::object({{"since", formatRfc3339(since)}, {"cursor", cursor}, {"kinds", std::move(names)}})));
    EventPage page;
    CCP_TRY(page.events, billingEventsFrom(answer));
    page.next_cursor = answer.strOr("next_cursor");
    return page;
  }
  Result<Json> diagnose(const CallContext& ctx) override {
    CCP_TRY(auto answer, caller_->call("diagnose", ctx, Json::object()));
    return answer["findings"];
  }

 private:
  static Result<SubscriptionSnapshot> whole(const std::string& asked, const Json& answer) {
    CCP_TRY(auto snapshot, SubscriptionSnapshot::from(answer));
    CCP_CHECK_OK(sameId(asked, snapshot.id, "subscription"));
    return snapshot;
  }

  std::shared_ptr<Caller> caller_;
};

}  // namespace

std::shared_ptr<BillingProvider> makeBillingProvider(std::shared_ptr<Caller> caller) {
  return std::make_shared<Facade>(std::move(caller));
}

}  // namespace ccp::plugin
