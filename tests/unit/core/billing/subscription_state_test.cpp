// One subscription under everything that a provider may say of it.
#include "core/billing/subscription_state.hpp"

#include <doctest/doctest.h>

using namespace ccp;
using namespace ccp::billing;
using plugin::SubscriptionStatus;

namespace {

const Timestamp kStart = fromUnixSeconds(1'800'000'000);
Timestamp at(int second) {
  return kStart + seconds(second);
}

config::PlanCatalog catalog() {
  config::Price solo{"solo-month", "org",       "month", 2900,
                     "USD",        "minimized", 0,       {{"pay", {"prod_solo", ""}}}};
  config::PlanCatalog out;
  out.plans = {config::Plan{"solo", "Solo", {}, {{"seats", 1}}, {solo}}};
  return out;
}

SubscriptionSnapshot snapshot(SubscriptionStatus status) {
  SubscriptionSnapshot out;
  out.id = "s1";
  out.customer_id = "c1";
  out.status = status;
  out.product_id = "prod_solo";
  out.period_start_at = kStart;
  return out;
}

plugin::BillingEvent refund(const char* outcome) {
  plugin::BillingEvent out;
  out.kind = plugin::BillingEventKind::refund;
  out.type = "refund.created";
  out.subscription_id = "s1";
  out.outcome = outcome;
  return out;
}

struct Life {
  config::PlanCatalog plans = catalog();
  Terms terms{plans, "pay"};
  SubscriptionState state;
  StateChange told(const SubscriptionSnapshot& s, int second) {
    return applySnapshot(state, s, Provenance::webhook(at(second)), 0, terms, at(second));
  }
  StateChange answered(const SubscriptionSnapshot& s, int second, std::int64_t doubts) {
    return applySnapshot(state, s, Provenance::answer(at(second)), doubts, terms, at(second));
  }
};

}  // namespace

TEST_CASE("past due without its beginning counts at once and asks since when") {
  Life life;
  life.told(snapshot(SubscriptionStatus::active), 0);
  auto late = snapshot(SubscriptionStatus::past_due);
  const auto change = life.told(late, 100);
  CHECK((change.verdict == Verdict::dirty));
  CHECK(change.license);
  CHECK((life.state.status() == SubscriptionStatus::past_due));
  CHECK(life.state.dirty == 1);
  // The answer knows; its word stays when a later webhook of the same period says less.
  late.past_due_at = at(90);
  life.answered(late, 110, 1);
  CHECK(life.state.dirty == 0);
  late.past_due_at.reset();
  late.cancel_at_period_end = true;
  CHECK((life.told(late, 200).verdict == Verdict::apply));
  CHECK(life.state.effective->snapshot.past_due_at == at(90));
  CHECK(life.state.dirty == 0);
  // A later period begins anew.
  late.period_start_at = at(1000);
  CHECK((life.told(late, 1001).verdict == Verdict::dirty));
  CHECK(!life.state.effective->snapshot.past_due_at);
}

TEST_CASE("the same content again makes what we hold newer, so that older news stays old") {
  Life life;
  life.told(snapshot(SubscriptionStatus::active), 0);
  CHECK((life.answered(snapshot(SubscriptionStatus::active), 100, 0).verdict == Verdict::unchanged));
  CHECK(life.state.newest->order_at == at(100));
  CHECK((life.told(snapshot(SubscriptionStatus::past_due), 50).verdict == Verdict::stale));
  CHECK((life.state.status() == SubscriptionStatus::active));
}

TEST_CASE("a doubt that came while we asked outlives the answer") {
  Life life;
  life.told(snapshot(SubscriptionStatus::active), 0);
  applyDoubt(life.state, at(10));
  const auto seen = life.state.dirty;
  applyDoubt(life.state, at(11));
  life.answered(snapshot(SubscriptionStatus::paused), 10, seen);
  CHECK(life.state.dirty == 2);
  life.answered(snapshot(SubscriptionStatus::paused), 12, 2);
  CHECK(life.state.dirty == 0);
  CHECK((life.state.status() == SubscriptionStatus::paused));
}

TEST_CASE("statuses and products that nobody knows change nothing and are told") {
  Life life;
  life.told(snapshot(SubscriptionStatus::active), 0);
  const auto odd = life.told(snapshot(SubscriptionStatus::unknown), 100);
  REQUIRE(odd.findings.size() == 1);
  CHECK(odd.findings[0].code == "unknown_status");
  CHECK(!odd.license);
  auto other = snapshot(SubscriptionStatus::canceled);
  other.product_id = "prod_unknown";
  const auto unknown = life.told(other, 200);
  REQUIRE(unknown.findings.size() == 1);
  CHECK(unknown.findings[0].code == "unknown_product");
  CHECK((life.state.status() == SubscriptionStatus::active));
  CHECK(life.told(other, 200).findings.empty());
}

TEST_CASE("a refund before its subscription is kept, told once, and asks for the subscription") {
  Life life;
  const auto change = applyMark(life.state, refund("full"), at(50), at(50));
  REQUIRE(change.findings.size() == 1);
  CHECK(change.findings[0].code == "refund_full");
  CHECK(life.state.dirty == 1);
  CHECK(!factOf("sub_1", life.state, "keep"));
  CHECK(!applyMark(life.state, refund("full"), at(50), at(51)).stored);
  CHECK(!applyMark(life.state, refund("pending"), at(50), at(51)).stored);
  life.answered(snapshot(SubscriptionStatus::active), 60, 1);
  CHECK(factOf("sub_1", life.state, "keep")->blocked == "refunded");
}

TEST_CASE("money of another currency than the subscription's is told") {
  Life life;
  auto paid = snapshot(SubscriptionStatus::active);
  paid.currency = "USD";
  life.told(paid, 0);
  auto event = refund("partial");
  event.amount_minor = 1000;
  event.currency = "EUR";
  const auto change = applyMark(life.state, event, at(10), at(10));
  REQUIRE(change.findings.size() == 2);
  CHECK(change.findings[1].code == "mixed_currencies");
  CHECK(life.state.marks.refund_partial_at);
}

TEST_CASE("missing is believed after an hour, and only then") {
  Life life;
  life.told(snapshot(SubscriptionStatus::active), 0);
  CHECK(applyMissing(life.state, 0, at(100)).findings.size() == 1);
  CHECK(life.state.refetch_after_at == at(100) + kMissingConfirmed);
  CHECK(!applyMissing(life.state, 1, at(200)).license);
  SUBCASE("it comes back") {
    life.answered(snapshot(SubscriptionStatus::active), 300, 1);
    CHECK(!life.state.missing_since_at);
    CHECK(life.state.dirty == 0);
  }
  SUBCASE("it does not") {
    const auto gone = applyMissing(life.state, 1, at(100) + kMissingConfirmed);
    CHECK(gone.license);
    CHECK((life.state.status() == SubscriptionStatus::canceled));
    CHECK(life.state.dirty == 0);
    CHECK(!applyMissing(life.state, 0, at(200) + kMissingConfirmed).license);
  }
}
