// What Polar's failures mean, what the operator is told, and what configuration is refused.
#include "tests/unit/plugins/billing_polar/lab.hpp"

using namespace polar_test;

TEST_CASE("what Polar's failures mean") {
  struct Row {
    HttpResponse response;
    ccp_rc rc;
    const char* code;
  };
  const std::vector<Row> rows = {
      {answer(404, kNotFound), CCP_RC_NOT_FOUND, "not_found"},
      {answer(404, {{"detail", "Not Found"}}), CCP_RC_UNAVAILABLE,
       "provider_error"},  // an unknown Polar-Version
      {answer(401, {{"error", "invalid_token"}}), CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(403, {{"error", "NotPermitted"}}), CCP_RC_UNAVAILABLE, "provider_error"},
      {answer(402, {{"detail", "declined"}}), CCP_RC_CONFLICT, "conflict"},
      {answer(409, {{"detail", "locked"}}), CCP_RC_CONFLICT, "conflict"},
      {answer(422, validationError("seats", "too many")), CCP_RC_INVALID_ARGUMENT,
       "invalid_argument"},
      {answer(429, {{"detail", "slow down"}}, {{"Retry-After", "7"}}), CCP_RC_RATE_LIMITED,
       "rate_limited"},
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
    const auto result =
        lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}});
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
  lab.script(
      {answer(200, {{"items", json::array({{{"url", "https://ccp.acme.dev/webhooks/polar"},
                                            {"enabled", false},
                                            {"format", "raw"},
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

  lab.script({answer(200, {{"items", json::array()}}),
              answer(200, {{"items", json::array({{{"http_code", nullptr},
                                                   {"webhook_event", {{"skipped", true}}}}})}})});
  const json skipped = lab.call(&ccp_billing_v1::diagnose, json::object()).out["findings"];
  CHECK(skipped[1]["code"] == "webhook_events_skipped");

  lab.script({answer(401, {{"error", "invalid_token"}})});
  const json refused = lab.call(&ccp_billing_v1::diagnose, json::object()).out["findings"];
  REQUIRE(refused.size() == 1);
  CHECK(refused[0]["code"] == "polar_unreachable");

  lab.script({answer(200, {{"items", json::array()}}), answer(200, {{"items", json::array()}}),
              answer(200, {{"active_subscriptions", json::array({1})}})});
  const json state = lab.call(&ccp_billing_v1::diagnose, {{"org_id", kOrg}}).out["findings"];
  CHECK(state[0]["code"] == "no_webhook_endpoint");
  CHECK(state[1]["code"] == "customer_state");
  checkRequest("customer.state", lab.host.requests.at(2));
}

TEST_CASE("webhooks are verified with the host's keys and clock, and parsed without any request") {
  Lab lab;
  lab.script({});
  const std::string body =
      R"({"type":"customer.updated","timestamp":"2026-11-01T09:00:00Z","data":{"id":"x"}})";
  const std::string at = std::to_string(lab.host.now_us / 1000000);
  ccp::WebhookRequest request;
  request.body = body;
  for (const std::string& key :
       {lab.host.secrets["polar/webhook"], std::string("0123456789abcdef0123456789abcdef")}) {
    const std::string mac = ccp::testing::hmacSha256(key, "msg_1." + at + "." + body);
    request.headers = {{"webhook-id", "msg_1"},
                       {"webhook-timestamp", at},
                       {"webhook-signature", "v1," + ccp::base64Encode(mac)}};
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
  const json secrets = {{"access_token", {{"$secret", "polar/token"}}},
                        {"webhook_secret", {{"$secret", "polar/webhook"}}}};
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
  CHECK(production
            .call(&ccp_billing_v1::fetch_event, {{"type", "subscription"}, {"id", kSubscription}})
            .out["events"][0]["livemode"] == true);
  CHECK(production.host.requests.at(0).url ==
        "https://api.polar.sh/v1/subscriptions/" + kSubscription);
  Lab elsewhere(json({{"base_url", "http://127.0.0.1:9999/"}}));
  elsewhere.script({answer(200, subscriptionOf("active"))});
  CHECK(
      elsewhere.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}}).ok());
  CHECK(elsewhere.host.requests.at(0).url ==
        "http://127.0.0.1:9999/v1/subscriptions/" + kSubscription);
}

TEST_CASE("nothing is asked of Polar when nobody waits any more") {
  Lab lab;
  lab.script({answer(200, subscriptionOf("active"))});
  lab.host.cancelled = true;
  CHECK(lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}}).rc ==
        CCP_RC_CANCELLED);
  CHECK(lab.host.requests.empty());
}
