// A whole account compared page by page, and the events that no webhook brought, on both databases.
#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;

namespace {

/// `n` more organizations, each with a customer and a subscription that only the provider knows.
std::vector<World::Party> crowd(World& w, int n) {
  std::vector<World::Party> out;
  for (int i = 0; i < n; ++i) {
    const std::string number = std::to_string(100 + i);
    out.push_back(w.party("Org " + number, "o" + number + "@crowd.example"));
    w.checkout(out.back());
    w.pay().subscriptions["s" + number] =
        w.snapshot(out.back(), "s" + number, SubscriptionStatus::active, 1);
  }
  return out;
}

}  // namespace

BILLING_TEST("many customers are compared page by page, not one by one") {
  World w(env);
  const auto parties = crowd(w, 25);
  w.pay().page_size = 10;
  w.restart();
  w.billing->worker().round(true);
  CHECK(w.pay().calls["list_subscriptions"] == 3);
  for (const auto& party : parties) CHECK(w.state(party) == "active");
  const auto report = w.billing->reconciler().report();
  CHECK(report.sweeps == 1);
  CHECK(report.repaired == 25);
  CHECK(report.customers == 25);
  // Again: nothing differs, nothing is written.
  const auto audited = w.count("audit_log");
  REQUIRE(w.billing->reconciler().scheduleAll());
  REQUIRE(w.billing->reconciler().reconcileDue(kGoOn));
  CHECK(w.billing->reconciler().report().sweeps == 2);
  CHECK(w.billing->reconciler().report().repaired == 25);
  CHECK(w.count("audit_log") == audited);
}

BILLING_TEST("a sweep goes on where the provider's rate stopped it") {
  World w(env);
  const auto parties = crowd(w, 25);
  w.pay().page_size = 5;
  w.change([](config::Settings& s) { s.billing.calls_per_minute = 2; });
  w.restart();
  REQUIRE(w.billing->reconciler().scheduleAll());
  REQUIRE(w.billing->reconciler().reconcileDue(kGoOn));
  CHECK(w.billing->reconciler().report().sweeping.at("pay") == 10);
  for (int i = 0; i < 3; ++i) {
    env.clock.advance(minutes(1));
    REQUIRE(w.billing->reconciler().reconcileDue(kGoOn));
  }
  CHECK(w.billing->reconciler().report().sweeps == 1);
  for (const auto& party : parties) CHECK(w.state(party) == "active");
  CHECK(w.pay().calls["list_subscriptions"] == 5);
}

BILLING_TEST("a provider without such a list is asked customer by customer") {
  World w(env);
  const auto parties = crowd(w, 25);
  w.pay().before = [&w](const std::string& op) {
    // The first question is the one about the whole account.
    if (op != "list_subscriptions") return;
    if (w.pay().calls["list_subscriptions"] == 0)
      w.pay().broken[op] = Error{Errc::unimplemented, "only by customer"};
    else
      w.pay().broken.erase(op);
  };
  w.restart();
  w.billing->worker().round(true);
  CHECK(w.pay().calls["list_subscriptions"] == 26);
  for (const auto& party : parties) CHECK(w.state(party) == "active");
}

BILLING_TEST("a running subscription that the account does not list is asked for by name") {
  World w(env);
  const auto parties = crowd(w, 25);
  w.restart();
  w.billing->worker().round(true);
  w.pay().subscriptions.erase("s103");
  env.clock.advance(hours(1));
  w.pay().calls.clear();
  w.billing->worker().round(false);
  CHECK(w.count("billing_subscriptions where dirty > 0") == 1);
  w.billing->worker().round(false);
  CHECK(w.pay().calls["get_subscription"] == 1);
  CHECK(w.state(parties[3]) == "active");
  env.clock.advance(hours(1) + seconds(1));
  w.billing->worker().round(false);
  CHECK(w.state(parties[3]) == "revoked");
}

BILLING_TEST("a sweep leaves alone what other customers of the account have") {
  World w(env);
  const auto parties = crowd(w, 25);
  auto foreign = w.snapshot(parties[0], "s999", SubscriptionStatus::active, 1);
  foreign.customer_id = "cust_of_somebody_else";
  w.pay().subscriptions["s999"] = foreign;
  w.restart();
  w.billing->worker().round(true);
  CHECK(w.count("billing_subscriptions") == 25);
  CHECK(w.billing->reconciler().report().failures == 0);
}

BILLING_TEST("a refund whose every webhook was lost is recovered from the provider's list") {
  World w(env);
  w.checkout(w.acme);
  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  w.deliver(w.subscriptionEvent("evt_1", w.pay().subscriptions["s1"]));
  CHECK(w.state(w.acme) == "active");
  w.pay().history = {
      w.subscriptionEvent("evt_0", w.snapshot(w.acme, "s1", SubscriptionStatus::canceled, 9)),
      w.markEvent("evt_2", "refund", "full", w.acme, "s1", 10)};
  w.billing->worker().round(true);
  CHECK(w.state(w.acme) == "revoked");
  CHECK(w.billing->reconciler().report().recovered == 1);
  // Snapshots come from the subscription itself: an old photograph in the list says nothing.
  CHECK(w.count("webhook_inbox where source = 'list'") == 1);

  SUBCASE("the late webhook is a duplicate") {
    CHECK(w.deliver(w.markEvent("evt_2", "refund", "full", w.acme, "s1", 10)) == 200);
    CHECK(w.count("webhook_inbox where event_id = 'evt_2'") == 1);
  }
  SUBCASE("the list told again changes nothing") {
    env.clock.advance(hours(1));
    w.billing->worker().round(false);
    CHECK(w.count("webhook_inbox where source = 'list'") == 1);
  }
  SUBCASE("of a customer that is not ours it is parked") {
    w.pay().history = {w.markEvent("evt_3", "dispute", "lost", w.rival, "s9", 11)};
    env.clock.advance(hours(1));
    w.billing->worker().round(false);
    CHECK(w.count("webhook_inbox where state = 'parked'") == 1);
  }
}

BILLING_TEST("a refund that the provider lists by its id only is fetched") {
  World w(env);
  w.checkout(w.acme);
  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  w.deliver(w.subscriptionEvent("evt_1", w.pay().subscriptions["s1"]));
  Json listed = FakeProvider::eventJson("refund:re_1", "fetch", std::nullopt);
  listed.set("fetch", Json::object({{"event", w.markEvent("refund:re_1", "refund", "full", w.acme, "s1", 10)}}));
  w.pay().history = {listed};
  w.pay().broken.emplace("fetch_event", Error{Errc::unavailable, "not now"});
  w.billing->worker().round(true);
  CHECK(w.state(w.acme) == "active");
  w.pay().broken.clear();
  env.clock.advance(hours(1));
  w.billing->worker().round(false);
  CHECK(w.state(w.acme) == "revoked");
  env.clock.advance(hours(1));
  w.billing->worker().round(false);
  CHECK(w.count("webhook_inbox where source = 'list'") == 1);
}

BILLING_TEST("a subscription of another organization keeps back no other of its page") {
  World w(env);
  const auto parties = crowd(w, 25);
  w.restart();
  w.billing->worker().round(true);
  // The provider says that one subscription is somebody else's now, and that another one has ended.
  w.pay().subscriptions["s103"].customer_id = w.customer(parties[4]);
  w.pay().subscriptions["s103"].modified_at = w.at(5);
  w.pay().subscriptions["s107"] =
      w.snapshot(parties[7], "s107", SubscriptionStatus::canceled, 5);
  w.pay().page_size = 100;
  REQUIRE(w.billing->reconciler().scheduleAll());
  REQUIRE(w.billing->reconciler().reconcileDue([] { return false; }));
  CHECK(w.state(parties[3]) == "active");
  CHECK(w.state(parties[7]) == "revoked");
  CHECK(w.billing->reconciler().report().failures == 1);
}
