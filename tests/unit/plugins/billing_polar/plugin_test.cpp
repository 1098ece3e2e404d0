// The operations of ccp.billing-polar through the C table, with a Polar that the test owns. Every request
// that is sent stands in plugins/billing_polar/fixtures/requests; the end-to-end suite holds those files
// against Polar's official description. CCP_UPDATE_FIXTURES=1 writes them anew.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ccp/billing.hpp"
#include "ccp/testing/fake_host.hpp"
#include "ccp/text.hpp"
#include "tests/support/billing_schemas.hpp"

extern "C" const ccp_plugin* ccp_plugin_entry_v1(void);

namespace {

using ccp::json;
using ccp::HttpRequest;
using ccp::HttpResponse;

const std::string kBase = "https://sandbox-api.polar.sh";
const std::string kCustomer = "992fae2a-2a17-4b7a-8d9e-e287cf90131b";
const std::string kSubscription = "e5149aae-e521-42b9-b24c-abb3d71eea2e";
const std::string kProduct = "d8dd2de1-21b7-4a41-8bc3-ce909c0cfe23";
const std::string kCheckout = "0f8e3a4e-8b8e-4f0e-9d38-1b1f2a4c7d10";
const std::string kOrg = "org_01jzq3v8x4m2k9w7r5t1c6b0ae";

json validationError(const char* field, const char* text) {
  return {{"detail", json::array({{{"loc", json::array({"body", field})}, {"msg", text}, {"type", "value_error"}}})}};
}
HttpResponse answer(int status, const json& body, ccp::Headers headers = {}) { return {status, std::move(headers), body.dump()}; }
const json kNotFound = {{"error", "ResourceNotFound"}, {"detail", "Not found"}};
json subscriptionOf(const char* status) {
  return {{"id", kSubscription}, {"customer_id", kCustomer}, {"product_id", kProduct}, {"status", status},
          {"created_at", "2026-11-01T09:00:00Z"}, {"modified_at", nullptr}, {"amount", 2900}, {"currency", "usd"}};
}

json sentBody(const HttpRequest& request) { return request.body.empty() ? json() : json::parse(request.body); }

/// Compares one request with its fixture; the path stands without the server.
void checkRequest(const char* name, const HttpRequest& request) {
  REQUIRE(request.url.rfind(kBase, 0) == 0);
  const json actual = {{"method", request.method}, {"path", request.url.substr(kBase.size())}, {"body", sentBody(request)}};
  const std::string path = std::string(CCP_SOURCE_DIR) + "/plugins/billing_polar/fixtures/requests/" + name + ".json";
  if (std::getenv("CCP_UPDATE_FIXTURES") != nullptr) std::ofstream(path) << actual.dump(1) << "\n";
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  CAPTURE(name);
  CHECK_MESSAGE(json::parse(text.str(), nullptr, false) == actual, actual.dump());
  CHECK(request.auth.bearer == "polar/token");
  CHECK(ccp::headerOf(request.headers, "Polar-Version") == "2026-10");
  CHECK(ccp::headerOf(request.headers, "Authorization").empty());
}

struct Lab {
  ccp::testing::FakeHost host;
  std::unique_ptr<ccp::testing::FakeInstance> plugin;

  explicit Lab(json config = {{"server", "sandbox"}}) {
    host.secrets["polar/token"] = "polar_oat_test";
    host.secrets["polar/webhook"] = "whsec_" + ccp::base64Encode("0123456789abcdef0123456789abcdef");
    plugin = std::make_unique<ccp::testing::FakeInstance>(host, ccp_plugin_entry_v1(), "polar");
    config["access_token"] = {{"$secret", "polar/token"}};
    config["webhook_secret"] = {{"$secret", "polar/webhook"}};
    REQUIRE(plugin->configure(config).ok());
    REQUIRE(plugin->start().ok());
  }
  /// Answers one after the other; more requests than answers fail the test.
  void script(std::vector<HttpResponse> answers) {
    host.requests.clear();
    auto rest = std::make_shared<std::vector<HttpResponse>>(std::move(answers));
    host.onHttp = [rest](const HttpRequest& request) {
      if (rest->empty()) throw ccp::Error::unavailable("unexpected request: " + request.method + " " + request.url);
      HttpResponse next = rest->front();
      rest->erase(rest->begin());
      return next;
    };
  }
  ccp::testing::OpResult call(ccp_op ccp_billing_v1::*op, const json& in) {
    auto result = plugin->call(op, in);
    if (result.ok()) ccp::test::checkShapes(op, in, result.out);
    return result;
  }
};

const json kEnsure = {{"org_id", kOrg}, {"email", "ada@example.com"}, {"name", "Ada's org"}};

}  // namespace

TEST_CASE("an organization's customer is found by the organization's id") {
  Lab lab;
  lab.script({answer(200, {{"id", kCustomer}, {"external_id", kOrg}})});
  const auto result = lab.call(&ccp_billing_v1::ensure_customer, kEnsure);
  CHECK(result.out == json({{"customer_id", kCustomer}}));
  checkRequest("customer.find", lab.host.requests.at(0));
}

TEST_CASE("a new organization gets a customer with its owner's address") {
  Lab lab;
  lab.script({answer(404, kNotFound), answer(201, {{"id", kCustomer}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out == json({{"customer_id", kCustomer}}));
  checkRequest("customer.create", lab.host.requests.at(1));
  CHECK(ccp::headerOf(lab.host.requests.at(1).headers, "Idempotency-Key") == "idem_test");
}

TEST_CASE("a second organization of the same person gets a plus address, never the other's customer") {
  Lab lab;
  const json taken = validationError("email", "A customer with this email address already exists.");
  lab.script({answer(404, kNotFound), answer(422, taken), answer(201, {{"id", kCustomer}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out == json({{"customer_id", kCustomer}}));
  REQUIRE(lab.host.requests.size() == 3);
  checkRequest("customer.create.plus_address", lab.host.requests.at(2));
  CHECK(sentBody(lab.host.requests[2])["email"] == "ada+m2k9w7r5t1c6b0ae@example.com");
  CHECK(sentBody(lab.host.requests[2])["external_id"] == kOrg);

  lab.script({answer(404, kNotFound), answer(422, taken), answer(422, taken)});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).rc == CCP_RC_CONFLICT);
}

TEST_CASE("a customer that was made in between is found again") {
  Lab lab;
  lab.script({answer(404, kNotFound), answer(422, validationError("external_id", "A customer with this external ID already exists.")),
              answer(200, {{"id", kCustomer}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out == json({{"customer_id", kCustomer}}));
}

TEST_CASE("an address that Polar refuses is an error of the request, not a reason for another address") {
  Lab lab;
  lab.script({answer(404, kNotFound), answer(422, validationError("email", "value is not a valid email address"))});
  const auto result = lab.call(&ccp_billing_v1::ensure_customer, kEnsure);
  CHECK(result.rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(ccp::strOr(result.err, "detail").find("not a valid email") != std::string::npos);
  CHECK(lab.host.requests.size() == 2);
}

TEST_CASE("the demo user's address gets a domain that Polar takes") {
  Lab lab;
  lab.script({answer(404, kNotFound), answer(201, {{"id", kCustomer}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, {{"org_id", kOrg}, {"email", "demo@localhost"}, {"name", ""}}).ok());
  CHECK(sentBody(lab.host.requests.at(1))["email"] == "demo@localhost.example.com");
  checkRequest("customer.create.demo", lab.host.requests.at(1));
}

TEST_CASE("a checkout names the customer, the organization and the product") {
  Lab lab;
  const json open = {{"id", kCheckout}, {"url", "https://polar.sh/checkout/x"}, {"status", "open"}, {"customer_id", kCustomer}, {"subscription_id", nullptr}};
  json in = {{"org_id", kOrg}, {"customer_id", kCustomer}, {"customer_email", "ada@example.com"}, {"product_id", kProduct},
             {"price_id", ""}, {"quantity", 1}, {"trial_days", 0}, {"success_url", "https://ccp.acme.dev/billing/success?checkout=chk_1"},
             {"return_url", "https://ccp.acme.dev/dashboard"}, {"metadata", {{"checkout", "chk_1"}}}};
  lab.script({answer(201, open)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).out ==
        json({{"id", kCheckout}, {"url", "https://polar.sh/checkout/x"}, {"status", "open"}, {"customer_id", kCustomer}, {"subscription_id", ""}}));
  checkRequest("checkout.create", lab.host.requests.at(0));

  in["quantity"] = 7;
  in["trial_days"] = 14;
  lab.script({answer(201, open)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).ok());
  checkRequest("checkout.create.seats_and_trial", lab.host.requests.at(0));

  in["success_url"] = "https://ccp.acme.dev/billing/success?checkout={CHECKOUT_ID}";
  lab.script({answer(201, open)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).ok());
  CHECK(sentBody(lab.host.requests.at(0))["success_url"] == "https://ccp.acme.dev/billing/success?checkout={CHECKOUT_ID}");
}

TEST_CASE("a checkout without a customer of its own is refused before anything is sent") {
  Lab lab;
  lab.script({});
  const json base = {{"org_id", kOrg}, {"customer_id", kCustomer}, {"product_id", kProduct}, {"success_url", "https://x.dev/s"}};
  const std::vector<std::pair<const char*, json>> rows = {{"customer_id", ""}, {"product_id", "solo"}, {"org_id", nullptr},
                                                          {"success_url", 5},  {"quantity", 0},        {"quantity", 10001}};
  for (const auto& row : rows) {
    json in = base;
    in[row.first] = row.second;
    CAPTURE(row.first);
    CHECK(lab.call(&ccp_billing_v1::create_checkout, in).rc == CCP_RC_INVALID_ARGUMENT);
  }
  CHECK(lab.host.requests.empty());
}

TEST_CASE("metadata that Polar would refuse is left out") {
  Lab lab;
  json in = {{"org_id", kOrg}, {"customer_id", kCustomer}, {"product_id", kProduct}, {"success_url", "https://x.dev/s"}};
  in["metadata"] = {{"", "x"}, {"empty", ""}, {std::string(41, 'k'), "x"}, {"long", std::string(600, 'v')}, {"list", json::array()}, {"ok", "v"}, {"n", 5}};
  lab.script({answer(201, {{"id", kCheckout}, {"url", "u"}, {"status", "open"}})});
  REQUIRE(lab.plugin->call(&ccp_billing_v1::create_checkout, in).ok());
  CHECK(sentBody(lab.host.requests.at(0))["metadata"] == json({{"ccp_org", kOrg}, {"long", std::string(500, 'v')}, {"n", 5}, {"ok", "v"}}));
}

TEST_CASE("reading a checkout, a portal session, subscriptions") {
  Lab lab;
  lab.script({answer(200, {{"id", kCheckout}, {"status", "succeeded"}, {"subscription_id", kSubscription}})});
  CHECK(lab.call(&ccp_billing_v1::get_checkout, {{"checkout_id", kCheckout}}).out["subscription_id"] == kSubscription);
  checkRequest("checkout.get", lab.host.requests.at(0));

  lab.script({answer(201, {{"token", "polar_cst_x"}, {"customer_portal_url", "https://sandbox.polar.sh/acme/portal?x"}})});
  CHECK(lab.call(&ccp_billing_v1::create_portal_link, {{"customer_id", kCustomer}, {"org_id", kOrg}, {"return_url", "https://x.dev/"}}).out ==
        json({{"url", "https://sandbox.polar.sh/acme/portal?x"}}));
  checkRequest("portal.create", lab.host.requests.at(0));
  lab.script({answer(201, {{"customer_portal_url", "https://p"}})});
  CHECK(lab.call(&ccp_billing_v1::create_portal_link, {{"customer_id", ""}, {"org_id", kOrg}}).ok());
  checkRequest("portal.create.by_org", lab.host.requests.at(0));

  lab.script({answer(200, subscriptionOf("active"))});
  const auto one = lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}});
  CHECK(one.out["status"] == "active");
  CHECK(one.out["modified_at"] == "2026-11-01T09:00:00Z");
  checkRequest("subscription.get", lab.host.requests.at(0));

  lab.script({answer(200, {{"items", json::array({subscriptionOf("active")})}, {"pagination", {{"total_count", 101}, {"max_page", 2}}}}),
              answer(200, {{"items", json::array()}, {"pagination", {{"total_count", 101}, {"max_page", 2}}}})});
  const auto first = lab.call(&ccp_billing_v1::list_subscriptions, {{"customer_id", kCustomer}, {"cursor", ""}});
  CHECK(first.out["items"].size() == 1);
  CHECK(first.out["next_cursor"] == "2");
  checkRequest("subscription.list", lab.host.requests.at(0));
  CHECK(lab.call(&ccp_billing_v1::list_subscriptions, {{"customer_id", kCustomer}, {"cursor", "2"}}).out["next_cursor"] == "");
  CHECK(lab.call(&ccp_billing_v1::list_subscriptions, {{"customer_id", kCustomer}, {"cursor", "x"}}).rc == CCP_RC_INVALID_ARGUMENT);
}

TEST_CASE("an id that is no UUID is not sent into a path") {
  Lab lab;
  lab.script({});
  for (const char* id : {"../customers", "", "e5149aae-e521-42b9-b24c-abb3d71eea2e/x", "E5149AAE-E521-42B9-B24C-ABB3D71EEA2Z"}) {
    CHECK(lab.call(&ccp_billing_v1::get_checkout, {{"checkout_id", id}}).rc == CCP_RC_NOT_FOUND);
    CHECK(lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", id}}).rc == CCP_RC_NOT_FOUND);
  }
  CHECK(lab.host.requests.empty());
  lab.script({answer(200, {{"id", kCustomer}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, {{"org_id", "../x y"}, {"email", "a@b.io"}, {"name", ""}}).ok());
  CHECK(lab.host.requests.at(0).url == kBase + "/v1/customers/external/..%2Fx%20y");
}

TEST_CASE("changes of a subscription") {
  Lab lab;
  const std::vector<std::pair<const char*, json>> rows = {
      {"subscription.cancel", {{"action", "cancel"}}},
      {"subscription.revoke", {{"action", "cancel"}, {"at_period_end", false}}},
      {"subscription.uncancel", {{"action", "uncancel"}}},
      {"subscription.pause", {{"action", "pause"}}},
      {"subscription.resume", {{"action", "resume"}}},
      {"subscription.quantity", {{"action", "quantity"}, {"quantity", 9}}},
      {"subscription.plan", {{"action", "plan"}, {"product_id", kProduct}}},
  };
  for (const auto& [name, change] : rows) {
    json in = change;
    in["subscription_id"] = kSubscription;
    lab.script({answer(200, subscriptionOf("active"))});
    CHECK(lab.call(&ccp_billing_v1::change_subscription, in).ok());
    checkRequest(name, lab.host.requests.at(0));
  }
  CHECK(lab.call(&ccp_billing_v1::change_subscription, {{"subscription_id", kSubscription}, {"action", "explode"}}).rc == CCP_RC_INVALID_ARGUMENT);
  lab.script({answer(403, {{"error", "AlreadyCanceledSubscription"}, {"detail", "This subscription is already canceled"}})});
  CHECK(lab.call(&ccp_billing_v1::change_subscription, {{"subscription_id", kSubscription}, {"action", "cancel"}}).rc == CCP_RC_CONFLICT);
}

TEST_CASE("usage is sent with a dedupe key, tokens and an exact cost") {
  Lab lab;
  lab.script({answer(200, {{"inserted", 1}, {"duplicates", 1}})});
  const json in = {{"records", json::array({{{"id", "rol_1"}, {"org_id", kOrg}, {"customer_id", kCustomer}, {"name", "tokens"}, {"quantity", 1200},
                                             {"occurred_at", "2026-11-01T09:00:00Z"}, {"vendor", "anthropic"}, {"model", "claude-x"}, {"input_tokens", 1000},
                                             {"output_tokens", 200}, {"cache_read_tokens", 50}, {"cost_microusd", 12345}},
                                            {{"id", "rol_2"}, {"org_id", kOrg}, {"customer_id", kCustomer}, {"name", "requests"}, {"quantity", 3}}})}};
  CHECK(lab.call(&ccp_billing_v1::report_usage, in).out == json({{"accepted", 1}, {"duplicates", 1}}));
  checkRequest("usage.ingest", lab.host.requests.at(0));
  CHECK(sentBody(lab.host.requests[0])["events"][0]["metadata"]["_cost"]["amount"] == "1.2345");
}

TEST_CASE("prices, page by page") {
  Lab lab;
  lab.script({answer(200, {{"items", json::array({{{"id", kProduct}, {"name", "Solo"}, {"recurring_interval", "month"},
                                                   {"prices", json::array({{{"id", "p"}, {"price_amount", 2900}, {"price_currency", "usd"}}})}}})},
                           {"pagination", {{"max_page", 1}}}})});
  const auto result = lab.call(&ccp_billing_v1::list_prices, {{"cursor", ""}});
  CHECK(result.out["items"][0]["amount"] == json({{"amount_minor", 2900}, {"currency", "USD"}}));
  CHECK(result.out["next_cursor"] == "");
  checkRequest("product.list", lab.host.requests.at(0));
}

TEST_CASE("fetch_event returns what a webhook would have said") {
  Lab lab;
  lab.script({answer(200, subscriptionOf("past_due"))});
  const auto one = lab.call(&ccp_billing_v1::fetch_event, {{"type", "subscription"}, {"id", kSubscription}});
  REQUIRE(one.out["events"].size() == 1);
  CHECK(one.out["events"][0]["kind"] == "subscription");
  CHECK(one.out["events"][0]["subscription"]["status"] == "past_due");
  CHECK(one.out["events"][0]["event_id"] == "fetched:" + kSubscription + ":2026-11-01T09:00:00Z");
  const json page = {{"items", json::array({subscriptionOf("active")})}, {"pagination", {{"max_page", 2}}}};
  lab.script({answer(200, page), answer(200, page)});
  CHECK(lab.call(&ccp_billing_v1::fetch_event, {{"type", "customer"}, {"id", kCustomer}}).out["events"].size() == 2);
  CHECK(lab.call(&ccp_billing_v1::fetch_event, {{"type", "moon"}, {"id", kCustomer}}).rc == CCP_RC_INVALID_ARGUMENT);
}

TEST_CASE("what Polar's failures mean") {
  struct Row {
    HttpResponse response;
    ccp_rc rc;
    const char* code;
  };
  const std::vector<Row> rows = {
      {answer(404, kNotFound), CCP_RC_NOT_FOUND, "not_found"},
      {answer(404, {{"detail", "Not Found"}}), CCP_RC_UNAVAILABLE, "provider_error"},  // an unknown Polar-Version
      {answer(401, {{"error", "invalid_token"}}), CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(403, {{"error", "NotPermitted"}}), CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(402, {{"detail", "declined"}}), CCP_RC_CONFLICT, "conflict"},
      {answer(409, {{"detail", "locked"}}), CCP_RC_CONFLICT, "conflict"},
      {answer(422, validationError("seats", "too many")), CCP_RC_INVALID_ARGUMENT, "invalid_argument"},
      {answer(429, {{"detail", "slow down"}}, {{"Retry-After", "7"}}), CCP_RC_RATE_LIMITED, "rate_limited"},
      {answer(500, {{"detail", "oops"}}), CCP_RC_UNAVAILABLE, "unavailable"},
      {answer(301, nullptr), CCP_RC_UNAVAILABLE, "provider_error"},
      {{200, {}, "<html>"}, CCP_RC_UNAVAILABLE, "provider_error"},
      {{503, {}, "<html>"}, CCP_RC_UNAVAILABLE, "unavailable"},
      {{200, {}, std::string(200000, '[')}, CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(200, json::array()), CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(200, {{"id", 5}, {"status", json::array()}}), CCP_RC_UNAVAILABLE, "provider_error"},
  };
  Lab lab;
  for (const auto& row : rows) {
    lab.script({row.response});
    const auto result = lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}});
    CAPTURE(row.response.status);
    CAPTURE(row.response.body.substr(0, 100));
    CHECK(result.rc == row.rc);
    CHECK(result.code() == row.code);
    CHECK(result.err.dump().find("polar_oat") == std::string::npos);
    if (row.response.status == 429) CHECK(ccp::intOr(result.err, "retry_after_ms") == 7000);
  }
}

TEST_CASE("diagnose names a disabled endpoint and what to do") {
  Lab lab;
  lab.script({answer(200, {{"items", json::array({{{"url", "https://ccp.acme.dev/webhooks/polar"}, {"enabled", false}, {"format", "raw"},
                                                   {"events", json::array({"subscription.created"})}}})}}),
              answer(200, {{"items", json::array({{{"http_code", 503}}})}})});
  const json findings = lab.call(&ccp_billing_v1::diagnose, json::object()).out["findings"];
  REQUIRE(findings.size() == 3);
  CHECK(findings[0]["code"] == "webhook_endpoint_disabled");
  CHECK(findings[0]["text"].get<std::string>().find("reconcile") != std::string::npos);
  CHECK(findings[1]["code"] == "webhook_events_missing");
  CHECK(findings[2]["code"] == "webhook_deliveries_failed");
  checkRequest("diagnose.endpoints", lab.host.requests.at(0));
  checkRequest("diagnose.deliveries", lab.host.requests.at(1));

  lab.script({answer(401, {{"error", "invalid_token"}})});
  const json refused = lab.call(&ccp_billing_v1::diagnose, json::object()).out["findings"];
  REQUIRE(refused.size() == 1);
  CHECK(refused[0]["code"] == "polar_unreachable");

  lab.script({answer(200, {{"items", json::array()}}), answer(200, {{"items", json::array()}}), answer(200, {{"active_subscriptions", json::array({1})}})});
  const json state = lab.call(&ccp_billing_v1::diagnose, {{"org_id", kOrg}}).out["findings"];
  CHECK(state[0]["code"] == "no_webhook_endpoint");
  CHECK(state[1]["code"] == "customer_state");
  checkRequest("customer.state", lab.host.requests.at(2));
}

TEST_CASE("webhooks are verified with the host's keys and clock, and parsed without any request") {
  Lab lab;
  lab.script({});
  const std::string body = R"({"type":"customer.updated","timestamp":"2026-11-01T09:00:00Z","data":{"id":"x"}})";
  const std::string at = std::to_string(lab.host.now_us / 1000000);
  ccp::WebhookRequest request;
  request.body = body;
  for (const std::string& key : {lab.host.secrets["polar/webhook"], std::string("0123456789abcdef0123456789abcdef")}) {
    const std::string mac = ccp::testing::hmacSha256(key, "msg_1." + at + "." + body);
    request.headers = {{"webhook-id", "msg_1"}, {"webhook-timestamp", at}, {"webhook-signature", "v1," + ccp::base64Encode(mac)}};
    CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).ok());
  }
  const auto parsed = lab.call(&ccp_billing_v1::parse_webhook, request.toJson());
  CHECK(parsed.out["events"][0]["kind"] == "customer");
  CHECK(parsed.out["events"][0]["livemode"] == false);
  lab.host.advanceMs(301'000);
  CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).code() == "signature_stale");
  request.body += " ";
  const auto refused = lab.call(&ccp_billing_v1::verify_webhook, request.toJson());
  CHECK(refused.rc == CCP_RC_UNAUTHENTICATED);
  CHECK(refused.code() == "signature_invalid");
  // A secret that is no base64 has one form only; a secret that is not there is no forged webhook.
  lab.host.secrets["polar/webhook"] = "polar_whs_x";
  CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).code() == "signature_invalid");
  lab.host.secrets.erase("polar/webhook");
  CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).rc == CCP_RC_NOT_FOUND);
  CHECK(lab.host.requests.empty());
}

TEST_CASE("configuration") {
  ccp::testing::FakeHost host;
  const json secrets = {{"access_token", {{"$secret", "polar/token"}}}, {"webhook_secret", {{"$secret", "polar/webhook"}}}};
  const auto configured = [&](json extra) {
    ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
    extra.update(secrets, true);
    return plugin.configure(extra).rc;
  };
  CHECK(configured(json::object()) == CCP_RC_OK);
  CHECK(configured({{"server", "moon"}}) == CCP_RC_INVALID_ARGUMENT);
  ccp::testing::FakeInstance bare(host, ccp_plugin_entry_v1());
  CHECK(bare.configure(json::object()).rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(host.requests.empty());

  Lab production(json::object());
  production.script({answer(200, subscriptionOf("active"))});
  CHECK(production.call(&ccp_billing_v1::fetch_event, {{"type", "subscription"}, {"id", kSubscription}}).out["events"][0]["livemode"] == true);
  CHECK(production.host.requests.at(0).url == "https://api.polar.sh/v1/subscriptions/" + kSubscription);
  Lab elsewhere(json({{"base_url", "http://127.0.0.1:9999/"}}));
  elsewhere.script({answer(200, subscriptionOf("active"))});
  CHECK(elsewhere.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}}).ok());
  CHECK(elsewhere.host.requests.at(0).url == "http://127.0.0.1:9999/v1/subscriptions/" + kSubscription);
}

TEST_CASE("nothing is asked of Polar when nobody waits any more") {
  Lab lab;
  lab.script({answer(200, subscriptionOf("active"))});
  lab.host.cancelled = true;
  CHECK(lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}}).rc == CCP_RC_CANCELLED);
  CHECK(lab.host.requests.empty());
}
