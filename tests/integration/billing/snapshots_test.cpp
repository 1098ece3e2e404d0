// Snapshots on both databases: the newest wins, doubts are asked, marks stay, convergence.
#include <algorithm>
#include <random>

#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;

BILLING_TEST("the newest snapshot wins, whatever the order of arrival") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(
      w.subscriptionEvent("evt_3", w.snapshot(w.acme, "s1", SubscriptionStatus::past_due, 3)));
  CHECK(w.state(w.acme) == "grace");
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  CHECK(w.state(w.acme) == "grace");
  w.deliver(w.subscriptionEvent("evt_4", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 4)));
  CHECK(w.state(w.acme) == "active");
  CHECK(w.only(w.acme).dirty == 0);
  CHECK(w.pay().calls["get_subscription"] == 0);
}

BILLING_TEST("equal times with other content, or no time, are one question to the provider") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  w.deliver(
      w.subscriptionEvent("evt_2", w.snapshot(w.acme, "s1", SubscriptionStatus::past_due, 1)));
  auto timeless = w.snapshot(w.acme, "s1", SubscriptionStatus::canceled, 1);
  timeless.modified_at.reset();
  w.deliver(w.subscriptionEvent("evt_3", timeless));
  CHECK(w.state(w.acme) == "active");
  CHECK(w.only(w.acme).dirty == 2);

  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::past_due, 1);
  REQUIRE(w.billing->reconciler().refetchDirty(kGoOn));
  CHECK(w.pay().calls["get_subscription"] == 1);
  CHECK(w.only(w.acme).dirty == 0);
  CHECK(w.state(w.acme) == "grace");
}

BILLING_TEST("a doubt that comes while we ask is asked again") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  w.deliver(
      w.subscriptionEvent("evt_2", w.snapshot(w.acme, "s1", SubscriptionStatus::past_due, 1)));
  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  bool once = true;
  w.pay().before = [&](const std::string& op) {
    if (op != "get_subscription" || !once) return;
    once = false;
    billing::Repository repository;
    REQUIRE(env.db().write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      auto row = *repository.subscriptionByProvider(tx, "pay", "s1");
      ++row.dirty;
      repository.updateSubscription(tx, row);
      return {};
    }));
  };
  REQUIRE(w.billing->reconciler().refetchDirty(kGoOn));
  CHECK(w.only(w.acme).dirty == 2);
  REQUIRE(w.billing->reconciler().refetchDirty(kGoOn));
  CHECK(w.only(w.acme).dirty == 0);
}

BILLING_TEST("refunds and disputes follow the table, and paying again leads back") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  w.deliver(w.markEvent("evt_2", "refund", "partial", w.acme, "s1", 2));
  CHECK(w.state(w.acme) == "active");
  w.deliver(w.markEvent("evt_3", "dispute", "opened", w.acme, "s1", 3));
  CHECK(w.state(w.acme) == "active");
  CHECK(w.count("audit_log where action = 'subscription.change'") == 3);
  CHECK(env.metrics.text().find("alert=\"dispute_opened\"") != std::string::npos);
  w.deliver(w.markEvent("evt_4", "dispute", "lost", w.acme, "s1", 4));
  CHECK(w.state(w.acme) == "revoked");
  CHECK(w.license(w.acme).decision.reason == "dispute_lost");
  w.deliver(w.markEvent("evt_5", "refund", "full", w.acme, "s1", 5));
  CHECK(w.state(w.acme) == "revoked");
  CHECK(w.license(w.acme).version == 2);
  // The same period again changes nothing; a later one has been paid.
  w.deliver(w.subscriptionEvent("evt_6", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 6)));
  CHECK(w.state(w.acme) == "revoked");
  auto next = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 8);
  next.period_start_at = w.at(7);
  w.deliver(w.subscriptionEvent("evt_8", next));
  CHECK(w.state(w.acme) == "active");
}

BILLING_TEST("an open dispute suspends when the operator wants it so") {
  World w(env);
  w.change([](config::Settings& settings) { settings.billing.on_dispute = "suspend"; });
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  w.deliver(w.markEvent("evt_2", "dispute", "opened", w.acme, "s1", 2));
  CHECK(w.state(w.acme) == "suspended");
  w.deliver(w.markEvent("evt_3", "dispute", "won", w.acme, "s1", 3));
  CHECK(w.state(w.acme) == "active");
}

BILLING_TEST("a refund that overtakes its subscription is not lost") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.markEvent("evt_2", "refund", "full", w.acme, "s1", 2));
  CHECK(w.state(w.acme) == "pending");
  CHECK(w.only(w.acme).dirty == 1);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  CHECK(w.state(w.acme) == "revoked");
}

BILLING_TEST("an unknown product or status keeps the state and alerts") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  w.deliver(w.subscriptionEvent(
      "evt_2", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 2, "prod_surprise")));
  CHECK(w.state(w.acme) == "active");
  CHECK(w.plan(w.acme) == "solo");
  CHECK(env.metrics.text().find(
            "ccp_billing_alerts_total{alert=\"unknown_product\",instance=\"pay\"} 1") !=
        std::string::npos);
  w.deliver(w.subscriptionEvent("evt_3", w.snapshot(w.acme, "s1", SubscriptionStatus::unknown, 3)));
  CHECK(w.state(w.acme) == "active");
  CHECK(env.metrics.text().find("alert=\"unknown_status\"") != std::string::npos);
  // What we know again is followed again.
  w.deliver(
      w.subscriptionEvent("evt_4", w.snapshot(w.acme, "s1", SubscriptionStatus::canceled, 4)));
  CHECK(w.state(w.acme) == "revoked");
  // A first word that we do not understand grants nothing.
  w.checkout(w.rival);
  w.deliver(w.subscriptionEvent(
      "evt_5", w.snapshot(w.rival, "s2", SubscriptionStatus::active, 1, "prod_surprise")));
  CHECK(w.state(w.rival) == "pending");
  CHECK(w.plan(w.rival) == "community");
}

BILLING_TEST("the best of several subscriptions counts") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  w.deliver(w.subscriptionEvent(
      "evt_2", w.snapshot(w.acme, "s2", SubscriptionStatus::active, 1, "prod_team")));
  CHECK(w.plan(w.acme) == "team");
  w.deliver(w.subscriptionEvent(
      "evt_3", w.snapshot(w.acme, "s2", SubscriptionStatus::canceled, 2, "prod_team")));
  CHECK(w.plan(w.acme) == "solo");
  CHECK(w.state(w.acme) == "active");
}

BILLING_TEST("any order, with duplicates and gaps, ends in the same state after one reconcile") {
  World w(env);
  std::mt19937 engine(20261121);
  const int rounds = db.dialect() == db::Dialect::sqlite ? 40 : 15;
  std::string expected;
  for (int round = 0; round < rounds; ++round) {
    const auto party =
        w.party("Org " + std::to_string(round), "o" + std::to_string(round) + "@example.org");
    w.checkout(party, "team-month", 2);
    const std::string id = "s_" + std::to_string(round);
    using S = SubscriptionStatus;
    std::vector<SubscriptionSnapshot> life;
    int minute = 0;
    for (const S status :
         {S::incomplete, S::trialing, S::active, S::past_due, S::active, S::paused, S::active}) {
      auto s = w.snapshot(party, id, status, ++minute, "prod_team");
      s.quantity = minute;
      life.push_back(s);
    }
    std::vector<Json> events;
    for (std::size_t i = 0; i < life.size(); ++i) {
      if (i + 1 == life.size() || engine() % 3 != 0)
        events.push_back(w.subscriptionEvent(id + "_e" + std::to_string(i), life[i]));
    }
    if (engine() % 2 == 0)
      events.erase(events.begin() + static_cast<std::ptrdiff_t>(engine() % events.size()));
    // Refunds and disputes come in any order too, but they come.
    events.push_back(w.markEvent(id + "_r", "refund", "partial", party, id, 3));
    events.push_back(w.markEvent(id + "_d", "dispute", "opened", party, id, 4));
    events.push_back(w.markEvent(id + "_w", "dispute", "won", party, id, 6));
    for (std::size_t i = 0; i < 3; ++i) events.push_back(events[engine() % events.size()]);
    std::shuffle(events.begin(), events.end(), engine);
    for (const auto& event : events) CHECK(w.deliver(event) == 200);

    w.pay().subscriptions[id] = life.back();
    REQUIRE(w.billing->reconciler().scheduleAll());
    env.clock.advance(minutes(2));
    REQUIRE(w.billing->reconciler().refetchDirty(kGoOn));
    for (int i = 0; i < 20 && *w.billing->reconciler().reconcileDue(kGoOn) > 0; ++i)
      env.clock.advance(minutes(1));

    const auto row = w.only(party);
    auto snapshot = row.newest->snapshot;
    snapshot.id = snapshot.customer_id = "";
    std::string end = snapshot.json().dump() + toString(row.effective->snapshot.status) +
                      row.grant.plan + std::to_string(row.grant.seats) + std::to_string(row.dirty) +
                      w.state(party) + std::to_string(w.license(party).decision.seats);
    for (const auto& at :
         {row.marks.refund_full_at, row.marks.refund_partial_at, row.marks.dispute_opened_at,
          row.marks.dispute_won_at, row.marks.dispute_lost_at}) {
      end += at ? formatRfc3339(*at) : "-";
    }
    if (expected.empty()) expected = end;
    CHECK(end == expected);
    CHECK(w.state(party) == "active");
  }
}
