// Billing's rules as tables: judging snapshots, marks, events, purchases.
#include "core/billing/rules.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/billing/reconciler.hpp"
#include "core/billing/webhooks.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::billing;
using plugin::BillingEvent;
using plugin::BillingEventKind;
using plugin::SubscriptionStatus;

namespace {

const Timestamp kStart = fromUnixSeconds(1'800'000'000);
Timestamp at(int minute) {
  return kStart + minutes(minute);
}

SubscriptionSnapshot snapshot(SubscriptionStatus status, std::optional<int> minute) {
  SubscriptionSnapshot out;
  out.id = "s1";
  out.customer_id = "c1";
  out.status = status;
  out.product_id = "prod_team";
  out.quantity = 3;
  if (minute) out.modified_at = at(*minute);
  return out;
}

config::PlanCatalog catalog() {
  config::PlanCatalog out;
  config::Price team{"team-month", "seat", "month", 1900,
                     "USD",        "full", 7,       {{"pay", {"prod_team", ""}}}};
  config::Price flat{"flat-month", "org",       "month", 9900,
                     "USD",        "minimized", 0,       {{"pay", {"prod_flat", ""}}}};
  out.plans = {config::Plan{"team", "Team", {}, {{"seats", 50}}, {team}},
               config::Plan{"flat", "Flat", {}, {{"seats", 20}}, {flat}}};
  return out;
}

}  // namespace

TEST_CASE("a webhook's snapshot is judged by modified_at, else by the time of its event") {
  const HeldSnapshot held{snapshot(SubscriptionStatus::active, 10), at(10)};
  struct Row {
    const char* name;
    bool have;
    SubscriptionStatus status;
    std::optional<int> modified, occurred;
    Verdict verdict;
  };
  using S = SubscriptionStatus;
  const Row rows[] = {
      {"first word", false, S::active, 10, {}, Verdict::apply},
      {"first word without a time", false, S::active, {}, {}, Verdict::dirty},
      {"newer", true, S::past_due, 11, {}, Verdict::apply},
      {"newer by its event", true, S::past_due, {}, 11, Verdict::apply},
      {"modified_at counts over the event", true, S::past_due, 9, 11, Verdict::stale},
      {"older", true, S::past_due, 9, {}, Verdict::stale},
      {"older by its event", true, S::past_due, {}, 9, Verdict::stale},
      {"the same again", true, S::active, 10, {}, Verdict::unchanged},
      {"equal time, other content", true, S::past_due, 10, {}, Verdict::dirty},
      {"no time at all", true, S::past_due, {}, {}, Verdict::dirty},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto from =
        Provenance::webhook(row.occurred ? std::optional(at(*row.occurred)) : std::nullopt);
    const auto judged = judge(row.have ? std::optional(held) : std::nullopt,
                              snapshot(row.status, row.modified), from);
    CHECK(std::string(toString(judged.verdict)) == toString(row.verdict));
    if (row.verdict == Verdict::apply)
      CHECK(judged.order_at == at(row.modified.value_or(row.occurred.value_or(0))));
  }
}

TEST_CASE("an answer wins over doubts, but not over a later word") {
  const HeldSnapshot held{snapshot(SubscriptionStatus::active, 10), at(10)};
  const auto verdict = [&](SubscriptionStatus status, std::optional<int> modified) {
    return judge(held, snapshot(status, modified), Provenance::answer(at(20))).verdict;
  };
  CHECK((verdict(SubscriptionStatus::past_due, 10) == Verdict::apply));
  CHECK((verdict(SubscriptionStatus::past_due, {}) == Verdict::apply));
  CHECK((verdict(SubscriptionStatus::past_due, 9) == Verdict::stale));
  CHECK((verdict(SubscriptionStatus::active, 10) == Verdict::unchanged));
  CHECK((judge(std::nullopt, snapshot(SubscriptionStatus::active, {}), Provenance::answer(at(20)))
             .order_at == at(20)));
}

TEST_CASE("without modified_at, events and questions order by their seconds, with doubt near by") {
  using S = SubscriptionStatus;
  const HeldSnapshot held{snapshot(S::active, {}), at(10)};
  struct Row {
    const char* name;
    bool asked;
    S status;
    int seconds;  ///< from the time of what is held
    Verdict verdict;
    bool replaces;
  };
  const Row rows[] = {
      {"newer event", false, S::past_due, 6, Verdict::apply, true},
      {"newer event within doubt", false, S::past_due, 5, Verdict::dirty, true},
      {"same second", false, S::past_due, 0, Verdict::dirty, false},
      {"older event within doubt", false, S::past_due, -5, Verdict::dirty, false},
      {"older event", false, S::past_due, -6, Verdict::stale, false},
      {"the same content in the same second", false, S::active, 0, Verdict::unchanged, false},
      {"the same content, later", false, S::active, 60, Verdict::unchanged, false},
      {"later answer", true, S::past_due, 1, Verdict::apply, true},
      {"answer of the same moment", true, S::past_due, 0, Verdict::apply, true},
      {"asked before we were told", true, S::past_due, -1, Verdict::dirty, false},
      {"asked before we were told, same content", true, S::active, -1, Verdict::unchanged, false},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.name));
    const Timestamp moment = at(10) + seconds(row.seconds);
    const auto judged = judge(held, snapshot(row.status, {}),
                              row.asked ? Provenance::answer(moment) : Provenance::webhook(moment));
    CHECK(std::string(toString(judged.verdict)) == toString(row.verdict));
    CHECK(judged.replaces == row.replaces);
    if (row.verdict == Verdict::unchanged) CHECK(judged.order_at == std::max(moment, at(10)));
  }
}

TEST_CASE("every order of the same snapshots and marks ends in the same place") {
  using S = SubscriptionStatus;
  const std::vector<SubscriptionSnapshot> life{snapshot(S::trialing, 1), snapshot(S::active, 2),
                                               snapshot(S::past_due, 3), snapshot(S::active, 4)};
  std::vector<std::size_t> order{0, 1, 2, 3, 4, 5, 6};  // 4…6 are marks
  do {
    std::optional<HeldSnapshot> held;
    Marks marks;
    for (const auto step : order) {
      for (int twice = 0; twice < 2; ++twice) {
        if (step < life.size()) {
          const auto judged = judge(held, life[step], Provenance::webhook(std::nullopt));
          if (judged.verdict == Verdict::apply) held = HeldSnapshot{life[step], judged.order_at};
          REQUIRE((judged.verdict != Verdict::dirty));
        } else {
          const MarkKind kinds[] = {MarkKind::dispute_opened, MarkKind::dispute_won,
                                    MarkKind::refund_partial};
          const bool changed = addMark(marks, kinds[step - 4], at(static_cast<int>(step)));
          REQUIRE(changed == (twice == 0));
        }
      }
    }
    REQUIRE(held->order_at == at(4));
    REQUIRE(blockedBy(marks, held->snapshot, "suspend").empty());
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("refunds and disputes block as the table says") {
  struct Row {
    std::vector<std::pair<MarkKind, int>> marks;
    std::optional<int> period_start;
    const char* on_dispute;
    const char* blocked;
  };
  const Row rows[] = {
      {{}, 0, "keep", ""},
      {{{MarkKind::refund_partial, 5}}, 0, "suspend", ""},
      {{{MarkKind::refund_full, 5}}, 0, "keep", "refunded"},
      {{{MarkKind::refund_full, 5}}, {}, "keep", "refunded"},
      {{{MarkKind::refund_full, 5}}, 6, "keep", ""},
      {{{MarkKind::dispute_opened, 5}}, 0, "keep", ""},
      {{{MarkKind::dispute_opened, 5}}, 0, "suspend", "dispute_open"},
      {{{MarkKind::dispute_opened, 5}, {MarkKind::dispute_won, 6}}, 0, "suspend", ""},
      {{{MarkKind::dispute_opened, 7}, {MarkKind::dispute_won, 6}}, 0, "suspend", "dispute_open"},
      {{{MarkKind::dispute_opened, 5}, {MarkKind::dispute_lost, 6}}, 0, "keep", "dispute_lost"},
      {{{MarkKind::dispute_lost, 6}, {MarkKind::refund_full, 5}}, 0, "keep", "dispute_lost"},
      {{{MarkKind::dispute_lost, 6}}, 7, "keep", ""},
  };
  for (const auto& row : rows) {
    Marks marks;
    for (const auto& [kind, minute] : row.marks) addMark(marks, kind, at(minute));
    auto s = snapshot(SubscriptionStatus::active, 1);
    if (row.period_start) s.period_start_at = at(*row.period_start);
    CHECK(blockedBy(marks, s, row.on_dispute) == row.blocked);
  }
}

TEST_CASE("the catalog says what a product grants") {
  const auto plans = catalog();
  auto s = snapshot(SubscriptionStatus::active, 1);
  auto grant = grantOf(plans, "pay", s);
  REQUIRE(grant);
  CHECK(grant->plan == "team");
  CHECK(grant->price == "team-month");
  CHECK(grant->privacy == "full");
  CHECK(grant->seats == 3);
  s.product_id = "prod_flat";
  CHECK(grantOf(plans, "pay", s)->seats == 20);
  CHECK(!grantOf(plans, "other", s));
  s.product_id = "prod_unknown";
  CHECK(!grantOf(plans, "pay", s));

  s = snapshot(SubscriptionStatus::past_due, 1);
  s.past_due_at = at(1);
  Marks marks;
  addMark(marks, MarkKind::refund_full, at(2));
  const auto fact = factOf("sub_1", s, *grant, marks, "keep");
  CHECK(fact.status == "past_due");
  CHECK(fact.plan == "team");
  CHECK(fact.seats == 3);
  CHECK(fact.past_due_at == at(1));
  CHECK(fact.blocked == "refunded");
}

TEST_CASE("every kind of event asks for one action") {
  using K = BillingEventKind;
  struct Row {
    K kind;
    bool snapshot;
    const char *subscription, *outcome;
    EventAction action;
  };
  const Row rows[] = {
      {K::subscription, true, "", "", EventAction::apply_snapshot},
      {K::subscription, false, "s1", "", EventAction::refetch},
      {K::subscription, false, "", "", EventAction::ignore},
      {K::payment, true, "s1", "", EventAction::apply_snapshot},
      {K::payment, false, "s1", "", EventAction::refetch_if_idle},
      {K::payment, false, "", "", EventAction::ignore},
      {K::checkout, false, "s1", "", EventAction::refetch},
      {K::checkout, false, "", "", EventAction::ignore},
      {K::refund, false, "s1", "full", EventAction::add_mark},
      {K::refund, false, "s1", "pending", EventAction::ignore},
      {K::dispute, false, "s1", "lost", EventAction::add_mark},
      {K::dispute, false, "s1", "full", EventAction::ignore},
      {K::customer, false, "", "", EventAction::recheck_customer},
      {K::fetch, false, "", "", EventAction::fetch_object},
      {K::ignored, true, "s1", "full", EventAction::ignore},
  };
  for (const auto& row : rows) {
    BillingEvent event;
    event.kind = row.kind;
    event.subscription_id = row.subscription;
    event.outcome = row.outcome;
    event.customer_id = "envelope";
    if (row.snapshot) event.subscription = snapshot(SubscriptionStatus::active, 1);
    CAPTURE(plugin::toString(row.kind));
    CHECK((actionFor(event) == row.action));
    CHECK(customerOf(event) == (row.snapshot ? "c1" : "envelope"));
  }
}

TEST_CASE("owners and admins buy; quantities and trials have their limits") {
  for (const char* role : {"owner", "admin"}) CHECK(authorizeBuyer(role));
  for (const char* role : {"member", "viewer", "", "Owner"}) CHECK(!authorizeBuyer(role));
  const auto plans = catalog();
  const auto team = plans.findPrice("team-month"), flat = plans.findPrice("flat-month");
  CHECK(checkQuantity(*team.plan, *team.price, 1));
  CHECK(checkQuantity(*team.plan, *team.price, 50));
  CHECK(!checkQuantity(*team.plan, *team.price, 51));
  CHECK(!checkQuantity(*team.plan, *team.price, -1));
  CHECK(checkQuantity(*flat.plan, *flat.price, 1));
  CHECK(!checkQuantity(*flat.plan, *flat.price, 2));
  CHECK(trialDaysFor(*team.price, false) == 7);
  CHECK(trialDaysFor(*team.price, true) == 0);
}

TEST_CASE("waits double up to an hour") {
  CHECK((backoff(0) == seconds(5)));
  CHECK((backoff(1) == seconds(10)));
  CHECK((backoff(9) == seconds(2560)));
  CHECK((backoff(10) == hours(1)));
  CHECK((backoff(1'000'000) == hours(1)));
}

TEST_CASE("the inbox keeps no credentials") {
  const auto kept = withoutCredentials({{"Webhook-Id", "1"},
                                        {"webhook-signature", "v1,x"},
                                        {"Stripe-Signature", "t=1"},
                                        {"Authorization", "x"},
                                        {"Cookie", "x"},
                                        {"X-Api-Key", "x"},
                                        {"X-Shop-Token", "x"},
                                        {"DPoP", "x"}});
  REQUIRE(kept.size() == 3);
  CHECK(kept[2].first == "Stripe-Signature");
}
