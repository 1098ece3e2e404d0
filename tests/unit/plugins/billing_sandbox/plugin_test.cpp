// ccp.billing-sandbox against the real provider, in one process and without sockets: requests of
// the plugin go into the provider's Api, events of the provider into the plugin's webhook
// operations.
#include <doctest/doctest.h>
#include <sodium.h>

#include "api.hpp"
#include "ccp/billing.hpp"
#include "ccp/testing/fake_host.hpp"
#include "ccp/text.hpp"
#include "tests/support/billing_schemas.hpp"

extern "C" const ccp_plugin* ccp_plugin_entry_v1(void);

namespace {

using ccp::json;

const std::string kSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const std::string kBase = "http://127.0.0.1:1";

struct Lab {
  sandbox::Ledger ledger{{"",
                          json::array({{{"id", "solo-month"},
                                        {"name", "Solo"},
                                        {"amount_minor", 2900},
                                        {"currency", "USD"},
                                        {"interval", "month"}}}),
                          2900}};
  sandbox::WebhookSender sender{ledger, {kSecret, std::chrono::milliseconds(1), 3}};
  sandbox::Api api{ledger, sender, "sk_sandbox_0123456789"};
  std::vector<sandbox::OutgoingEvent> sent;
  ccp::testing::FakeHost host;
  std::unique_ptr<ccp::testing::FakeInstance> plugin;

  Lab() {
    REQUIRE(sodium_init() >= 0);
    ledger.setPublicUrl(kBase);
    ledger.onEvent([this](const sandbox::OutgoingEvent& event) { sent.push_back(event); });
    host.now_us = sandbox::wallMicros();
    host.secrets = {{"sandbox/api-key", "sk_sandbox_0123456789"}, {"sandbox/webhook", kSecret}};
    host.onHttp = [this](const ccp::HttpRequest& request) { return toProvider(request); };
    plugin = std::make_unique<ccp::testing::FakeInstance>(host, ccp_plugin_entry_v1(), "sandbox");
    REQUIRE(plugin->configure(config()).ok());
  }
  static json config() {
    return {{"base_url", kBase + "/"},
            {"api_key", {{"$secret", "sandbox/api-key"}}},
            {"webhook_secret", {{"$secret", "sandbox/webhook"}}}};
  }
  ccp::HttpResponse toProvider(const ccp::HttpRequest& in) {
    REQUIRE(in.url.rfind(kBase, 0) == 0);
    sandbox::Request request;
    request.method = in.method;
    const std::string target = in.url.substr(kBase.size());
    request.path = target.substr(0, target.find('?'));
    if (target.find('?') != std::string::npos)
      request.query = sandbox::parseForm(target.substr(target.find('?') + 1));
    request.headers["authorization"] = "Bearer " + host.secrets.at(in.auth.bearer);
    if (const auto key = ccp::headerOf(in.headers, "Idempotency-Key"); !key.empty())
      request.headers["idempotency-key"] = key;
    request.body = in.body;
    const sandbox::Response response = api.handle(request);
    return {response.status, {}, response.body};
  }
  json ok(ccp_op ccp_billing_v1::*op, const json& in) {
    const auto result = plugin->call(op, in);
    CHECK_MESSAGE(result.ok(), result.err.dump());
    if (result.ok()) ccp::test::checkShapes(op, in, result.out);
    return result.out;
  }
  std::string customer(const std::string& org = "org_01jzq3v8x4m2k9w7r5t1c6b0ae",
                       const std::string& email = "ada@example.com") {
    return ok(&ccp_billing_v1::ensure_customer,
              {{"org_id", org}, {"email", email}, {"name", "Ada"}})["customer_id"]
        .get<std::string>();
  }
  json buy(const std::string& customer_id, int trial_days = 0,
           const char* card = "4242424242424242") {
    // The idempotency key of FakeHost never changes; the provider would repeat its first answer.
    const json checkout =
        ok(&ccp_billing_v1::create_checkout, {{"org_id", "org_1"},
                                              {"customer_id", customer_id},
                                              {"price_id", "solo-month"},
                                              {"product_id", ""},
                                              {"quantity", 1},
                                              {"trial_days", trial_days},
                                              {"success_url", "http://127.0.0.1/s?c={CHECKOUT_ID}"},
                                              {"metadata", {{"n", std::to_string(sent.size())}}}});
    CHECK(ledger.payCheckout(checkout["id"].get<std::string>(), card).accepted);
    return ok(&ccp_billing_v1::get_checkout, {{"checkout_id", checkout["id"]}});
  }
  /// The event as the provider would deliver it: verified, then parsed.
  json deliver(const sandbox::OutgoingEvent& event, bool thin = false) {
    const std::int64_t at = host.now_us / 1'000'000;
    ccp::WebhookRequest request;
    request.body = thin ? event.thin_body : event.body;
    request.headers = {
        {"webhook-id", event.id},
        {"webhook-timestamp", std::to_string(at)},
        {"webhook-signature", sandbox::signWebhook(kSecret, event.id, at, request.body)}};
    ok(&ccp_billing_v1::verify_webhook, request.toJson());
    return ok(&ccp_billing_v1::parse_webhook, request.toJson())["events"][0];
  }
  /// The last delivered event of a type.
  json lastOf(const std::string& type) {
    for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
      if (it->type == type) return deliver(*it);
    }
    const std::string problem = "the provider sent no " + type;
    FAIL(problem);
    return nullptr;
  }
};

}  // namespace

TEST_CASE("it configures in dev mode only") {
  Lab lab;
  for (const char* mode : {"prod", "", static_cast<const char*>(nullptr)}) {
    lab.host.setMode(mode);
    ccp::testing::FakeInstance plugin(lab.host, ccp_plugin_entry_v1());
    const auto result = plugin.configure(Lab::config());
    CHECK(result.rc == CCP_RC_INVALID_ARGUMENT);
    CHECK(ccp::strOr(result.err, "detail").find("dev mode only") != std::string::npos);
  }
}

TEST_CASE("one customer per organization, whoever owns it") {
  Lab lab;
  const std::string first = lab.customer();
  CHECK(lab.customer() == first);
  const std::string second = lab.customer("org_01jzq3v8x4m2k9w7r5t1c6b0zz");
  CHECK(second != first);
  CHECK(lab.ledger.customer(second)["email"] == "ada+m2k9w7r5t1c6b0zz@example.com");
}

TEST_CASE("checkout, payment, snapshot") {
  Lab lab;
  const std::string customer = lab.customer();
  const json checkout = lab.buy(customer);
  CHECK(checkout["status"] == "succeeded");
  CHECK(checkout["customer_id"] == customer);
  const json snapshot =
      lab.ok(&ccp_billing_v1::get_subscription, {{"subscription_id", checkout["subscription_id"]}});
  CHECK(snapshot["status"] == "active");
  CHECK(snapshot["price_id"] == "solo-month");
  CHECK(snapshot["amount"] == json({{"amount_minor", 2900}, {"currency", "USD"}}));
  const json event = lab.lastOf("subscription.active");
  CHECK(event["kind"] == "subscription");
  CHECK(event["subscription"] == snapshot);
  CHECK(lab.lastOf("checkout.succeeded")["checkout"]["subscription_id"] ==
        checkout["subscription_id"]);
  CHECK(lab.lastOf("payment.succeeded")["kind"] == "payment");
}

TEST_CASE("the life of a subscription reaches the host as snapshots whose times only grow") {
  Lab lab;
  const json checkout = lab.buy(lab.customer(), 14, "4000000000000341");
  const std::string id = checkout["subscription_id"].get<std::string>();
  CHECK(lab.lastOf("subscription.created")["subscription"]["status"] == "trialing");
  constexpr std::int64_t kDay = 86'400'000'000;
  lab.ledger.advance(15 * kDay);
  const json due = lab.lastOf("subscription.past_due")["subscription"];
  CHECK(due["status"] == "past_due");
  CHECK(!due["past_due_at"].is_null());
  lab.ledger.chargeNow(id, "succeed");
  CHECK(lab.lastOf("subscription.renewed")["subscription"]["status"] == "active");
  CHECK(lab.lastOf("subscription.renewed")["subscription"]["past_due_at"].is_null());
  lab.ok(&ccp_billing_v1::change_subscription, {{"subscription_id", id}, {"action", "cancel"}});
  CHECK(lab.lastOf("subscription.cancel_scheduled")["subscription"]["cancel_at_period_end"] ==
        true);
  lab.ledger.advance(40 * kDay);
  CHECK(lab.lastOf("subscription.canceled")["subscription"]["status"] == "canceled");
  std::string last;
  for (const auto& event : lab.sent) {
    const json parsed = lab.deliver(event);
    if (parsed["kind"] != "subscription") continue;
    const std::string at =
        json::parse(event.body)["data"]["object"]["modified_at"].get<std::string>();
    CHECK(at > last);
    last = at;
  }
}

TEST_CASE("refunds and disputes carry their outcome") {
  Lab lab;
  const std::string id = lab.buy(lab.customer())["subscription_id"].get<std::string>();
  lab.ledger.createRefund({{"subscription_id", id}, {"amount_minor", 900}});
  const json partial = lab.lastOf("refund.created");
  CHECK(partial["outcome"] == "partial");
  CHECK(partial["subscription_id"] == id);
  CHECK(partial["amount"]["amount_minor"] == 900);
  const json dispute = lab.ledger.openDispute({{"subscription_id", id}});
  CHECK(lab.lastOf("dispute.opened")["outcome"] == "opened");
  lab.ledger.closeDispute(dispute["id"].get<std::string>(), "lost");
  CHECK(lab.lastOf("dispute.closed")["outcome"] == "lost");
  lab.ledger.createRefund({{"subscription_id", id}});
  CHECK(lab.lastOf("refund.created")["outcome"] == "full");
  CHECK(lab.lastOf("subscription.canceled")["subscription"]["status"] == "canceled");
}

TEST_CASE("a thin webhook names what fetch_event then gets") {
  Lab lab;
  lab.buy(lab.customer());
  for (const auto& event : lab.sent) {
    if (event.type != "subscription.active") continue;
    const json thin = lab.deliver(event, true);
    REQUIRE(thin["kind"] == "fetch");
    const json fetched = lab.ok(&ccp_billing_v1::fetch_event, thin["fetch"])["events"][0];
    CHECK(fetched == lab.deliver(event));
  }
}

TEST_CASE("changes, portal, usage, prices, pages, diagnosis") {
  Lab lab;
  const std::string customer = lab.customer();
  const std::string id = lab.buy(customer)["subscription_id"].get<std::string>();
  const auto change = [&](json in) {
    in["subscription_id"] = id;
    return lab.ok(&ccp_billing_v1::change_subscription, in);
  };
  CHECK(change({{"action", "quantity"}, {"quantity", 5}})["amount"]["amount_minor"] == 14500);
  CHECK(change({{"action", "plan"}, {"price_id", "team-month"}})["price_id"] == "team-month");
  CHECK(change({{"action", "uncancel"}})["cancel_at_period_end"] == false);
  CHECK(change({{"action", "pause"}})["status"] == "active");
  lab.ledger.advance(40LL * 86'400'000'000);
  CHECK(lab.lastOf("subscription.paused")["subscription"]["status"] == "paused");
  CHECK(change({{"action", "resume"}})["status"] == "active");
  CHECK(change({{"action", "cancel"}, {"at_period_end", false}})["status"] == "canceled");
  CHECK(lab.plugin
            ->call(&ccp_billing_v1::change_subscription,
                   {{"subscription_id", id}, {"action", "quantity"}, {"quantity", 6}})
            .rc == CCP_RC_CONFLICT);

  CHECK(lab.ok(&ccp_billing_v1::create_portal_link, {{"customer_id", customer},
                                                     {"org_id", "o"},
                                                     {"return_url", "http://127.0.0.1/"}})["url"]
            .get<std::string>()
            .rfind(kBase + "/portal/prt_", 0) == 0);
  const json usage = {
      {"records",
       json::array({{{"id", "u1"}, {"org_id", "org_1"}, {"customer_id", customer}, {"quantity", 5}},
                    {{"id", "u1"}, {"org_id", "org_1"}, {"customer_id", customer}}})}};
  CHECK(lab.ok(&ccp_billing_v1::report_usage, usage) == json({{"accepted", 1}, {"duplicates", 1}}));
  CHECK(lab.ok(&ccp_billing_v1::list_prices, json::object())["items"][0]["price_id"] ==
        "solo-month");
  const json page =
      lab.ok(&ccp_billing_v1::list_subscriptions, {{"customer_id", customer}, {"cursor", ""}});
  CHECK(page["items"].size() == 1);
  CHECK(page["next_cursor"] == "");
  CHECK(lab.ok(&ccp_billing_v1::diagnose, json::object())["findings"][0]["code"] ==
        "no_webhook_endpoint");
  CHECK(lab.plugin->call(&ccp_billing_v1::get_subscription, {{"subscription_id", "sub_none"}}).rc ==
        CCP_RC_NOT_FOUND);
  CHECK(lab.plugin->call(&ccp_billing_v1::get_checkout, {{"checkout_id", "../customers"}}).rc ==
        CCP_RC_NOT_FOUND);
}

TEST_CASE(
    "what happened since comes again as the webhooks said it, and the whole account is listed") {
  Lab lab;
  lab.buy(lab.customer());
  lab.buy(lab.customer("org_01jzq3v8x4m2k9w7r5t1c6b0zz"));
  const json all =
      lab.ok(&ccp_billing_v1::list_events, {{"since", "2020-01-01T00:00:00Z"}, {"cursor", ""}});
  CHECK(all["next_cursor"] == "");
  REQUIRE(all["events"].size() == lab.sent.size());
  for (std::size_t i = 0; i < lab.sent.size(); ++i)
    CHECK(all["events"][i] == lab.deliver(lab.sent[i]));
  const std::string later = ccp::formatRfc3339(lab.host.now_us + 3'600'000'000);
  CHECK(lab.ok(&ccp_billing_v1::list_events, {{"since", later}})["events"].empty());
  const json payments = lab.ok(&ccp_billing_v1::list_events, {{"since", "2020-01-01T00:00:00Z"},
                                                              {"kinds", json::array({"payment"})}});
  CHECK(payments["events"].size() == 2);
  CHECK(lab.ok(&ccp_billing_v1::list_subscriptions, json::object())["items"].size() == 2);
}

TEST_CASE("a first payment later is a trial in whole days, rounded up") {
  Lab lab;
  const std::string customer = lab.customer();
  const json checkout =
      lab.ok(&ccp_billing_v1::create_checkout,
             {{"org_id", "org_1"},
              {"customer_id", customer},
              {"price_id", "solo-month"},
              {"success_url", "http://127.0.0.1/s"},
              {"first_charge_at",
               ccp::formatRfc3339(lab.host.now_us + 29LL * 86'400'000'000 + 5'000'000)}});
  CHECK(lab.ledger.checkout(checkout["id"].get<std::string>())["trial_days"] == 30);
}

TEST_CASE("a webhook that says it is live is refused, genuine as it may be") {
  Lab lab;
  const std::int64_t at = lab.host.now_us / 1'000'000;
  ccp::WebhookRequest request;
  request.body = R"({"id":"evt_1","type":"x","livemode":true,"data":{"object":{}}})";
  request.headers = {
      {"webhook-id", "evt_1"},
      {"webhook-timestamp", std::to_string(at)},
      {"webhook-signature", sandbox::signWebhook(kSecret, "evt_1", at, request.body)}};
  CHECK(lab.plugin->call(&ccp_billing_v1::verify_webhook, request.toJson()).code() ==
        "livemode_mismatch");
}

TEST_CASE("answers that make no sense") {
  Lab lab;
  struct Row {
    ccp::HttpResponse response;
    ccp_rc rc;
  };
  for (const Row& row :
       std::vector<Row>{{{500, {}, "{}"}, CCP_RC_UNAVAILABLE},
                        {{200, {}, "{}"}, CCP_RC_UNAVAILABLE},
                        {{200, {}, "[]"}, CCP_RC_UNAVAILABLE},
                        {{401, {}, R"({"error":{"code":"unauthenticated"}})"}, CCP_RC_UNAVAILABLE},
                        {{429, {}, ""}, CCP_RC_RATE_LIMITED},
                        {{200, {}, "<html>"}, CCP_RC_UNAVAILABLE},
                        {{503, {}, "<html>"}, CCP_RC_UNAVAILABLE}}) {
    lab.host.onHttp = [&row](const ccp::HttpRequest&) { return row.response; };
    CAPTURE(row.response.body);
    CHECK(lab.plugin->call(&ccp_billing_v1::get_subscription, {{"subscription_id", "sub_1"}}).rc ==
          row.rc);
  }
}
