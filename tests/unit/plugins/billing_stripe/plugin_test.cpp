// The operations of ccp.billing-stripe through the C table, with a Stripe that the test owns. Every
// request that is sent stands in plugins/billing_stripe/fixtures/requests; description_test.cpp
// holds those files against Stripe's official description. CCP_UPDATE_FIXTURES=1 writes them anew.
#include "tests/unit/plugins/billing_stripe/lab.hpp"

using namespace stripe_test;

namespace {

const json kCustomerObject = {
    {"id", kCustomer}, {"object", "customer"}, {"metadata", {{"ccp_org", kOrg}}}};
const json kOpen = {{"id", "cs_test_a1"},
                    {"object", "checkout.session"},
                    {"url", "https://checkout.stripe.com/c/pay/cs_test_a1"},
                    {"status", "open"},
                    {"payment_status", "unpaid"},
                    {"customer", kCustomer},
                    {"subscription", nullptr}};
const json kCheckout = {
    {"org_id", kOrg},
    {"customer_id", kCustomer},
    {"customer_email", "ada@example.com"},
    {"product_id", ""},
    {"price_id", "price_team"},
    {"quantity", 1},
    {"trial_days", 0},
    {"success_url", "https://ccp.acme.dev/billing/success?checkout={CHECKOUT_ID}"},
    {"return_url", "https://ccp.acme.dev/dashboard"},
    {"metadata", {{"checkout", "chk_1"}}}};

std::string keyOf(const HttpRequest& request) {
  return ccp::headerOf(request.headers, "Idempotency-Key");
}

}  // namespace

TEST_CASE("an organization's customer is found by the organization's id") {
  Lab lab;
  lab.script({answer(200, listOf(json::array({kCustomerObject})))});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out ==
        json({{"customer_id", kCustomer}}));
  checkRequest("customer.search", lab.host.requests.at(0));
}

TEST_CASE("a customer that says another organization, or that is deleted, is not taken over") {
  Lab lab;
  json other = kCustomerObject, deleted = kCustomerObject;
  other["metadata"]["ccp_org"] = "org_other";
  deleted["deleted"] = true;
  lab.script({answer(200, listOf(json::array({other, deleted, 5}))), answer(200, kCustomerObject),
              answer(200, kCustomerObject)});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out ==
        json({{"customer_id", kCustomer}}));
  CHECK(lab.host.requests.size() == 3);
}

TEST_CASE("a new organization gets one customer, however often it is asked for") {
  Lab lab;
  lab.script({answer(200, listOf(json::array())), answer(200, kCustomerObject),
              answer(200, kCustomerObject)});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out ==
        json({{"customer_id", kCustomer}}));
  checkRequest("customer.create", lab.host.requests.at(1));
  checkRequest("customer.update", lab.host.requests.at(2));
  // The search knows new customers after a minute; the key of the write is the organization's, and
  // its content does not depend on the address, which may change.
  CHECK(keyOf(lab.host.requests[1]) == "ccp-customer-" + kOrg);
  CHECK(keyOf(lab.host.requests[2]) == "idem_test:address");
  CHECK(sentForm(lab.host.requests[1]) == json({{"metadata[ccp_org]", kOrg}}));
}

TEST_CASE("a customer that was deleted within the memory of its key is replaced") {
  Lab lab;
  lab.script({answer(200, listOf(json::array())), answer(200, kCustomerObject),
              answer(404, problem("invalid_request_error", "resource_missing", "No such customer")),
              answer(200, {{"id", "cus_2"}}), answer(200, {{"id", "cus_2"}})});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out ==
        json({{"customer_id", "cus_2"}}));
  CHECK(keyOf(lab.host.requests.at(3)) == "ccp-customer-" + kOrg + "-after-" + kCustomer);
}

TEST_CASE("where Stripe has no search, the address finds the customer and its metadata decides") {
  Lab lab;
  lab.script({answer(404, problem("invalid_request_error", "", "Unrecognized request URL")),
              answer(200, listOf(json::array({{{"id", "cus_other"}, {"metadata", json::object()}},
                                              kCustomerObject})))});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, kEnsure).out ==
        json({{"customer_id", kCustomer}}));
  checkRequest("customer.list", lab.host.requests.at(1));
}

TEST_CASE("the demo user's address gets a domain that Stripe takes; a bad one is an error") {
  Lab lab;
  lab.script({answer(200, listOf(json::array())), answer(200, kCustomerObject),
              answer(200, kCustomerObject)});
  CHECK(lab.call(&ccp_billing_v1::ensure_customer, {{"org_id", kOrg}, {"email", "demo@localhost"}})
            .ok());
  CHECK(sentForm(lab.host.requests.at(2))["email"] == "demo@localhost.example.com");
  lab.script({answer(200, listOf(json::array())), answer(200, kCustomerObject),
              answer(400, problem("invalid_request_error", "email_invalid",
                                  "Invalid email address: x@y"))});
  const auto refused = lab.call(&ccp_billing_v1::ensure_customer, kEnsure);
  CHECK(refused.rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(ccp::strOr(refused.err, "detail").find("Invalid email") != std::string::npos);
}

TEST_CASE("an organization id cannot leave the search's quotes") {
  Lab lab;
  lab.script({answer(200, listOf(json::array({kCustomerObject})))});
  (void)lab.plugin->call(&ccp_billing_v1::ensure_customer,
                         {{"org_id", "x' OR metadata['ccp_org']:'y\\"}, {"email", "a@b.io"}});
  const std::string url = lab.host.requests.at(0).url;
  CHECK(pairsOf(url.substr(url.find('?') + 1))["query"] ==
        R"(metadata['ccp_org']:'x\' OR metadata[\'ccp_org\']:\'y\\')");
}

TEST_CASE("a checkout names the customer, the organization and the price") {
  Lab lab;
  lab.script({answer(200, kOpen)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, kCheckout).out ==
        json({{"id", "cs_test_a1"},
              {"url", "https://checkout.stripe.com/c/pay/cs_test_a1"},
              {"status", "open"},
              {"customer_id", kCustomer},
              {"subscription_id", ""}}));
  checkRequest("checkout.create", lab.host.requests.at(0));
  CHECK(keyOf(lab.host.requests[0]) == "idem_test:checkout");
  CHECK(sentForm(lab.host.requests[0])["success_url"] ==
        "https://ccp.acme.dev/billing/success?checkout={CHECKOUT_SESSION_ID}");

  json in = kCheckout;
  in["quantity"] = 7;
  in["trial_days"] = 14;
  lab.script({answer(200, kOpen)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).ok());
  checkRequest("checkout.create.seats_and_trial", lab.host.requests.at(0));
}

TEST_CASE("access now and the first payment later: no sooner than Stripe takes it") {
  Lab lab;
  json in = kCheckout;
  in["first_charge_at"] = "2027-02-01T00:00:00Z";
  lab.script({answer(200, kOpen)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).ok());
  checkRequest("checkout.create.first_charge", lab.host.requests.at(0));
  CHECK(sentForm(lab.host.requests[0])["subscription_data[trial_end]"] == "1801440000");
  in["first_charge_at"] = ccp::formatUnixSeconds(lab.host.now_us / 1'000'000 + 3600);
  lab.script({answer(200, kOpen)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, in).ok());
  CHECK(sentForm(lab.host.requests.at(0))["subscription_data[trial_end]"] ==
        std::to_string(lab.host.now_us / 1'000'000 + 48 * 3600 + 300));
}

TEST_CASE("what the operator configured about checkouts and the portal is sent") {
  Lab lab(json({{"allow_promotion_codes", true},
                {"automatic_tax", true},
                {"tax_id_collection", true},
                {"payment_method_collection", "if_required"},
                {"portal_configuration", "bpc_1"}}));
  lab.script({answer(200, kOpen)});
  CHECK(lab.call(&ccp_billing_v1::create_checkout, kCheckout).ok());
  checkRequest("checkout.create.options", lab.host.requests.at(0));
  lab.script({answer(200, {{"id", "bps_1"}, {"url", "https://billing.stripe.com/p/session/x"}})});
  CHECK(lab.call(&ccp_billing_v1::create_portal_link,
                 {{"customer_id", kCustomer}, {"org_id", kOrg}, {"return_url", "https://x.dev/"}})
            .out == json({{"url", "https://billing.stripe.com/p/session/x"}}));
  checkRequest("portal.create", lab.host.requests.at(0));
}

TEST_CASE("a checkout without a customer or a price is refused before anything is sent") {
  Lab lab;
  lab.script({});
  const std::vector<std::pair<const char*, json>> rows = {
      {"customer_id", ""}, {"customer_id", "../x"}, {"price_id", ""}, {"org_id", nullptr},
      {"success_url", 5},  {"success_url", ""},     {"quantity", 0},  {"quantity", 1000001}};
  for (const auto& row : rows) {
    json in = kCheckout;
    in[row.first] = row.second;
    CAPTURE(row.first);
    CHECK(lab.call(&ccp_billing_v1::create_checkout, in).rc == CCP_RC_INVALID_ARGUMENT);
  }
  CHECK(lab.host.requests.empty());
}

TEST_CASE(
    "metadata that Stripe would refuse is left out, and the organization is not overwritten") {
  Lab lab;
  json in = kCheckout;
  in["metadata"] = {{"", "x"},
                    {"empty", ""},
                    {std::string(41, 'k'), "x"},
                    {"a[b]", "x"},
                    {"list", json::array()},
                    {"ccp_org", "org_other"},
                    {"long", std::string(600, 'v')},
                    {"n", 5},
                    {"yes", true}};
  lab.script({answer(200, kOpen)});
  REQUIRE(lab.plugin->call(&ccp_billing_v1::create_checkout, in).ok());
  const json form = sentForm(lab.host.requests.at(0));
  json metadata = json::object();
  for (const auto& [key, value] : form.items()) {
    if (key.rfind("metadata[", 0) == 0) metadata[key] = value;
  }
  CHECK(metadata == json({{"metadata[ccp_org]", kOrg},
                          {"metadata[long]", std::string(500, 'v')},
                          {"metadata[n]", "5"},
                          {"metadata[yes]", "true"}}));
}

TEST_CASE("reading checkouts and subscriptions") {
  Lab lab;
  const std::vector<std::tuple<const char*, const char*, const char*>> states = {
      {"open", "unpaid", "open"},
      {"complete", "paid", "succeeded"},
      {"complete", "unpaid", "confirmed"},
      {"complete", "no_payment_required", "succeeded"},
      {"expired", "unpaid", "expired"}};
  for (const auto& [status, payment, expected] : states) {
    json session = kOpen;
    session["status"] = status;
    session["payment_status"] = payment;
    session["subscription"] = {{"id", kSubscription}};
    lab.script({answer(200, session)});
    const auto result = lab.call(&ccp_billing_v1::get_checkout, {{"checkout_id", "cs_test_a1"}});
    CHECK(result.out["status"] == expected);
    CHECK(result.out["subscription_id"] == kSubscription);
  }
  checkRequest("checkout.get", lab.host.requests.at(0));

  json late = subscriptionOf("past_due");
  late["latest_invoice"] = {{"id", "in_1"},
                            {"status", "open"},
                            {"created", 1793523600},
                            {"status_transitions", {{"finalized_at", 1793527200}}}};
  lab.script({answer(200, late)});
  const auto one =
      lab.call(&ccp_billing_v1::get_subscription, {{"subscription_id", kSubscription}});
  CHECK(one.out["past_due_at"] == "2026-11-01T10:00:00Z");
  CHECK(one.out["modified_at"] == nullptr);
  CHECK(one.out["amount"] == json({{"amount_minor", 7500}, {"currency", "USD"}}));
  checkRequest("subscription.get", lab.host.requests.at(0));

  lab.script({answer(
      200, listOf(json::array({subscriptionOf("active"), {{"id", "sub_without_items"}}}), true))});
  const auto page =
      lab.call(&ccp_billing_v1::list_subscriptions, {{"customer_id", kCustomer}, {"cursor", ""}});
  CHECK(page.out["items"].size() == 1);
  CHECK(page.out["next_cursor"] == "sub_without_items");
  checkRequest("subscription.list", lab.host.requests.at(0));
  lab.script({answer(200, listOf(json::array()))});
  CHECK(lab.call(&ccp_billing_v1::list_subscriptions, {{"cursor", "sub_9"}}).out["next_cursor"] ==
        "");
  checkRequest("subscription.list.account", lab.host.requests.at(0));
  CHECK(lab.call(&ccp_billing_v1::list_subscriptions, {{"cursor", "x&limit=1"}}).rc ==
        CCP_RC_INVALID_ARGUMENT);
}

TEST_CASE("an id of another kind is not sent into a path") {
  Lab lab;
  lab.script({});
  for (const char* id :
       {"../customers", "", "sub_", "sub_1/../x", "cus_1", "sub_1?x", "sub_\xc3\xa4"}) {
    CHECK(lab.plugin->call(&ccp_billing_v1::get_subscription, {{"subscription_id", id}}).rc ==
          CCP_RC_NOT_FOUND);
    CHECK(lab.plugin->call(&ccp_billing_v1::get_checkout, {{"checkout_id", id}}).rc ==
          CCP_RC_NOT_FOUND);
  }
  CHECK(lab.host.requests.empty());
}

TEST_CASE("changes of a subscription") {
  Lab lab;
  struct Row {
    const char* name;
    json change;
    bool reads;
  };
  const std::vector<Row> rows = {
      {"subscription.cancel", {{"action", "cancel"}}, false},
      {"subscription.cancel_now", {{"action", "cancel"}, {"at_period_end", false}}, false},
      {"subscription.uncancel", {{"action", "uncancel"}}, true},
      {"subscription.pause", {{"action", "pause"}}, false},
      {"subscription.resume", {{"action", "resume"}}, true},
      {"subscription.quantity", {{"action", "quantity"}, {"quantity", 9}}, true},
      {"subscription.quantity.next",
       {{"action", "quantity"}, {"quantity", 2}, {"proration", "next_period"}},
       true},
      {"subscription.plan", {{"action", "plan"}, {"price_id", "price_solo"}}, true},
      {"subscription.plan.none",
       {{"action", "plan"}, {"price_id", "price_solo"}, {"quantity", 4}, {"proration", "none"}},
       true},
  };
  for (const auto& row : rows) {
    json in = row.change;
    in["subscription_id"] = kSubscription;
    std::vector<HttpResponse> answers = {answer(200, subscriptionOf("active"))};
    if (row.reads) answers.push_back(answers.front());
    lab.script(answers);
    CAPTURE(row.name);
    CHECK(lab.call(&ccp_billing_v1::change_subscription, in).ok());
    REQUIRE(lab.host.requests.size() == answers.size());
    checkRequest(row.name, lab.host.requests.back());
  }
  for (const json& bad : {json{{"action", "explode"}}, json{{"action", "plan"}},
                          json{{"action", "quantity"}, {"quantity", 0}},
                          json{{"action", "quantity"}, {"quantity", 1}, {"proration", "maybe"}}}) {
    json in = bad;
    in["subscription_id"] = kSubscription;
    lab.script({answer(200, subscriptionOf("active"))});
    CHECK(lab.plugin->call(&ccp_billing_v1::change_subscription, in).rc == CCP_RC_INVALID_ARGUMENT);
  }
}

TEST_CASE("what the status decides about resuming and taking an end back") {
  Lab lab;
  json paused = subscriptionOf("paused");
  lab.script({answer(200, paused), answer(200, subscriptionOf("active"))});
  CHECK(lab.call(&ccp_billing_v1::change_subscription,
                 {{"subscription_id", kSubscription}, {"action", "resume"}})
            .ok());
  checkRequest("subscription.resume.paused", lab.host.requests.at(1));
  json ending = subscriptionOf("active");
  ending["cancel_at"] = 1796115600;
  lab.script({answer(200, ending), answer(200, subscriptionOf("active"))});
  CHECK(lab.call(&ccp_billing_v1::change_subscription,
                 {{"subscription_id", kSubscription}, {"action", "uncancel"}})
            .ok());
  checkRequest("subscription.uncancel.date", lab.host.requests.at(1));
}

TEST_CASE("a change whose payment is declined does not take place") {
  Lab lab;
  lab.script({answer(200, subscriptionOf("active")),
              answer(402, problem("card_error", "card_declined", "Your card was declined."))});
  const auto result =
      lab.call(&ccp_billing_v1::change_subscription,
               {{"subscription_id", kSubscription}, {"action", "quantity"}, {"quantity", 9}});
  CHECK(result.rc == CCP_RC_CONFLICT);
  CHECK(ccp::strOr(result.err, "detail").find("card was declined") != std::string::npos);
}

TEST_CASE("usage is the whole value of its hour, at the latest time within it") {
  Lab lab(json({{"meters", {{"tokens", "acme_tokens"}}}}));
  lab.host.now_us = 1793525000LL * 1'000'000;  // 09:23:20
  const auto record = [](const char* id, const char* name, std::int64_t quantity,
                         const char* window) {
    return json{{"id", id},
                {"org_id", kOrg},
                {"customer_id", kCustomer},
                {"name", name},
                {"quantity", quantity},
                {"delta", -3},
                {"window_start_at", window}};
  };
  lab.script({answer(200, {{"object", "billing.meter_event"}}),
              answer(200, {{"object", "billing.meter_event"}}),
              answer(400, problem("invalid_request_error", "",
                                  "An event already exists with identifier usg_3."))});
  const json in = {
      {"records", json::array({record("usg_1", "tokens", 1200, "2026-11-01T09:00:00Z"),
                               record("usg_2", "requests", 7, "2026-11-01T07:00:00Z"),
                               record("usg_3", "requests", 7, "2026-11-01T08:00:00Z")})}};
  CHECK(lab.call(&ccp_billing_v1::report_usage, in).out ==
        json({{"accepted", 2}, {"duplicates", 1}}));
  checkRequest("usage.meter_event", lab.host.requests.at(0));
  CHECK(sentForm(lab.host.requests[0])["timestamp"] == "1793525000");
  CHECK(sentForm(lab.host.requests[1])["timestamp"] == "1793519999");
  CHECK(sentForm(lab.host.requests[1])["event_name"] == "requests");
  CHECK(keyOf(lab.host.requests[0]) == "ccp-usage-usg_1");

  // One that Stripe does not take does not hold up the others, and is not hidden.
  lab.script({answer(400, problem("invalid_request_error", "resource_missing", "No such customer")),
              answer(200, json::object()), answer(200, json::object())});
  const auto refused = lab.call(&ccp_billing_v1::report_usage, in);
  CHECK(refused.rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(ccp::strOr(refused.err, "detail").find("1 of 3") != std::string::npos);
  CHECK(lab.host.requests.size() == 3);
}

TEST_CASE("prices, page by page") {
  Lab lab;
  lab.script({answer(
      200,
      listOf(json::array({{{"id", "price_solo"},
                           {"active", true},
                           {"nickname", "monthly"},
                           {"unit_amount", 2900},
                           {"currency", "usd"},
                           {"recurring", {{"interval", "month"}}},
                           {"product", {{"id", "prod_solo"}, {"name", "Solo"}, {"active", true}}}},
                          {{"id", "price_tiers"},
                           {"product", "prod_x"},
                           {"unit_amount", nullptr},
                           {"currency", "usd"}}}),
             true))});
  const auto result = lab.call(&ccp_billing_v1::list_prices, {{"cursor", ""}});
  CHECK(result.out["items"][0] == json({{"product_id", "prod_solo"},
                                        {"price_id", "price_solo"},
                                        {"name", "Solo, monthly"},
                                        {"amount", {{"amount_minor", 2900}, {"currency", "USD"}}},
                                        {"interval", "month"},
                                        {"archived", false}}));
  CHECK(result.out["items"][1]["amount"] == nullptr);
  CHECK(result.out["next_cursor"] == "price_tiers");
  checkRequest("price.list", lab.host.requests.at(0));
}

TEST_CASE("fetch_event returns what a webhook would have said") {
  Lab lab;
  lab.script({answer(200, subscriptionOf("past_due"))});
  const auto one =
      lab.call(&ccp_billing_v1::fetch_event,
               {{"type", "subscription"}, {"id", kSubscription}, {"event_id", "evt_1"}});
  REQUIRE(one.out["events"].size() == 1);
  CHECK(one.out["events"][0]["event_id"] == "evt_1");
  CHECK(one.out["events"][0]["subscription"]["status"] == "past_due");
  // An answer is as new as the question.
  CHECK(one.out["events"][0]["occurred_at"] == ccp::formatUnixSeconds(lab.host.now_us / 1'000'000));
  lab.script(
      {answer(404, problem("invalid_request_error", "resource_missing", "No such subscription"))});
  CHECK(lab.call(&ccp_billing_v1::fetch_event, {{"type", "subscription"}, {"id", kSubscription}})
            .out["events"]
            .empty());

  lab.script({answer(200, listOf(json::array({subscriptionOf("active")}), true)),
              answer(200, listOf(json::array({subscriptionOf("canceled")})))});
  CHECK(lab.call(&ccp_billing_v1::fetch_event, {{"type", "customer"}, {"id", kCustomer}})
            .out["events"]
            .size() == 2);
  CHECK(lab.call(&ccp_billing_v1::fetch_event, {{"type", "moon"}}).rc == CCP_RC_INVALID_ARGUMENT);
}

namespace {

json moneyBack(const char* type, const char* outcome, const char* payment = "pi_1") {
  return {{"type", type},
          {"event_id", "evt_r"},
          {"event_type", "charge.x"},
          {"occurred_at", "2026-11-10T00:00:00Z"},
          {"livemode", false},
          {"charge", "ch_1"},
          {"payment_intent", payment},
          {"invoice", ""},
          {"customer_id", kCustomer},
          {"amount", {{"amount_minor", 7500}, {"currency", "USD"}}},
          {"outcome", outcome}};
}
json invoiceOf(const char* reason, std::int64_t end = 1796115600) {
  return {{"id", "in_1"},
          {"customer", kCustomer},
          {"billing_reason", reason},
          {"parent", {{"subscription_details", {{"subscription", kSubscription}}}}},
          {"lines", listOf(json::array({{{"period", {{"start", 1793523600}, {"end", end}}}}}))}};
}
json paymentOf(const json& invoice) {
  return listOf(json::array({{{"id", "inpay_1"}, {"invoice", invoice}}}));
}

}  // namespace

TEST_CASE(
    "a refund is attributed by its invoice, and only the plan's current period counts as full") {
  Lab lab;
  struct Row {
    const char* reason;
    std::int64_t end;
    const char* outcome;
    const char* expected;
  };
  const std::vector<Row> rows = {{"subscription_create", 1796115600, "full", "full"},
                                 {"subscription_cycle", 1796115600, "full", "full"},
                                 {"subscription_cycle", 1796115600, "partial", "partial"},
                                 {"subscription_update", 1796115600, "full", "partial"},
                                 {"manual", 1796115600, "full", "partial"},
                                 {"subscription_cycle", 1793600000, "full", "partial"}};
  for (const auto& row : rows) {
    lab.script({answer(200, paymentOf(invoiceOf(row.reason, row.end)))});
    const auto result = lab.call(&ccp_billing_v1::fetch_event, moneyBack("refund", row.outcome));
    REQUIRE(result.out["events"].size() == 1);
    const json event = result.out["events"][0];
    CHECK(event["kind"] == "refund");
    CHECK(event["event_id"] == "evt_r");
    CHECK(event["outcome"] == row.expected);
    CHECK(event["subscription_id"] == kSubscription);
    CHECK(event["occurred_at"] == "2026-11-10T00:00:00Z");
  }
  checkRequest("invoice_payment.list", lab.host.requests.at(0));
  // A payment of something else: nothing of ours hangs on it, and it is said.
  lab.script({answer(200, listOf(json::array()))});
  const auto other = lab.call(&ccp_billing_v1::fetch_event, moneyBack("refund", "full"));
  CHECK(other.out["events"][0]["subscription_id"] == "");
}

TEST_CASE("a dispute names its charge; the customer and the subscription are looked up") {
  Lab lab;
  json fetch = moneyBack("dispute", "lost", "");
  fetch["customer_id"] = "";
  lab.script({answer(200, {{"id", "ch_1"}, {"customer", kCustomer}, {"payment_intent", "pi_2"}}),
              answer(200, listOf(json::array({{{"id", "inpay_1"}, {"invoice", "in_1"}}}))),
              answer(200, invoiceOf("subscription_cycle"))});
  const auto result = lab.call(&ccp_billing_v1::fetch_event, fetch);
  const json event = result.out["events"][0];
  CHECK(event["kind"] == "dispute");
  CHECK(event["outcome"] == "lost");
  CHECK(event["customer_id"] == kCustomer);
  CHECK(event["subscription_id"] == kSubscription);
  checkRequest("charge.get", lab.host.requests.at(0));
  checkRequest("invoice.get", lab.host.requests.at(2));
  // Before API version 2025-03-31 the charge named its invoice.
  fetch["invoice"] = "in_9";
  fetch["customer_id"] = kCustomer;
  lab.script({answer(200, {{"id", "in_9"}, {"subscription", kSubscription}})});
  CHECK(lab.call(&ccp_billing_v1::fetch_event, fetch).out["events"][0]["subscription_id"] ==
        kSubscription);
}

TEST_CASE("thin events are fetched, and lead to what they are about") {
  Lab lab;
  json fetch = {{"type", "thin"},
                {"event_id", "evt_test_thin"},
                {"event_type", "v1.billing.meter.error_report_triggered"},
                {"livemode", false}};
  lab.script(
      {answer(200, {{"id", "evt_test_thin"},
                    {"related_object", {{"id", "mtr_1"}, {"type", "billing.meter"}}},
                    {"data", {{"developer_message_summary", "There is 1 invalid event"}}}})});
  CHECK(lab.call(&ccp_billing_v1::fetch_event, fetch).out["events"][0]["kind"] == "ignored");
  checkRequest("thin_event.get", lab.host.requests.at(0));
  REQUIRE(lab.host.logs.size() == 1);
  CHECK(lab.host.logs[0].fields["reason"] == "There is 1 invalid event");
  lab.script({answer(200, {{"related_object", {{"id", kSubscription}, {"type", "subscription"}}}}),
              answer(200, subscriptionOf("active"))});
  CHECK(lab.call(&ccp_billing_v1::fetch_event, fetch).out["events"][0]["kind"] == "subscription");
  lab.script({answer(200, {{"related_object", {{"id", kCustomer}, {"type", "customer"}}}})});
  CHECK(lab.call(&ccp_billing_v1::fetch_event, fetch).out["events"][0]["kind"] == "customer");
}

const json kSinceNine = {{"since", "2026-11-01T09:00:00Z"}};

TEST_CASE("what happened since is listed as webhooks would have said it") {
  Lab lab;
  const auto event = [](const char* id, const char* type, json object) {
    return json{{"id", id},          {"object", "event"},
                {"type", type},      {"created", 1793523700},
                {"livemode", false}, {"data", {{"object", std::move(object)}}}};
  };
  lab.script({answer(
      200,
      listOf(json::array({event("evt_2", "customer.subscription.updated", subscriptionOf("active")),
                          event("evt_1", "charge.refunded",
                                {{"id", "ch_1"}, {"customer", kCustomer}, {"refunded", true}}),
                          {{"id", "evt_0"}, {"type", "charge.refunded"}}}),
             true))});
  const auto result =
      lab.call(&ccp_billing_v1::list_events, {{"since", "2026-11-01T09:00:00.5Z"}, {"cursor", ""}});
  REQUIRE(result.out["events"].size() == 2);
  CHECK(result.out["events"][0]["event_id"] == "evt_2");
  CHECK(result.out["events"][1]["kind"] == "fetch");
  CHECK(result.out["next_cursor"] == "evt_0");
  checkRequest("event.list", lab.host.requests.at(0));
  lab.script({answer(200, listOf(json::array()))});
  CHECK(lab.call(&ccp_billing_v1::list_events,
                 {{"since", "2026-11-01T09:00:00Z"}, {"cursor", "evt_0"}})
            .out["next_cursor"] == "");
  checkRequest("event.list.next", lab.host.requests.at(0));
  lab.script({answer(200, listOf(json::array()))});
  json some = kSinceNine;
  some["kinds"] = json::array({"refund", "dispute"});
  CHECK(lab.call(&ccp_billing_v1::list_events, some).ok());
  checkRequest("event.list.money_back", lab.host.requests.at(0));
  lab.script({});
  some["kinds"] = json::array({"payment"});
  CHECK(lab.call(&ccp_billing_v1::list_events, some).out["events"].empty());
  CHECK(lab.host.requests.empty());
  CHECK(lab.plugin->call(&ccp_billing_v1::list_events, {{"since", "yesterday"}}).rc ==
        CCP_RC_INVALID_ARGUMENT);
}
