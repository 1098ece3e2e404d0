// Who may move whose license: providers that answer with somebody else's objects, events that name
// somebody else's customer, clients that forge what a checkout is for. On both databases.
#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;

namespace {

/// Acme pays, Rival has only begun to.
void acmePays(World& w) {
  w.checkout(w.acme);
  w.checkout(w.rival);
  const auto s = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  w.pay().subscriptions["s1"] = s;
  CHECK(w.deliver(w.subscriptionEvent("evt_1", s)) == 200);
  REQUIRE(w.state(w.acme) == "active");
  REQUIRE(w.state(w.rival) == "pending");
}

}  // namespace

BILLING_TEST("a plugin that lists another org's subscription under a customer gives it to nobody") {
  World w(env);
  acmePays(w);
  // Asked about Rival, the plugin answers with Acme's subscription, and with one of a stranger.
  auto stranger = w.snapshot(w.acme, "s9", SubscriptionStatus::active, 2);
  stranger.customer_id = "cust_nobody";
  w.pay().subscriptions["s9"] = stranger;
  w.pay().lies["cust_" + w.rival.org] = {"s1", "s9"};
  w.restart();
  w.billing->worker().round(true);
  CHECK(w.state(w.rival) == "pending");
  CHECK(w.rows(w.rival).empty());
  CHECK(w.state(w.acme) == "active");
  CHECK(w.only(w.acme).provider_subscription_id == "s1");
  CHECK(w.count("billing_subscriptions where provider_subscription_id = 's9'") == 0);
}

BILLING_TEST("a subscription that answers as another customer's when it is asked for again changes nothing") {
  World w(env);
  acmePays(w);
  // Something of it is in doubt, and the answer says that Rival owns it and that it ended.
  Json doubt = FakeProvider::eventJson("evt_2", "checkout", w.at(2));
  doubt.set("customer", w.customer(w.acme)).set("subscription_id", "s1");
  w.pay().subscriptions["s1"] = w.snapshot(w.rival, "s1", SubscriptionStatus::canceled, 3);
  CHECK(w.deliver(doubt) == 200);
  env.clock.advance(minutes(1));
  w.billing->worker().round(false);
  CHECK(w.state(w.acme) == "active");
  CHECK(w.rows(w.rival).empty());
  CHECK(w.only(w.acme).dirty > 0);
}

BILLING_TEST("money back and payments under another org's customer id are parked") {
  World w(env);
  acmePays(w);
  int n = 2;
  for (const auto& [kind, outcome] : {std::pair{"refund", "full"}, std::pair{"dispute", "lost"}}) {
    const std::string id = "evt_" + std::to_string(n++);
    CHECK(w.deliver(w.markEvent(id, kind, outcome, w.rival, "s1", 3)) == 200);
    CHECK(w.count("webhook_inbox where event_id = :id and state = 'parked'", {{"id", id}}) == 1);
  }
  CHECK(w.state(w.acme) == "active");
  CHECK(w.state(w.rival) == "pending");
  CHECK_FALSE(w.only(w.acme).marks.refund_full_at.has_value());
}

BILLING_TEST("an event cannot lend one org's snapshot to another by its envelope") {
  World w(env);
  acmePays(w);
  // The envelope names Rival, the snapshot Acme's customer: the snapshot's word counts.
  Json event = w.subscriptionEvent("evt_2", w.snapshot(w.acme, "s2", SubscriptionStatus::active, 2));
  event.set("customer", w.customer(w.rival));
  CHECK(w.deliver(event) == 200);
  CHECK(w.state(w.rival) == "pending");
  CHECK(w.rows(w.rival).empty());
}

BILLING_TEST("a provider that hands two orgs one customer is refused the second time") {
  World w(env);
  w.checkout(w.acme);
  w.pay().customers[w.rival.org] = w.customer(w.acme);
  const auto made = w.billing->checkouts().create(w.rival.buyer(), "solo-month", 1, w.context());
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().code == Errc::conflict);
  CHECK(w.pay().requests.size() == 1);  // Acme's; Rival's checkout was never made
}

BILLING_TEST("what a checkout is for is the server's word: a client's metadata, org or customer are refused") {
  World w(env);
  for (const auto& [key, value] :
       {std::pair<const char*, Json>{"metadata", Json::object({{"ccp_org", w.rival.org}})},
        std::pair<const char*, Json>{"org", Json(w.rival.org)},
        std::pair<const char*, Json>{"org_id", Json(w.rival.org)},
        std::pair<const char*, Json>{"customer_id", Json("cust_" + w.rival.org)},
        std::pair<const char*, Json>{"success_url", Json("https://evil.example/")},
        std::pair<const char*, Json>{"amount_minor", Json(1)}}) {
    Json body = Json::object({{"price", "solo-month"}});
    body.set(key, value);
    const std::string forged = key;
    CAPTURE(forged);
    const auto answer = w.send(w.request(w.acme, "POST", "/v1/billing/checkout", body));
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().httpStatus() == 422);
  }
  CHECK(w.pay().requests.empty());
  // And what is sent says whose it is.
  w.checkout(w.acme);
  REQUIRE(w.pay().requests.size() == 1);
  CHECK(w.pay().requests[0].org_id == w.acme.org);
  CHECK(w.pay().requests[0].customer_id == w.customer(w.acme));
  CHECK(w.pay().requests[0].metadata.at("ccp_org") == w.acme.org);
  CHECK(w.pay().requests[0].success_url.starts_with("https://ccp.example/billing/success?checkout="));
}

BILLING_TEST("a checkout that another org's customer has paid activates neither") {
  World w(env);
  const auto row = w.checkout(w.acme);
  w.checkout(w.rival);
  w.pay().subscriptions["s7"] = w.snapshot(w.rival, "s7", SubscriptionStatus::active, 1);
  auto& paid = w.pay().checkouts.at(row.provider_checkout_id);
  paid.status = "succeeded";
  paid.subscription_id = "s7";
  env.clock.advance(minutes(1));
  const auto seen = w.billing->checkouts().get(w.acme.org, row.id, w.context());
  REQUIRE_FALSE(seen.has_value());
  CHECK(seen.error().code == Errc::conflict);
  CHECK(w.state(w.acme) == "pending");
  // Nor can another org look at it.
  CHECK_FALSE(w.billing->checkouts().get(w.rival.org, row.id, w.context()).has_value());
}
