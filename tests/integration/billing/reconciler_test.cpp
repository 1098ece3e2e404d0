// The reconciler on both databases: repairs what webhooks missed, within the provider's rate.
#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;

BILLING_TEST("after a start every customer is asked about, and missed webhooks are repaired") {
  World w(env);
  w.checkout(w.acme);
  w.checkout(w.rival);
  for (int i = 1; i <= 5; ++i) {
    const auto id = "s" + std::to_string(i);
    w.pay().subscriptions[id] = w.snapshot(
        w.acme, id, i == 5 ? SubscriptionStatus::active : SubscriptionStatus::canceled, i);
  }
  w.restart();
  w.billing->worker().round(true);
  CHECK(w.state(w.acme) == "active");
  CHECK(w.state(w.rival) == "pending");
  CHECK(w.rows(w.acme).size() == 5);  // three pages of two
  const auto report = w.billing->reconciler().report();
  CHECK(report.customers == 2);
  CHECK(report.repaired == 5);
  CHECK(report.failures == 0);
  // Nothing is due before the interval is over, and then there is nothing to repair.
  const int calls = w.pay().calls["list_subscriptions"];
  w.billing->worker().round(false);
  CHECK(w.pay().calls["list_subscriptions"] == calls);
  env.clock.advance(w.settings.billing.reconcile_interval + seconds(1));
  w.billing->worker().round(false);
  CHECK(w.pay().calls["list_subscriptions"] == 2 * calls);
  CHECK(w.billing->reconciler().report().repaired == 5);
}

BILLING_TEST("a provider that refuses is left alone for as long as it says") {
  World w(env);
  w.checkout(w.acme);
  w.checkout(w.rival);
  w.pay().broken["list_subscriptions"] = Error{Errc::rate_limited, "slow down", {}, 120};
  w.billing->worker().round(true);
  CHECK(w.pay().calls["list_subscriptions"] == 1);
  CHECK(w.billing->reconciler().report().last_error.at("pay").find("rate_limited") !=
        std::string::npos);
  env.clock.advance(seconds(110));
  w.billing->worker().round(false);
  CHECK(w.pay().calls["list_subscriptions"] == 1);
  w.pay().broken.clear();
  env.clock.advance(seconds(20));
  w.billing->worker().round(false);
  CHECK(w.pay().calls["list_subscriptions"] == 3);
  CHECK(w.billing->reconciler().report().last_error.empty());
}

BILLING_TEST("no more questions a minute than billing.calls_per_minute") {
  World w(env);
  w.change([](config::Settings& s) { s.billing.calls_per_minute = 60; });
  w.checkout(w.acme);
  for (int i = 0; i < 70; ++i) {
    const auto id = "s" + std::to_string(100 + i);
    auto s = w.snapshot(w.acme, id, SubscriptionStatus::active, 1);
    s.modified_at.reset();
    Json event = FakeProvider::eventJson("evt_" + id, "subscription", std::nullopt);
    event.set("customer", s.customer_id).set("subscription", s.json());
    w.deliver(event);
    w.pay().subscriptions[id] = s;
  }
  REQUIRE(w.billing->reconciler().refetchDirty(kGoOn));
  CHECK(w.pay().calls["get_subscription"] == 60);
  env.clock.advance(seconds(10));
  REQUIRE(w.billing->reconciler().refetchDirty(kGoOn));
  CHECK(w.pay().calls["get_subscription"] == 70);
  CHECK(w.count("billing_subscriptions where dirty > 0") == 0);
}

BILLING_TEST("a subscription that is gone at the provider ends only when it stays gone") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  const auto round = [&](bool first) {
    w.billing->worker().round(first);
    w.billing->worker().round(false);
  };
  round(true);  // not in the list, not found by name
  CHECK(w.state(w.acme) == "active");
  CHECK(w.only(w.acme).missing_since_at.has_value());
  CHECK(env.metrics.text().find("alert=\"subscription_missing\"") != std::string::npos);
  SUBCASE("it was a wrong answer") {
    w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
    env.clock.advance(hours(2));
    round(false);
    CHECK(w.state(w.acme) == "active");
    CHECK(!w.only(w.acme).missing_since_at.has_value());
    CHECK(w.only(w.acme).dirty == 0);
  }
  SUBCASE("it is deleted") {
    env.clock.advance(minutes(30));
    round(false);
    CHECK(w.state(w.acme) == "active");
    env.clock.advance(minutes(31));
    round(false);
    CHECK(w.state(w.acme) == "revoked");
    CHECK(w.only(w.acme).dirty == 0);
    // The credential was another account's, and is corrected: nothing has changed at the provider.
    w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
    env.clock.advance(hours(2));
    round(true);
    CHECK(w.state(w.acme) == "active");
  }
}

BILLING_TEST("answers about another customer change nothing") {
  World w(env);
  w.checkout(w.acme);
  w.checkout(w.rival);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  w.deliver(w.subscriptionEvent(
      "evt_2", w.snapshot(w.acme, "s1", SubscriptionStatus::past_due, 1)));  // dirty
  w.pay().subscriptions["s1"] = w.snapshot(w.rival, "s1", SubscriptionStatus::active, 5);
  REQUIRE(w.billing->reconciler().refetchDirty(kGoOn));
  CHECK(w.only(w.acme).dirty == 1);
  CHECK(w.rows(w.rival).empty());
  CHECK(w.billing->reconciler().report().failures == 1);
}

BILLING_TEST("two nodes share the customers between them") {
  World w(env);
  w.checkout(w.acme);
  w.checkout(w.rival);
  billing::Feature other(billing::Feature::Deps{env.db(), env.clock, env.random, env.metrics,
                                                w.live, w.directory, w.licensing->licenses(),
                                                w.providers});
  REQUIRE(w.billing->reconciler().scheduleAll());
  REQUIRE(w.billing->reconciler().reconcileDue(kGoOn));
  REQUIRE(other.reconciler().reconcileDue(kGoOn));
  CHECK(w.pay().calls["list_subscriptions"] == 2);
}

BILLING_TEST("health tells what an operator must know") {
  World w(env);
  w.checkout(w.acme);
  w.billing->worker().round(true);
  const auto health = w.billing->health(Deadline::none());
  REQUIRE(health);
  CHECK(health->findings.size() == 2);
  CHECK(health->findings.items()[0].strOr("code") == "webhook_endpoint_missing");
  CHECK(health->reconciler.intOr("customers") == 1);
}

BILLING_TEST("the worker starts, is woken and stops") {
  World w(env);
  w.checkout(w.acme);
  REQUIRE(w.accept(
      w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1))));
  w.billing->worker().start();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (w.state(w.acme) != "active" && std::chrono::steady_clock::now() < give_up)
    std::this_thread::yield();
  CHECK(w.state(w.acme) == "active");
  w.billing->worker().wake();
  w.billing->worker().stop();
}
