// A paying org moves to another provider, on both databases: never without an entitlement, never with
// two, whatever ends in between.
#include <algorithm>

#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;
using billing::Move;
using billing::MoveState;

namespace {

/// What a crash is to the process: nothing after it happens.
struct Crash {};

struct Journey {
  explicit Journey(TempDb& env) : w(env) {
    // "other" sells the team price as well.
    w.change([](config::Settings& s) {
      for (auto& plan : s.plans.plans) {
        for (auto& price : plan.prices) {
          if (price.id == "team-month") price.providers["other"] = {"", "price_team"};
        }
      }
    });
    w.checkout(w.acme, "team-month", 5);
    auto old = w.snapshot(w.acme, "old", SubscriptionStatus::active, 1, "prod_team");
    old.quantity = 5;
    w.pay().subscriptions["old"] = old;
    w.deliver(w.subscriptionEvent("evt_old", old));
    plugin::ProviderOffer offer;
    offer.price_id = "price_team";
    offer.amount_minor = 1900;
    offer.currency = "USD";
    target().offers = {offer};
  }
  FakeProvider& target() { return *w.providers.all["other"]; }
  Timestamp end() { return *w.pay().subscriptions["old"].period_end_at; }

  /// The customer agrees at the new provider.
  void agree() {
    for (auto& [id, checkout] : target().checkouts) {
      if (checkout.status != "open") continue;
      SubscriptionSnapshot made;
      made.id = "new";
      made.customer_id = checkout.customer_id;
      made.status = SubscriptionStatus::trialing;
      made.price_id = "price_team";
      made.quantity = 5;
      made.currency = "USD";
      made.trial_end_at = end();
      made.period_start_at = w.env.clock.now();
      made.period_end_at = end();
      checkout.status = "succeeded";
      checkout.subscription_id = "new";
      target().subscriptions["new"] = made;
    }
  }
  void endOfPeriod() {
    w.env.clock.advance(end() - w.env.clock.now() + seconds(1));
    auto& old = w.pay().subscriptions["old"];
    if (old.cancel_at_period_end) {
      old.status = SubscriptionStatus::canceled;
    } else {
      old.period_start_at = old.period_end_at;
      old.period_end_at = *old.period_end_at + hours(24 * 30);
    }
    old.modified_at = w.env.clock.now();
    if (target().subscriptions.contains("new"))
      target().subscriptions["new"].status = SubscriptionStatus::active;
  }
  Move move() {
    const auto found = w.billing->moves().newest(w.acme.org);
    REQUIRE(found);
    REQUIRE(found->has_value());
    return **found;
  }
  /// An operator cancels on another node.
  void cancelElsewhere() {
    REQUIRE(w.env.db().write(db::Scope::system(), [](db::Tx& tx) -> Status {
      tx.exec("update billing_moves set state = 'cancelled'", {});
      return {};
    }));
  }
  /// Exactly one entitlement: the plan that was paid for, with its seats, and no trial.
  void checkEntitled() {
    const auto license = w.license(w.acme);
    CHECK(license.decision.plan == "team");
    CHECK(license.decision.seats == 5);
    CHECK(std::string(licensing::toString(license.decision.state)) == "active");
  }
  /// As an operator and a server that may die would: repeats what a crash ended.
  template <class F>
  void through(F&& what) {
    for (int tries = 0; tries < 5; ++tries) {
      try {
        what();
        return;
      } catch (const Crash&) {
        w.restart();
        checkEntitled();
      }
    }
    FAIL("the same crash again and again");
  }
  void round() {
    through([&] { w.billing->worker().round(false); });
    checkEntitled();
  }
  Result<Move> begin() {
    return w.billing->moves().begin(w.acme.org, "other", "operator", w.context());
  }

  World w;
};

}  // namespace

BILLING_TEST("a customer moves at the end of the paid period") {
  Journey j(env);
  const auto plan = j.w.billing->moves().plan(j.w.acme.org, "other", j.w.context());
  REQUIRE_MESSAGE(plan, plan.error().text());
  CHECK(plan->move.quantity == 5);
  CHECK(plan->move.first_charge_at == j.end());
  CHECK(plan->target_amount_minor == 1900);
  CHECK(plan->warnings.empty());
  CHECK(j.target().checkouts.empty());  // asking changes nothing
  CHECK(j.w.count("billing_moves") == 0);

  const auto begun = j.begin();
  REQUIRE_MESSAGE(begun, begun.error().text());
  CHECK((begun->state == MoveState::checkout_open));
  CHECK_FALSE(begun->url.empty());
  CHECK(j.target().requests.back().first_charge_at == j.end());
  CHECK(j.target().requests.back().trial_days == 0);
  j.checkEntitled();

  SUBCASE("agreed: the old one ends, the new one takes over, nothing in between") {
    j.agree();
    env.clock.advance(minutes(11));
    j.round();
    CHECK((j.move().state == MoveState::scheduled));
    CHECK(j.w.pay().subscriptions["old"].cancel_at_period_end);
    CHECK(j.w.rows(j.w.acme).size() == 2);
    j.endOfPeriod();
    j.w.deliver(j.w.subscriptionEvent("evt_end", j.w.pay().subscriptions["old"]));
    j.checkEntitled();  // at once, by the new one
    j.round();
    CHECK((j.move().state == MoveState::done));
    j.round();
  }
  SUBCASE("the provider's webhook of the new subscription is quicker than we are") {
    j.agree();
    Json event = j.w.subscriptionEvent("evt_new", j.target().subscriptions["new"]);
    event.set("occurred_us", toMicros(env.clock.now()));
    j.w.send(j.w.webhookRequest(World::body(event), "/webhooks/other"));
    j.checkEntitled();
    env.clock.advance(seconds(1));
    j.round();
    CHECK((j.move().state == MoveState::scheduled));
  }
  SUBCASE("never agreed: the old one is renewed, and the offer follows to the next period") {
    const auto first = j.end();
    j.endOfPeriod();
    j.w.deliver(j.w.subscriptionEvent("evt_renewed", j.w.pay().subscriptions["old"]));
    j.round();
    CHECK((j.move().state == MoveState::checkout_open));
    CHECK(j.move().attempt == 2);
    CHECK(j.target().requests.back().first_charge_at == j.end());
    CHECK(j.end() > first);
    CHECK_FALSE(j.w.pay().subscriptions["old"].cancel_at_period_end);
  }
  SUBCASE("cancelled before anybody agreed: nothing remains") {
    REQUIRE(j.w.billing->moves().cancel(j.w.acme.org, "operator", j.w.context()));
    CHECK((j.move().state == MoveState::cancelled));
    CHECK(j.w.pay().changes.empty());
    j.checkEntitled();
  }
  SUBCASE("cancelled after: the old one goes on, the new one is ended") {
    j.agree();
    env.clock.advance(minutes(11));
    j.round();
    REQUIRE(j.w.billing->moves().cancel(j.w.acme.org, "operator", j.w.context()));
    CHECK_FALSE(j.w.pay().subscriptions["old"].cancel_at_period_end);
    CHECK((j.target().subscriptions["new"].status == SubscriptionStatus::canceled));
    j.checkEntitled();
  }
  SUBCASE("the old provider is down when the old one must end: it is told as soon as it is back") {
    j.agree();
    j.w.pay().broken["change_subscription"] = Error{Errc::unavailable, "down"};
    env.clock.advance(minutes(11));
    j.round();
    CHECK((j.move().state == MoveState::confirmed));
    CHECK(j.move().error.find("down") != std::string::npos);
    j.w.pay().broken.clear();
    env.clock.advance(minutes(2));
    j.round();
    CHECK((j.move().state == MoveState::scheduled));
  }
  SUBCASE("cancelled in two tries: what is asked of a provider again is another request") {
    j.agree();
    env.clock.advance(minutes(11));
    j.round();
    j.target().broken["change_subscription"] = Error{Errc::unavailable, "down"};
    j.w.pay().after = [&](const std::string&) {
      auto& old = j.w.pay().subscriptions["old"];
      if (!old.cancel_at_period_end) old.ends_at.reset();
    };
    CHECK(codeOf(j.w.billing->moves().cancel(j.w.acme.org, "operator", j.w.context())) ==
          "unavailable");
    env.clock.advance(minutes(11));
    j.round();
    CHECK(j.w.pay().subscriptions["old"].cancel_at_period_end);  // the move goes on
    j.target().broken.clear();
    REQUIRE(j.w.billing->moves().cancel(j.w.acme.org, "operator", j.w.context()));
    auto keys = j.w.pay().change_keys;
    REQUIRE(keys.size() == 4);
    std::sort(keys.begin(), keys.end());
    CHECK(std::adjacent_find(keys.begin(), keys.end()) == keys.end());
    j.checkEntitled();
  }
  SUBCASE("cancelled while the old provider is being told: the old one goes on") {
    j.agree();
    env.clock.advance(minutes(11));
    j.w.pay().after = [&](const std::string&) {
      j.w.pay().after = nullptr;
      j.cancelElsewhere();
    };
    j.round();
    CHECK((j.move().state == MoveState::cancelled));
    CHECK_FALSE(j.w.pay().subscriptions["old"].cancel_at_period_end);
  }
  SUBCASE("cancelled while another checkout is about to open: it stays cancelled") {
    for (auto& [id, checkout] : j.target().checkouts) checkout.status = "expired";
    env.clock.advance(minutes(11));
    j.target().before = [&](const std::string& op) {
      if (op == "get_checkout") j.cancelElsewhere();
    };
    j.round();
    j.target().before = nullptr;
    CHECK((j.move().state == MoveState::cancelled));
    CHECK(j.target().checkouts.size() == 1);
  }
  SUBCASE("a second one is refused meanwhile") {
    CHECK((j.begin().error().code == Errc::conflict));
  }
}

BILLING_TEST("a move goes on after a crash at any step") {
  // Every call of a provider is a place to die: before it is sent, and after it was answered.
  int places = 0;
  for (int die_at = 1;; ++die_at) {
    TempDb fresh(env.db().dialect(), {&identity::kMigrations, &licensing::kMigrations,
                                      &billing::kMigrations, &plugin::kMigrations});
    Journey j(fresh);
    int calls = 0;
    bool died = false;
    const auto hook = [&](const std::string&) {
      if (++calls == die_at && !died) {
        died = true;
        throw Crash{};
      }
    };
    for (auto* provider : {&j.w.pay(), &j.target()}) {
      provider->before = hook;
      provider->after = hook;
    }
    j.through([&] {
      if (const auto begun = j.begin(); !begun && begun.error().code != Errc::conflict)
        FAIL(begun.error().text());
    });
    fresh.clock.advance(minutes(11));
    j.round();
    j.agree();
    fresh.clock.advance(minutes(11));
    j.round();
    fresh.clock.advance(minutes(11));
    j.round();
    j.endOfPeriod();
    j.through([&] {
      j.w.deliver(j.w.subscriptionEvent("evt_end", j.w.pay().subscriptions["old"]));
    });
    j.checkEntitled();
    j.round();
    fresh.clock.advance(minutes(2));  // a delivery that a crash left behind has its next try
    j.round();
    j.round();
    CAPTURE(die_at);
    CAPTURE(billing::describe(j.move()).dump());
    CHECK((j.move().state == MoveState::done));
    // One new subscription, one checkout that was ever offered, the old one told to end.
    CHECK(j.target().checkouts.size() == 1);
    CHECK(j.w.count("billing_subscriptions where org_id = :org", {{"org", j.w.acme.org}}) == 2);
    if (!died) break;
    ++places;
  }
  CHECK(places >= 10);
}

BILLING_TEST("a move whose provider is gone can be cancelled") {
  Journey j(env);
  REQUIRE(j.begin());
  env.clock.advance(minutes(11));
  const auto gone = j.w.providers.all["other"];
  j.w.providers.all.erase("other");
  j.round();
  CHECK((j.move().state == MoveState::checkout_open));
  CHECK_FALSE(j.move().error.empty());
  REQUIRE(j.w.billing->moves().cancel(j.w.acme.org, "operator", j.w.context()));
  CHECK((j.move().state == MoveState::cancelled));
  j.checkEntitled();
}

BILLING_TEST("what cannot move is refused with the reason") {
  Journey j(env);
  auto& moves = j.w.billing->moves();
  CHECK((moves.plan(j.w.acme.org, "pay", j.w.context()).error().code == Errc::conflict));
  CHECK((moves.plan(j.w.acme.org, "nowhere", j.w.context()).error().code == Errc::not_found));
  CHECK((moves.plan(j.w.rival.org, "other", j.w.context()).error().code == Errc::conflict));
  SUBCASE("a price that is not sold there") {
    j.w.change([](config::Settings& s) { s.plans.plans[2].prices[0].providers.erase("other"); });
    CHECK((moves.plan(j.w.acme.org, "other", j.w.context()).error().code ==
           Errc::validation_failed));
  }
  SUBCASE("a subscription that ends anyway") {
    j.w.pay().subscriptions["old"].cancel_at_period_end = true;
    CHECK((moves.plan(j.w.acme.org, "other", j.w.context()).error().code == Errc::conflict));
  }
  SUBCASE("another amount there is said") {
    j.target().offers[0].amount_minor = 2100;
    const auto plan = moves.plan(j.w.acme.org, "other", j.w.context());
    REQUIRE(plan);
    CHECK(plan->warnings.size() == 1);
  }
}

BILLING_TEST("an instance that somebody is being moved to cannot be removed") {
  Journey j(env);
  const auto without = [&](const std::string& removed) {
    return j.w.billing->checkInstances(
        [&](const std::string& instance) { return instance != removed; });
  };
  CHECK(without("other"));
  REQUIRE(j.begin());
  const auto refused = without("other");
  REQUIRE_FALSE(refused);
  CHECK((refused.error().code == Errc::config_invalid));
  CHECK(refused.error().detail.find("1 organization(s) are being moved there") != std::string::npos);
  REQUIRE(j.w.billing->moves().cancel(j.w.acme.org, "operator", j.w.context()));
  CHECK(without("other"));
}
