// Buying on both databases: who may, what is stored before the provider hears of it, how it ends.
#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;

BILLING_TEST("a checkout names price, org and success URL by the server's word") {
  World w(env);
  const auto answer = w.send(
      w.request(w.acme, "POST", "/v1/billing/checkout", Json::object({{"price", "solo-month"}})));
  REQUIRE(answer);
  CHECK(answer->status == 201);
  const auto checkout = (*parseJson(answer->body))["checkout"];
  CHECK(isId(checkout.strOr("id"), "chk"));
  CHECK(checkout.strOr("status") == "open");
  CHECK(checkout.strOr("provider") == "pay");
  REQUIRE(w.pay().requests.size() == 1);
  const auto& request = w.pay().requests.front();
  CHECK(request.org_id == w.acme.org);
  CHECK(request.product_id == "prod_solo");
  CHECK(request.trial_days == 14);
  CHECK(request.customer_email == "owner@acme.example");
  CHECK(request.success_url ==
        "https://ccp.example/billing/success?checkout=" + checkout.strOr("id"));
  CHECK(w.pay().keys.front() == checkout.strOr("id"));
  CHECK(w.count("outbox where type = 'checkout.created'") == 1);
  CHECK(w.count("audit_log where action = 'checkout.create'") == 1);
}

BILLING_TEST("intent and customer row are stored before the provider makes the checkout") {
  World w(env);
  std::int64_t intents = -1, customers = -1;
  w.pay().before = [&](const std::string& op) {
    if (op == "ensure_customer") intents = w.count("billing_checkouts where state = 'creating'");
    if (op == "create_checkout")
      customers =
          w.count("billing_customers where provider_customer_id = :c", {{"c", w.customer(w.acme)}});
  };
  w.checkout(w.acme);
  CHECK(intents == 1);
  CHECK(customers == 1);
}

BILLING_TEST("the same purchase again is the same checkout, also after a crash before the record") {
  World w(env);
  const auto first = w.checkout(w.acme);
  CHECK(w.checkout(w.acme).id == first.id);
  CHECK(w.pay().calls["create_checkout"] == 1);
  CHECK(w.checkout(w.acme, "team-month", 2).id != first.id);

  // Crash after the provider's answer: the intent is found again and asks with the same key.
  REQUIRE(env.db().write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    tx.exec(
        "update billing_checkouts set state = 'creating', provider_checkout_id = '', url = '' "
        "where id = :id",
        {{"id", first.id}});
    return {};
  }));
  const auto again = w.checkout(w.acme);
  CHECK(again.id == first.id);
  CHECK(again.url == first.url);
  CHECK(w.pay().keys.back() == first.id);
}

BILLING_TEST("a refusal of the provider is an error, and the next try is a new checkout") {
  World w(env);
  w.pay().broken["create_checkout"] = Error{Errc::provider_error, "card network down"};
  const auto refused = w.billing->checkouts().create(w.acme.buyer(), "solo-month", 1, {});
  CHECK(codeOf(refused) == "provider_error");
  CHECK(w.count("billing_checkouts where state = 'failed'") == 1);
  w.pay().broken.clear();
  CHECK(w.checkout(w.acme).state == "open");
  CHECK(w.count("billing_checkouts") == 2);
}

BILLING_TEST("members, keys and strangers do not buy; bad prices and quantities are named") {
  World w(env);
  const auto code = [&](const billing::Buyer& buyer, const std::string& price,
                        std::int64_t quantity) {
    return codeOf(w.billing->checkouts().create(buyer, price, quantity, {}));
  };
  CHECK(code({w.acme.org, w.rival.user, "user:x"}, "solo-month", 1) == "forbidden");
  CHECK(code({w.acme.org, "", "key:key_1"}, "solo-month", 1) == "forbidden");
  CHECK(code(w.acme.buyer(), "gold-month", 1) == "validation_failed");
  CHECK(code(w.acme.buyer(), "solo-month", 2) == "validation_failed");
  CHECK(code(w.acme.buyer(), "team-month", 0) == "validation_failed");
  CHECK(code(w.acme.buyer(), "team-month", 51) == "validation_failed");
  CHECK(w.count("billing_checkouts") == 0);
  auto narrow =
      w.request(w.acme, "POST", "/v1/billing/checkout", Json::object({{"price", "solo-month"}}));
  narrow.principal.scopes = {"usage"};
  CHECK(codeOf(w.send(narrow)) == "forbidden");
  CHECK(codeOf(w.send(w.request(w.acme, "POST", "/v1/billing/checkout",
                                Json::object({{"price", "solo-month"}, {"amount", 1}})))) ==
        "validation_failed");
  CHECK(codeOf(w.send(w.request(w.acme, "POST", "/v1/billing/checkout",
                                Json::object({{"price", 7}})))) == "validation_failed");
}

BILLING_TEST("a live subscription is changed in the portal, not bought again; a dead one may be") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  const auto second = w.billing->checkouts().create(w.acme.buyer(), "team-month", 2, {});
  REQUIRE(!second);
  CHECK(codeOf(second) == "conflict");
  CHECK(second.error().detail.find("/v1/billing/portal") != std::string::npos);
  w.deliver(
      w.subscriptionEvent("evt_2", w.snapshot(w.acme, "s1", SubscriptionStatus::canceled, 2)));
  env.clock.advance(minutes(1));
  w.checkout(w.acme, "team-month", 2);
  // The trial was for the first subscription.
  CHECK(w.pay().requests.back().trial_days == 0);
}

BILLING_TEST("another org's checkout does not exist") {
  World w(env);
  const auto row = w.checkout(w.acme);
  CHECK(w.send(w.request(w.acme, "GET", "/v1/billing/checkout/" + row.id)));
  CHECK(codeOf(w.send(w.request(w.rival, "GET", "/v1/billing/checkout/" + row.id))) == "not_found");
}

BILLING_TEST("the success page asks the provider and believes no query string") {
  World w(env);
  const auto row = w.checkout(w.acme);
  auto page = [&](const std::string& id, const std::string& more = "") {
    http::Request request;
    request.method = "GET";
    request.path = request.target = "/billing/success";
    request.query.add("checkout", id);
    if (!more.empty()) request.query.add("status", more);
    return w.send(request);
  };
  auto answer = page(row.id, "succeeded");
  REQUIRE(answer);
  CHECK(answer->body.find("Waiting for the payment") != std::string::npos);
  CHECK(!answer->headers.get("Refresh").empty());
  CHECK(w.state(w.acme) == "pending");

  env.clock.advance(seconds(3));
  w.pay().checkouts[row.provider_checkout_id].status = "succeeded";
  w.pay().checkouts[row.provider_checkout_id].subscription_id = "s1";
  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::trialing, 1);
  answer = page(row.id);
  REQUIRE(answer);
  CHECK(answer->body.find("Thank you") != std::string::npos);
  CHECK(w.state(w.acme) == "trial");

  CHECK(codeOf(page("chk_00000000000000000000000000")) == "not_found");
  CHECK(codeOf(page("' or 1=1")) == "not_found");
}

BILLING_TEST("paid before the subscription is named: the reconciler and the next look find it") {
  World w(env);
  const auto row = w.checkout(w.acme);
  w.pay().checkouts[row.provider_checkout_id].status = "succeeded";
  env.clock.advance(seconds(3));
  REQUIRE(w.billing->checkouts().confirm(row.id, {}));
  CHECK(w.state(w.acme) == "pending");
  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  w.billing->worker().round(false);
  CHECK(w.state(w.acme) == "active");
  w.pay().checkouts[row.provider_checkout_id].subscription_id = "s1";
  env.clock.advance(seconds(3));
  const auto settled = w.billing->checkouts().confirm(row.id, {});
  REQUIRE(settled);
  CHECK(settled->provider_subscription_id == "s1");
}

BILLING_TEST("a checkout that somebody else's customer paid is refused") {
  World w(env);
  w.checkout(w.rival);
  const auto row = w.checkout(w.acme);
  w.pay().checkouts[row.provider_checkout_id].status = "succeeded";
  w.pay().checkouts[row.provider_checkout_id].subscription_id = "s1";
  w.pay().subscriptions["s1"] = w.snapshot(w.rival, "s1", SubscriptionStatus::active, 1);
  env.clock.advance(seconds(3));
  CHECK(codeOf(w.billing->checkouts().confirm(row.id, {})) == "conflict");
  CHECK(w.state(w.acme) == "pending");
  CHECK(w.state(w.rival) == "pending");
}

BILLING_TEST("plans tell what is in force, the portal leads to the provider") {
  World w(env);
  CHECK(codeOf(w.send(w.request(w.acme, "POST", "/v1/billing/portal"))) == "conflict");
  auto plans = w.send(w.request(w.acme, "GET", "/v1/plans"));
  REQUIRE(plans);
  auto json = *parseJson(plans->body);
  CHECK(json["current"].strOr("plan") == "community");
  CHECK(json["current"]["price"].isNull());
  CHECK(json["plans"].size() == 3);
  CHECK(json.at("/plans/1/prices/0/amount/amount_minor")->asInt() == 2900);

  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  json = *parseJson(w.send(w.request(w.acme, "GET", "/v1/plans"))->body);
  CHECK(json["current"].strOr("plan") == "solo");
  CHECK(json["current"].strOr("price") == "solo-month");
  const auto portal = w.send(w.request(w.acme, "POST", "/v1/billing/portal"));
  REQUIRE(portal);
  CHECK((*parseJson(portal->body)).strOr("url") ==
        "https://pay.example/portal/" + w.customer(w.acme));
}

BILLING_TEST("an instance with subscriptions cannot be removed") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  CHECK(w.billing->checkInstances([](const std::string&) { return true; }));
  const auto refused =
      w.billing->checkInstances([](const std::string& instance) { return instance != "pay"; });
  REQUIRE(!refused);
  CHECK(refused.error().detail.find("\"pay\" was removed, but 1 subscription") !=
        std::string::npos);
}
