// The operations of ccp.billing-polar through the C table, with a Polar that the test owns. Every
// request that is sent stands in plugins/billing_polar/fixtures/requests; the end-to-end suite
// holds those files against Polar's official description. CCP_UPDATE_FIXTURES=1 writes them anew.
#include "tests/unit/plugins/billing_polar/lab.hpp"

using namespace polar_test;

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
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out ==
        json({{"customer_id", kCustomer}}));
  checkRequest("customer.create", lab.host.requests.at(1));
  CHECK(ccp::headerOf(lab.host.requests.at(1).headers, "Idempotency-Key") == "idem_test");
}

TEST_CASE(
    "a second organization of the same person gets a plus address, never the other's customer") {
  Lab lab;
  const json taken = validationError("email", "A customer with this email address already exists.");
  lab.script({answer(404, kNotFound), answer(422, taken), answer(201, {{"id", kCustomer}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out ==
        json({{"customer_id", kCustomer}}));
  REQUIRE(lab.host.requests.size() == 3);
  checkRequest("customer.create.plus_address", lab.host.requests.at(2));
  CHECK(sentBody(lab.host.requests[2])["email"] == "ada+m2k9w7r5t1c6b0ae@example.com");
  CHECK(sentBody(lab.host.requests[2])["external_id"] == kOrg);

  lab.script({answer(404, kNotFound), answer(422, taken), answer(422, taken)});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).rc == CCP_RC_CONFLICT);
}

TEST_CASE("a customer that was made in between is found again") {
  Lab lab;
  lab.script({answer(404, kNotFound),
              answer(422, validationError("external_id",
                                          "A customer with this external ID already exists.")),
              answer(200, {{"id", kCustomer}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out ==
        json({{"customer_id", kCustomer}}));
}

TEST_CASE(
    "an address that Polar refuses is an error of the request, not a reason for another address") {
  Lab lab;
  lab.script({answer(404, kNotFound),
              answer(422, validationError("email", "value is not a valid email address"))});
  const auto result = lab.call(&ccp_billing_v1::ensure_customer, kEnsure);
  CHECK(result.rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(ccp::strOr(result.err, "detail").find("not a valid email") != std::string::npos);
  CHECK(lab.host.requests.size() == 2);
}

TEST_CASE("the demo user's address gets a domain that Polar takes") {
  Lab lab;
  lab.script({answer(404, kNotFound), answer(201, {{"id", kCustomer}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer,
                 {{"org_id", kOrg}, {"email", "demo@localhost"}, {"name", ""}})
            .ok());
  CHECK(sentBody(lab.host.requests.at(1))["email"] == "demo@localhost.example.com");
  checkRequest("customer.create.demo", lab.host.requests.at(1));
}

TEST_CASE("a checkout names the customer, the organization and the product") {
  Lab lab;
  const json open = {{"id", kCheckout},
                     {"url", "https://polar.sh/checkout/x"},
                     {"status", "open"},
                     {"customer_id", kCustomer},
                     {"subscription_id", nullptr}};
  json in = {{"org_id", kOrg},
             {"customer_id", kCustomer},
             {"customer_email", "ada@example.com"},
             {"product_id", kProduct},
             {"price_id", ""},
             {"quantity", 1},
             {"trial_days", 0},
             {"success_url", "https://ccp.acme.dev/billing/success?checkout=chk_1"},
             {"return_url", "https://ccp.acme.dev/dashboard"},
             {"metadata", {{"checkout", "chk_1"}}}};
  lab.script({answer(201, open)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).out ==
        json({{"id", kCheckout},
              {"url", "https://polar.sh/checkout/x"},
              {"status", "open"},
              {"customer_id", kCustomer},
              {"subscription_id", ""}}));
  checkRequest("checkout.create", lab.host.requests.at(0));

  in["quantity"] = 7;
  in["trial_days"] = 14;
  lab.script({answer(201, open)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).ok());
  checkRequest("checkout.create.seats_and_trial", lab.host.requests.at(0));

  // Access now, the first payment later: whole days, rounded up.
  in["trial_days"] = 0;
  in["first_charge_at"] = ccp::formatUnixSeconds(lab.host.now_us / 1'000'000 + 29 * 86400 + 1);
  lab.script({answer(201, open)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).ok());
  CHECK(sentBody(lab.host.requests.at(0))["trial_interval_count"] == 30);
  in.erase("first_charge_at");

  in["success_url"] = "https://ccp.acme.dev/billing/success?checkout={CHECKOUT_ID}";
  lab.script({answer(201, open)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).ok());
  CHECK(sentBody(lab.host.requests.at(0))["success_url"] ==
        "https://ccp.acme.dev/billing/success?checkout={CHECKOUT_ID}");
}

TEST_CASE("a checkout without a customer of its own is refused before anything is sent") {
  Lab lab;
  lab.script({});
  const json base = {{"org_id", kOrg},
                     {"customer_id", kCustomer},
                     {"product_id", kProduct},
                     {"success_url", "https://x.dev/s"}};
  const std::vector<std::pair<const char*, json>> rows = {
      {"customer_id", ""}, {"product_id", "solo"}, {"org_id", nullptr},
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
  json in = {{"org_id", kOrg},
             {"customer_id", kCustomer},
             {"product_id", kProduct},
             {"success_url", "https://x.dev/s"}};
  in["metadata"] = {{"", "x"},
                    {"empty", ""},
                    {std::string(41, 'k'), "x"},
                    {"long", std::string(600, 'v')},
                    {"list", json::array()},
                    {"ok", "v"},
                    {"n", 5}};
  lab.script({answer(201, {{"id", kCheckout}, {"url", "u"}, {"status", "open"}})});
  REQUIRE(lab.plugin->call(&ccp_billing_v1::create_checkout, in).ok());
  CHECK(sentBody(lab.host.requests.at(0))["metadata"] ==
        json({{"ccp_org", kOrg}, {"long", std::string(500, 'v')}, {"n", 5}, {"ok", "v"}}));
}

TEST_CASE("reading a checkout, a portal session, subscriptions") {
  Lab lab;
  lab.script({answer(
      200, {{"id", kCheckout}, {"status", "succeeded"}, {"subscription_id", kSubscription}})});
  CHECK(lab.call(&ccp_billing_v1::get_checkout, {{"checkout_id", kCheckout}})
            .out["subscription_id"] == kSubscription);
  checkRequest("checkout.get", lab.host.requests.at(0));

  lab.script({answer(201, {{"token", "polar_cst_x"},
                           {"customer_portal_url", "https://sandbox.polar.sh/acme/portal?x"}})});
  CHECK(lab.call(&ccp_billing_v1::create_portal_link,
                 {{"customer_id", kCustomer}, {"org_id", kOrg}, {"return_url", "https://x.dev/"}})
            .out == json({{"url", "https://sandbox.polar.sh/acme/portal?x"}}));
  checkRequest("portal.create", lab.host.requests.at(0));
  lab.script({answer(201, {{"customer_portal_url", "https://p"}})});
  // An instance that lost its customer row can still reach the portal.
  CHECK(lab.plugin->call(&ccp_billing_v1::create_portal_link, {{"org_id", kOrg}}).ok());
  checkRequest("portal.create.by_org", lab.host.requests.at(0));

  lab.script({answer(200, subscriptionOf("active"))});
  const auto one =
      lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}});
  CHECK(one.out["status"] == "active");
  CHECK(one.out["modified_at"] == "2026-11-01T09:00:00Z");
  checkRequest("subscription.get", lab.host.requests.at(0));

  lab.script({answer(200, {{"items", json::array({subscriptionOf("active")})},
                           {"pagination", {{"total_count", 101}, {"max_page", 2}}}}),
              answer(200, {{"items", json::array()},
                           {"pagination", {{"total_count", 101}, {"max_page", 2}}}})});
  const auto first =
      lab.call(&ccp_billing_v1::list_subscriptions, {{"customer_id", kCustomer}, {"cursor", ""}});
  CHECK(first.out["items"].size() == 1);
  CHECK(first.out["next_cursor"] == "2");
  checkRequest("subscription.list", lab.host.requests.at(0));
  CHECK(lab.call(&ccp_billing_v1::list_subscriptions, {{"customer_id", kCustomer}, {"cursor", "2"}})
            .out["next_cursor"] == "");
  CHECK(lab.call(&ccp_billing_v1::list_subscriptions, {{"customer_id", kCustomer}, {"cursor", "x"}})
            .rc == CCP_RC_INVALID_ARGUMENT);
  lab.script({answer(200, {{"items", json::array()}, {"pagination", {{"max_page", 0}}}})});
  CHECK(lab.call(&ccp_billing_v1::list_subscriptions, json::object()).out["next_cursor"] == "");
  checkRequest("subscription.list.account", lab.host.requests.at(0));
}

TEST_CASE("an id that is no UUID is not sent into a path") {
  Lab lab;
  lab.script({});
  for (const char* id : {"../customers", "", "e5149aae-e521-42b9-b24c-abb3d71eea2e/x",
                         "E5149AAE-E521-42B9-B24C-ABB3D71EEA2Z"}) {
    CHECK(lab.call(&ccp_billing_v1::get_checkout, {{"checkout_id", id}}).rc == CCP_RC_NOT_FOUND);
    CHECK(lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", id}}).rc ==
          CCP_RC_NOT_FOUND);
  }
  CHECK(lab.host.requests.empty());
  lab.script({answer(200, {{"id", kCustomer}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer,
                 {{"org_id", "../x y"}, {"email", "a@b.io"}, {"name", ""}})
            .ok());
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
      {"subscription.quantity.next",
       {{"action", "quantity"}, {"quantity", 2}, {"proration", "next_period"}}},
      {"subscription.plan", {{"action", "plan"}, {"product_id", kProduct}}},
      {"subscription.plan.none",
       {{"action", "plan"}, {"product_id", kProduct}, {"proration", "none"}}},
  };
  for (const auto& [name, change] : rows) {
    json in = change;
    in["subscription_id"] = kSubscription;
    lab.script({answer(200, subscriptionOf("active"))});
    CHECK(lab.call(&ccp_billing_v1::change_subscription, in).ok());
    checkRequest(name, lab.host.requests.at(0));
  }
  CHECK(lab.call(&ccp_billing_v1::change_subscription,
                 {{"subscription_id", kSubscription}, {"action", "explode"}})
            .rc == CCP_RC_INVALID_ARGUMENT);
  lab.script({answer(403, {{"error", "AlreadyCanceledSubscription"},
                           {"detail", "This subscription is already canceled"}})});
  CHECK(lab.call(&ccp_billing_v1::change_subscription,
                 {{"subscription_id", kSubscription}, {"action", "cancel"}})
            .rc == CCP_RC_CONFLICT);
}

TEST_CASE("usage is sent with a dedupe key, tokens and an exact cost") {
  Lab lab;
  lab.script({answer(200, {{"inserted", 1}, {"duplicates", 1}})});
  const json in = {{"records", json::array({{{"id", "rol_1"},
                                             {"org_id", kOrg},
                                             {"customer_id", kCustomer},
                                             {"name", "tokens"},
                                             {"quantity", 1200},
                                             {"occurred_at", "2026-11-01T09:00:00Z"},
                                             {"vendor", "anthropic"},
                                             {"model", "claude-x"},
                                             {"input_tokens", 1000},
                                             {"output_tokens", 200},
                                             {"cache_read_tokens", 50},
                                             {"cost_microusd", 12345}},
                                            {{"id", "rol_2"},
                                             {"org_id", kOrg},
                                             {"customer_id", kCustomer},
                                             {"name", "requests"},
                                             {"quantity", 3}}})}};
  CHECK(lab.call(&ccp_billing_v1::report_usage, in).out ==
        json({{"accepted", 1}, {"duplicates", 1}}));
  checkRequest("usage.ingest", lab.host.requests.at(0));
  CHECK(sentBody(lab.host.requests[0])["events"][0]["metadata"]["_cost"]["amount"] == "1.2345");
}

TEST_CASE("prices, page by page") {
  Lab lab;
  lab.script({answer(
      200, {{"items", json::array({{{"id", kProduct},
                                    {"name", "Solo"},
                                    {"recurring_interval", "month"},
                                    {"prices", json::array({{{"id", "p"},
                                                             {"price_amount", 2900},
                                                             {"price_currency", "usd"}}})}}})},
            {"pagination", {{"max_page", 1}}}})});
  const auto result = lab.call(&ccp_billing_v1::list_prices, {{"cursor", ""}});
  CHECK(result.out["items"][0]["amount"] == json({{"amount_minor", 2900}, {"currency", "USD"}}));
  CHECK(result.out["next_cursor"] == "");
  checkRequest("product.list", lab.host.requests.at(0));
}

TEST_CASE("fetch_event returns what a webhook would have said") {
  Lab lab;
  lab.script({answer(200, subscriptionOf("past_due"))});
  const auto one =
      lab.call(&ccp_billing_v1::fetch_event, {{"type", "subscription"}, {"id", kSubscription}});
  REQUIRE(one.out["events"].size() == 1);
  CHECK(one.out["events"][0]["kind"] == "subscription");
  CHECK(one.out["events"][0]["subscription"]["status"] == "past_due");
  CHECK(one.out["events"][0]["event_id"] == "fetched:" + kSubscription + ":2026-11-01T09:00:00Z");
  const json page = {{"items", json::array({subscriptionOf("active")})},
                     {"pagination", {{"max_page", 2}}}};
  lab.script({answer(200, page), answer(200, page)});
  CHECK(lab.call(&ccp_billing_v1::fetch_event, {{"type", "customer"}, {"id", kCustomer}})
            .out["events"]
            .size() == 2);
  CHECK(lab.call(&ccp_billing_v1::fetch_event, {{"type", "moon"}, {"id", kCustomer}}).rc ==
        CCP_RC_INVALID_ARGUMENT);
}
