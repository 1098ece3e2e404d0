// Many lives of subscriptions at once through the real inbox, snapshots, worker and reconciler: their
// webhooks come late, twice, in any order or never; one reconcile at the end, and every license is what the
// provider's truth makes of it.
#include "tests/integration/billing/world.hpp"
#include "tests/support/billing_life.hpp"

using namespace ccp;
using namespace ccp::test;

namespace {

struct Lived {
  World::Party party;
  Life life;
};

Json jsonOf(const plugin::BillingEvent& event) {
  Json out = FakeProvider::eventJson(event.event_id, plugin::toString(event.kind), event.occurred_at);
  out.set("customer", event.customer_id)
      .set("subscription_id", event.subscription_id)
      .set("outcome", event.outcome);
  if (event.subscription) out.set("subscription", event.subscription->json());
  return out;
}

/// The provider is as it was at `at`.
void turnTo(World& w, const std::vector<Lived>& all, Timestamp at) {
  w.pay().history.clear();
  for (const auto& each : all) {
    if (auto snapshot = each.life.answer(at)) w.pay().subscriptions[snapshot->id] = *snapshot;
    for (const auto& told : each.life.told) {
      if (told.at <= at && billing::markOf(told.event) != billing::MarkKind::none)
        w.pay().history.push_back(jsonOf(told.event));
    }
  }
}

/// What the license should be: decided from the truth alone, without a history.
std::string wanted(const World& w, const Lived& lived, Timestamp now) {
  const auto truth = *lived.life.answer(now);
  const auto settings = w.live.now();
  const auto grant = billing::grantOf(settings->plans, "pay", truth);
  REQUIRE(grant);
  const auto fact = billing::factOf("x", truth, *grant, lived.life.marks, "keep");
  licensing::Policy policy;
  policy.grace_days = settings->billing.grace_days;
  for (const auto& plan : settings->plans.plans) policy.plan_order.push_back(plan.id);
  const auto decision = licensing::decide(licensing::AdminOverride::none, {fact}, {}, policy, now);
  return std::string(licensing::toString(decision.state)) + " " + decision.reason + " " +
         decision.plan + " " + std::to_string(decision.seats);
}

std::string found(World& w, const Lived& lived) {
  const auto decision = w.license(lived.party).decision;
  return std::string(licensing::toString(decision.state)) + " " + decision.reason + " " +
         decision.plan + " " + std::to_string(decision.seats);
}

void run(TempDb& env, int lives, std::uint64_t seed) {
  CAPTURE(seed);
  World w(env);
  Chance chance(seed);
  w.change([](config::Settings& s) { s.billing.calls_per_minute = 1'000'000; });
  w.pay().page_size = 100;
  std::vector<Lived> all;
  struct Arriving {
    Timestamp at{};
    std::size_t life = 0, told = 0;
  };
  std::vector<Arriving> arriving;
  Timestamp end = w.start;
  for (int i = 0; i < lives; ++i) {
    const std::string name = "l" + std::to_string(i);
    Lived lived;
    lived.party = w.party("Org " + name, name + "@disorder.example");
    w.checkout(lived.party);
    lived.life = randomLife(chance, w.start, name, w.customer(lived.party), "prod_solo", "prod_team");
    for (const auto& arrival : disorder(chance, lived.life))
      arriving.push_back({arrival.at, all.size(), arrival.told});
    end = std::max(end, lived.life.end);
    all.push_back(std::move(lived));
  }
  std::stable_sort(arriving.begin(), arriving.end(),
                   [](const Arriving& a, const Arriving& b) { return a.at < b.at; });
  const auto clockTo = [&](Timestamp at) {
    if (at > env.clock.now()) env.clock.advance(at - env.clock.now());
  };
  const auto round = [&](bool first) {
    turnTo(w, all, env.clock.now());
    w.billing->worker().round(first);
  };
  for (const auto& each : arriving) {
    clockTo(each.at);
    REQUIRE(w.deliver(jsonOf(all[each.life].life.told[each.told].event)) == 200);
    if (chance.oneIn(8)) round(false);
  }
  // A restart: whatever was going on is gone; then one reconcile of everything.
  clockTo(std::max(end, env.clock.now()) + hours(2));
  w.restart();
  round(true);
  round(false);
  CHECK(w.count("billing_subscriptions where dirty > 0") == 0);
  CHECK(w.count("webhook_inbox where state = 'received' or state = 'dead'") == 0);
  for (const auto& each : all) {
    CAPTURE(each.life.subscription);
    CAPTURE(each.life.precise);
    const auto row = w.only(each.party);
    CHECK(row.newest->snapshot.json() == each.life.answer(env.clock.now())->json());
    CHECK((row.marks == each.life.marks));
    CHECK(found(w, each) == wanted(w, each, env.clock.now()));
  }
}

}  // namespace

TEST_CASE("two hundred lives in disorder end in the truth (SQLite)") {
  for (const std::uint64_t seed : {1u, 2u}) {
    TempDb env(db::Dialect::sqlite, {&identity::kMigrations, &licensing::kMigrations,
                                     &billing::kMigrations, &plugin::kMigrations});
    run(env, 100, seed);
  }
}

TEST_CASE("twenty-five lives in disorder end in the truth (PostgreSQL)") {
  TempDb env(db::Dialect::postgresql, {&identity::kMigrations, &licensing::kMigrations,
                                       &billing::kMigrations, &plugin::kMigrations});
  run(env, 25, 3);
}
