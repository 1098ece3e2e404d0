// Webhooks on both databases: stored before acknowledged, attributed by our own row, applied once.
#include <thread>

#include "core/base/log.hpp"
#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;

BILLING_TEST("a signed webhook of a known customer activates the license before the answer") {
  World w(env);
  w.checkout(w.acme);
  CHECK(w.state(w.acme) == "pending");
  CHECK(w.deliver(w.subscriptionEvent(
            "evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1))) == 200);
  CHECK(w.state(w.acme) == "active");
  CHECK(w.plan(w.acme) == "solo");
  CHECK(w.state(w.rival) == "pending");
  CHECK(w.count("webhook_inbox where state = 'processed' and org_id = :org",
                {{"org", w.acme.org}}) == 1);
  CHECK(w.count("outbox where type = 'subscription.changed'") == 1);
  CHECK(w.count("audit_log where action = 'subscription.change' and actor = 'billing:pay'") == 1);
  // The raw body is there, credentials are not.
  CHECK(
      w.count("webhook_bodies where headers like '%x-signature%' and headers not like '%Bearer%'") ==
      1);
}

BILLING_TEST("an unverified webhook gets 401 and leaves no row; an unavailable plugin 503") {
  World w(env);
  w.checkout(w.acme);
  const auto text = World::body(
      w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  auto answer = w.send(w.webhookRequest(text, "/webhooks/pay", "bad"));
  REQUIRE(!answer);
  CHECK(answer.error().httpStatus() == 401);
  CHECK(codeOf(answer) == "signature_invalid");
  for (const Errc code :
       {Errc::plugin_unavailable, Errc::plugin_failed, Errc::deadline_exceeded, Errc::internal}) {
    w.pay().broken["verify_webhook"] = Error{code, "no"};
    answer = w.send(w.webhookRequest(text));
    REQUIRE(!answer);
    CHECK(answer.error().httpStatus() == 503);
  }
  CHECK(w.count("webhook_inbox") == 0);
  CHECK(codeOf(w.send(w.webhookRequest(text, "/webhooks/nobody"))) == "not_found");
}

BILLING_TEST("the aliases lead to the first instance of their plugin") {
  World w(env);
  w.checkout(w.acme);
  const auto text = World::body(
      w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  REQUIRE(w.send(w.webhookRequest(text, "/billing/polar")));
  CHECK(w.count("webhook_inbox where instance = 'pay'") == 1);
  REQUIRE(w.send(w.webhookRequest(text, "/billing/stripe")));
  CHECK(w.count("webhook_inbox where instance = 'other'") == 1);
  // The same customer id at another instance is nobody's.
  CHECK(w.count("webhook_inbox where instance = 'other' and state = 'parked'") == 1);
}

BILLING_TEST("the same event many times at once counts once") {
  World w(env);
  w.checkout(w.acme);
  const auto event =
      w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1));
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      if (w.receive(event)) ++good;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 8);
  CHECK(w.count("webhook_inbox") == 1);
  CHECK(w.count("billing_subscriptions") == 1);
  CHECK(w.count("audit_log where action = 'subscription.change'") == 1);
  CHECK(w.state(w.acme) == "active");
}

BILLING_TEST("different events of one subscription at once end with the newest") {
  World w(env);
  w.checkout(w.acme, "team-month", 3);
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 1; i <= 8; ++i) {
    auto s = w.snapshot(w.acme, "s1", SubscriptionStatus::active, i, "prod_team");
    s.quantity = i;
    const auto event = w.subscriptionEvent("evt_" + std::to_string(i), s);
    threads.emplace_back([&w, &good, event] {
      if (w.receive(event)) ++good;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 8);
  // What lost a race for the row is finished by the worker.
  env.clock.advance(minutes(1));
  w.billing->worker().round(false);
  CHECK(w.count("webhook_inbox where state = 'processed'") == 8);
  CHECK(w.only(w.acme).grant.seats == 8);
  CHECK(w.license(w.acme).decision.seats == 8);
}

BILLING_TEST(
    "an unknown customer is parked and alerted, and taken up when the customer becomes known") {
  World w(env);
  const auto event =
      w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1));
  std::string logged;
  log::setSink([&](std::string_view line) { logged += line; });
  CHECK(w.deliver(event) == 200);
  log::setSink({});
  CHECK(logged.find("billing.webhook_parked") != std::string::npos);
  CHECK(env.metrics.text().find("ccp_webhooks_parked_total{instance=\"pay\"} 1") !=
        std::string::npos);
  CHECK(w.count("webhook_inbox where state = 'parked' and org_id is null") == 1);
  CHECK(w.count("billing_subscriptions") == 0);
  CHECK(w.billing->health(Deadline::none())->webhooks_parked == 1);

  w.checkout(w.acme);  // writes the customer row
  w.billing->worker().round(false);
  CHECK(w.count("webhook_inbox where state = 'processed'") == 1);
  CHECK(w.state(w.acme) == "active");
}

BILLING_TEST("metadata and another org's customer never move a subscription between orgs") {
  World w(env);
  w.checkout(w.acme);
  w.checkout(w.rival);
  CHECK(w.deliver(w.subscriptionEvent(
            "evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1))) == 200);
  auto stolen = w.snapshot(w.rival, "s1", SubscriptionStatus::canceled, 2);
  CHECK(w.deliver(w.subscriptionEvent("evt_2", stolen)) == 200);
  CHECK(w.state(w.acme) == "active");
  CHECK(w.rows(w.rival).empty());
  CHECK(w.count("webhook_inbox where event_id = 'evt_2' and state = 'parked'") == 1);
}

BILLING_TEST("what was stored before a crash is applied by the next process, once") {
  World w(env);
  w.checkout(w.acme);
  const auto event =
      w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1));
  REQUIRE(w.accept(event));  // stored, acknowledged, not yet applied
  CHECK(w.state(w.acme) == "pending");
  w.restart();
  // A later round leaves fresh rows to the thread that works on them; the first one after a start
  // does not.
  w.billing->worker().round(false);
  CHECK(w.state(w.acme) == "pending");
  w.billing->worker().round(true);
  CHECK(w.state(w.acme) == "active");
  const auto again = w.receive(event);
  REQUIRE(again);
  CHECK(again->duplicate);
  w.billing->worker().round(true);
  CHECK(w.count("audit_log where action = 'subscription.change'") == 1);
}

BILLING_TEST("a body that cannot be parsed now is kept, tried again, and dead at last") {
  World w(env);
  w.checkout(w.acme);
  const auto event =
      w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1));
  w.pay().broken["parse_webhook"] = Error{Errc::plugin_failed, "boom"};
  CHECK(w.deliver(event) == 200);
  CHECK(w.count("webhook_inbox where state = 'received' and attempts = 1") == 1);
  SUBCASE("a later version knows it") {
    w.pay().broken.clear();
    env.clock.advance(minutes(1));
    w.billing->worker().round(false);
    CHECK(w.state(w.acme) == "active");
  }
  SUBCASE("nobody ever does") {
    for (int i = 0; i < 30; ++i) {
      env.clock.advance(hours(2));
      w.billing->worker().round(false);
    }
    CHECK(w.count("webhook_inbox where state = 'dead'") == 1);
    CHECK(w.billing->health(Deadline::none())->webhooks_dead == 1);
    env.clock.advance(hours(24 * 91));
    w.billing->worker().round(false);
    CHECK(w.count("webhook_inbox") == 0);
  }
}

BILLING_TEST("a thin event is fetched, a payment of a running subscription asks nobody") {
  World w(env);
  w.checkout(w.acme);
  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  Json thin = FakeProvider::eventJson("evt_1", "fetch", w.at(1));
  thin.set("fetch", Json::object({{"id", "evt_1"}, {"subscription", "s1"}}));
  // The fetched event has no time of its own but the snapshot has.
  CHECK(w.deliver(thin) == 200);
  CHECK(w.state(w.acme) == "active");
  Json paid = FakeProvider::eventJson("evt_2", "payment", w.at(2));
  paid.set("customer", w.customer(w.acme)).set("subscription_id", "s1");
  CHECK(w.deliver(paid) == 200);
  w.billing->worker().round(false);
  CHECK(w.pay().calls["get_subscription"] == 0);
  CHECK(w.deliver(FakeProvider::eventJson("evt_3", "ignored", w.at(2))) == 200);
  CHECK(w.count("webhook_inbox where state = 'processed'") == 3);
}
