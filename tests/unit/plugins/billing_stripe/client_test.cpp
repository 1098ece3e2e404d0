// What Stripe's failures mean, when a request is tried again, what the operator is told, and what
// configuration is refused.
#include "client.hpp"

#include "tests/unit/plugins/billing_stripe/lab.hpp"

using namespace stripe_test;

TEST_CASE("what Stripe's failures mean") {
  struct Row {
    HttpResponse response;
    ccp_rc rc;
    const char* code;
  };
  const std::vector<Row> rows = {
      {answer(404, problem("invalid_request_error", "resource_missing", "No such subscription")),
       CCP_RC_NOT_FOUND, "not_found"},
      {answer(400, problem("invalid_request_error", "resource_missing", "No such price")),
       CCP_RC_NOT_FOUND, "not_found"},
      {answer(400,
              problem("invalid_request_error", "parameter_unknown", "Received unknown parameter")),
       CCP_RC_INVALID_ARGUMENT, "invalid_argument"},
      {answer(400,
              problem("idempotency_error", "",
                      "Keys for idempotent requests can only be used with the same parameters")),
       CCP_RC_CONFLICT, "conflict"},
      {answer(401, problem("invalid_request_error", "api_key_expired", "Expired")),
       CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(403, problem("invalid_request_error", "",
                           "The key does not have the required permissions")),
       CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(402, problem("card_error", "card_declined", "declined")), CCP_RC_CONFLICT,
       "conflict"},
      {answer(409, problem("idempotency_error", "idempotency_key_in_use", "in use")),
       CCP_RC_UNAVAILABLE, "unavailable"},
      {answer(429, problem("invalid_request_error", "rate_limit", "slow down"),
              {{"Retry-After", "7"}}),
       CCP_RC_RATE_LIMITED, "rate_limited"},
      {answer(500, problem("api_error", "", "oops")), CCP_RC_UNAVAILABLE, "unavailable"},
      {{503, {}, "<html>"}, CCP_RC_UNAVAILABLE, "unavailable"},
      {answer(301, nullptr), CCP_RC_UNAVAILABLE, "provider_error"},
      {{200, {}, "<html>"}, CCP_RC_UNAVAILABLE, "provider_error"},
      {{200, {}, ""}, CCP_RC_UNAVAILABLE, "provider_error"},
      {{200, {}, std::string(200000, '[')}, CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(200, json::array()), CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(200, {{"id", 5}, {"items", 3}}), CCP_RC_UNAVAILABLE, "provider_error"},
  };
  Lab lab;
  for (const auto& row : rows) {
    lab.script({row.response});
    const auto result =
        lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}});
    CAPTURE(row.response.status);
    CAPTURE(row.response.body.substr(0, 100));
    CHECK(result.rc == row.rc);
    CHECK(result.code() == row.code);
    CHECK(result.err.dump().find("sk_test") == std::string::npos);
    if (row.response.status == 429) CHECK(ccp::intOr(result.err, "retry_after_ms") == 7000);
  }
}

TEST_CASE("when a request is tried again") {
  using stripe::waitBefore;
  const auto wait = [](int status, const char* should, const char* after, std::int64_t tried = 1,
                       std::int64_t left = 15'000) {
    return waitBefore(status, should, after, tried, 2, left, 255);
  };
  // Stripe's word counts over what the status suggests, in both directions.
  CHECK(wait(500, "", "").value() == 500);
  CHECK(!wait(500, "false", ""));
  CHECK(!wait(400, "", ""));
  CHECK(wait(400, "true", "").has_value());
  CHECK(wait(409, "", "").has_value());
  CHECK(wait(429, "", "").has_value());
  CHECK(!wait(402, "", ""));
  CHECK(wait(0, "", "").has_value());  // no connection
  // Its time, if it fits; else the host waits instead of this call.
  CHECK(wait(429, "", "3").value() == 3000);
  CHECK(wait(429, "true", "0").value() == 0);
  CHECK(!wait(429, "true", "60"));
  CHECK(!wait(429, "", "3", 1, 3500));
  CHECK(wait(429, "", "soon").value() == 500);
  // Doubling, bounded in number.
  CHECK(wait(500, "", "", 2).value() == 1000);
  CHECK(!wait(500, "true", "0", 3));
  CHECK(waitBefore(500, "", "", 6, 9, 60'000, 255).value() == 5000);
  CHECK(waitBefore(500, "", "", 1, 2, 60'000, 0).value() == 250);
}

TEST_CASE("a write that is tried again has the same key, and no more attempts than configured") {
  Lab lab(json({{"retries", 2}}));
  const ccp::Headers at_once = {{"retry-after", "0"}};
  const json in = {{"customer_id", kCustomer}, {"org_id", kOrg}, {"return_url", ""}};
  lab.script({answer(500, problem("api_error", "", "oops"), at_once),
              answer(409, problem("idempotency_error", "idempotency_key_in_use", "x"), at_once),
              answer(200, {{"url", "https://p"}})});
  CHECK(lab.call(&ccp_billing_v1::create_portal_link, in).ok());
  REQUIRE(lab.host.requests.size() == 3);
  for (const auto& request : lab.host.requests) {
    CHECK(ccp::headerOf(request.headers, "Idempotency-Key") == "idem_test:portal");
    CHECK(request.body == lab.host.requests[0].body);
  }
  lab.script({answer(500, nullptr, at_once), answer(500, nullptr, at_once),
              answer(500, nullptr, at_once), answer(200, {{"url", "https://p"}})});
  CHECK(lab.call(&ccp_billing_v1::create_portal_link, in).rc == CCP_RC_UNAVAILABLE);
  CHECK(lab.host.requests.size() == 3);
  lab.script({answer(500, nullptr, {{"stripe-should-retry", "false"}}),
              answer(200, {{"url", "https://p"}})});
  CHECK(lab.call(&ccp_billing_v1::create_portal_link, in).rc == CCP_RC_UNAVAILABLE);
  CHECK(lab.host.requests.size() == 1);
}

TEST_CASE("a connection that breaks is tried again with the same key") {
  Lab lab(json({{"retries", 1}}));
  lab.script({});
  int asked = 0;
  lab.host.onHttp = [&](const HttpRequest&) -> HttpResponse {
    if (++asked == 1) throw ccp::Error::unavailable("connection reset");
    return answer(200, {{"url", "https://p"}});
  };
  CHECK(
      lab.call(&ccp_billing_v1::create_portal_link, {{"customer_id", kCustomer}, {"org_id", kOrg}})
          .ok());
  CHECK(asked == 2);
  lab.host.onHttp = [&](const HttpRequest&) -> HttpResponse {
    throw ccp::Error::permissionDenied("egress_denied");
  };
  lab.host.requests.clear();
  CHECK(
      lab.call(&ccp_billing_v1::create_portal_link, {{"customer_id", kCustomer}, {"org_id", kOrg}})
          .rc == CCP_RC_PERMISSION_DENIED);
  CHECK(lab.host.requests.size() == 1);
}

TEST_CASE("diagnose names what is wrong with the key and the endpoint, and what to do") {
  Lab lab;
  const json endpoint = {{"url", "https://ccp.acme.dev/webhooks/stripe"},
                         {"status", "disabled"},
                         {"livemode", false},
                         {"api_version", "2024-06-20"},
                         {"enabled_events", json::array({"customer.subscription.created"})}};
  const json foreign = {{"url", "https://other.example/hook"},
                        {"status", "disabled"},
                        {"enabled_events", json::array()}};
  lab.script({answer(200, {{"livemode", true}}),
              answer(200, listOf(json::array({foreign, endpoint}))),
              answer(200, listOf(json::array({{{"id", "evt_1"}, {"type", "invoice.paid"}}})))});
  const json findings = lab.call(&ccp_billing_v1::diagnose, json::object()).out["findings"];
  std::vector<std::string> codes;
  for (const auto& finding : findings) codes.push_back(finding["code"].get<std::string>());
  CHECK(codes == std::vector<std::string>{"api_key_mode", "webhook_endpoint_disabled",
                                          "webhook_events_missing", "webhook_api_version",
                                          "webhook_deliveries_failed"});
  CHECK(findings[1]["text"].get<std::string>().find("reconcile") != std::string::npos);
  CHECK(findings[2]["text"].get<std::string>().find("charge.refunded") != std::string::npos);
  checkRequest("diagnose.balance", lab.host.requests.at(0));
  checkRequest("diagnose.endpoints", lab.host.requests.at(1));
  checkRequest("diagnose.failed_events", lab.host.requests.at(2));

  json good = endpoint;
  good.update(
      {{"status", "enabled"}, {"api_version", kVersion}, {"enabled_events", json::array({"*"})}});
  lab.script(
      {answer(200, {{"livemode", false}}), answer(200, listOf(json::array({good}))),
       answer(200, listOf(json::array())),
       answer(200, listOf(json::array({{{"id", kCustomer}, {"metadata", {{"ccp_org", kOrg}}}}}))),
       answer(200, listOf(json::array({subscriptionOf("active")}))),
       answer(200, listOf(json::array({{{"lookup_key", "sso"}}})))});
  const json fine = lab.call(&ccp_billing_v1::diagnose, {{"org_id", kOrg}}).out["findings"];
  REQUIRE(fine.size() == 3);
  for (const auto& finding : fine) CHECK(finding["level"] == "ok");
  CHECK(fine[2]["text"].get<std::string>().find("sso") != std::string::npos);
  checkRequest("entitlement.list", lab.host.requests.at(5));

  lab.script({answer(403, problem("invalid_request_error", "", "The key lacks rak_balance_read")),
              answer(200, listOf(json::array({good}))), answer(200, listOf(json::array()))});
  const json limited = lab.call(&ccp_billing_v1::diagnose, json::object()).out["findings"];
  REQUIRE(limited.size() == 2);
  CHECK(limited[0]["code"] == "api_key_limited");
  CHECK(limited[0]["level"] == "warn");
  CHECK(limited[1]["code"] == "webhook_endpoint");

  lab.script({answer(401, problem("invalid_request_error", "", "Invalid API Key provided"))});
  const json refused = lab.call(&ccp_billing_v1::diagnose, json::object()).out["findings"];
  REQUIRE(refused.size() == 1);
  CHECK(refused[0]["code"] == "stripe_unreachable");
}

TEST_CASE("webhooks are verified with the host's key and clock, and parsed without any request") {
  Lab lab;
  lab.script({});
  ccp::WebhookRequest request;
  request.body =
      R"({"id":"evt_1","object":"event","type":"customer.updated","created":1800000000,"livemode":false,"data":{"object":{"id":"cus_1"}}})";
  const std::string at = std::to_string(lab.host.now_us / 1000000);
  const auto sign = [&](const std::string& key) {
    request.headers = {
        {"Stripe-Signature",
         "t=" + at +
             ",v1=" + ccp::hexEncode(ccp::testing::hmacSha256(key, at + "." + request.body))}};
  };
  sign(lab.host.secrets["stripe/webhook"]);
  CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).ok());
  const auto parsed = lab.call(&ccp_billing_v1::parse_webhook, request.toJson());
  CHECK(parsed.out["events"][0]["kind"] == "customer");
  lab.host.advanceMs(301'000);
  CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).code() == "signature_stale");
  lab.host.advanceMs(-301'000);
  sign("");
  CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).code() == "signature_invalid");
  // Without a secret nothing is verified, and nothing refused for good: the provider sends it again.
  lab.host.secrets["stripe/webhook"] = "";
  CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).rc == CCP_RC_NOT_FOUND);
  lab.host.secrets.erase("stripe/webhook");
  CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).rc == CCP_RC_NOT_FOUND);
  CHECK(lab.host.requests.empty());
}

TEST_CASE("the endpoint of thin events has a secret of its own, beside the other's") {
  Lab lab(json({{"thin_webhook_secret", {{"$secret", "stripe/thin"}}}}));
  lab.host.secrets["stripe/thin"] = "whsec_thin";
  ccp::WebhookRequest request;
  request.body =
      R"({"id":"evt_test_1","object":"v2.core.event","type":"v1.billing.meter.no_meter_found","livemode":false})";
  const std::string at = std::to_string(lab.host.now_us / 1000000);
  for (const auto& [key, code] : {std::pair<std::string, std::string>{"whsec_thin", ""},
                                  {lab.host.secrets["stripe/webhook"], ""},
                                  {"whsec_other", "signature_invalid"},
                                  {"", "signature_invalid"}}) {
    const std::string mac = ccp::testing::hmacSha256(key, at + "." + request.body);
    request.headers = {{"Stripe-Signature", "t=" + at + ",v1=" + ccp::hexEncode(mac)}};
    CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).code() == code);
  }
  lab.host.advanceMs(301'000);
  const std::string mac = ccp::testing::hmacSha256("whsec_thin", at + "." + request.body);
  request.headers = {{"Stripe-Signature", "t=" + at + ",v1=" + ccp::hexEncode(mac)}};
  CHECK(lab.call(&ccp_billing_v1::verify_webhook, request.toJson()).code() == "signature_stale");
}

TEST_CASE("configuration") {
  ccp::testing::FakeHost host;
  ccp::testing::FakeInstance bare(host, ccp_plugin_entry_v1());
  CHECK(bare.configure(json::object()).rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(host.requests.empty());
  Lab elsewhere(json({{"base_url", "http://127.0.0.1:9999/"}}));
  elsewhere.script({answer(200, subscriptionOf("active"))});
  CHECK(
      elsewhere.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}}).ok());
  CHECK(elsewhere.host.requests.at(0).url == "http://127.0.0.1:9999/v1/subscriptions/" +
                                                 kSubscription + "?expand%5B0%5D=latest_invoice");
}

TEST_CASE("nothing is asked of Stripe when nobody waits any more") {
  Lab lab;
  lab.script({answer(200, subscriptionOf("active"))});
  lab.host.cancelled = true;
  CHECK(lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}}).rc ==
        CCP_RC_CANCELLED);
  CHECK(lab.host.requests.empty());
}
