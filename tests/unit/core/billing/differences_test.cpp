#include "core/billing/differences.hpp"

#include <doctest/doctest.h>

using namespace ccp;
using namespace ccp::billing;
using S = plugin::SubscriptionStatus;

namespace {

const Timestamp kNow = fromMicros(1'795'262'400'000'000);

config::PlanCatalog catalog() {
  config::Price price;
  price.id = "solo-month";
  price.per = "org";
  price.interval = "month";
  price.amount_minor = 2900;
  price.currency = "USD";
  price.providers = {{"pay", {"prod_solo", ""}}};
  config::Plan solo;
  solo.id = "solo";
  solo.prices = {price};
  config::PlanCatalog out;
  out.plans = {solo};
  return out;
}

SubscriptionSnapshot snapshot(S status = S::active) {
  SubscriptionSnapshot out;
  out.id = "s1";
  out.customer_id = "c1";
  out.status = status;
  out.product_id = "prod_solo";
  out.modified_at = kNow - hours(1);
  return out;
}

SubscriptionState held(const config::PlanCatalog& plans, const SubscriptionSnapshot& of) {
  SubscriptionState out;
  (void)applySnapshot(out, of, Provenance::answer(kNow - minutes(30)), 0, {plans, "pay"},
                      kNow - minutes(30));
  return out;
}

plugin::ProviderOffer offer() {
  plugin::ProviderOffer out;
  out.product_id = "prod_solo";
  out.price_id = "price_1";
  out.amount_minor = 2900;
  out.currency = "USD";
  out.interval = "month";
  return out;
}

}  // namespace

TEST_CASE("two sides that agree make no difference") {
  const auto plans = catalog();
  CHECK(compareSubscription(held(plans, snapshot()), snapshot(), {plans, "pay"}, kNow).empty());
}

TEST_CASE("what a lost webhook said is named and can be repaired") {
  const auto plans = catalog();
  auto there = snapshot(S::past_due);
  there.modified_at = kNow - minutes(1);
  there.past_due_at = kNow - minutes(1);
  const auto found = compareSubscription(held(plans, snapshot()), there, {plans, "pay"}, kNow);
  REQUIRE(found.size() == 1);
  CHECK(found[0].code == "subscription_differs");
  CHECK(found[0].repairable);
  CHECK(found[0].text.find("status, past_due_at") != std::string::npos);
  CHECK(found[0].here["status"] == Json("active"));
  CHECK(found[0].there["status"] == Json("past_due"));
}

TEST_CASE("an older word of the provider is no difference") {
  const auto plans = catalog();
  auto there = snapshot(S::past_due);
  there.modified_at = kNow - hours(2);
  CHECK(compareSubscription(held(plans, snapshot()), there, {plans, "pay"}, kNow).empty());
}

TEST_CASE("a running subscription that nobody told us of can be repaired, an ended one is history") {
  const auto plans = catalog();
  const auto found = compareSubscription(std::nullopt, snapshot(), {plans, "pay"}, kNow);
  REQUIRE(found.size() == 1);
  CHECK(found[0].code == "subscription_unknown_here");
  CHECK(found[0].repairable);
  CHECK(compareSubscription(std::nullopt, snapshot(S::canceled), {plans, "pay"}, kNow).empty());
}

TEST_CASE("a product outside the catalog is the operator's to settle") {
  const auto plans = catalog();
  auto there = snapshot();
  there.product_id = "prod_new";
  const auto found = compareSubscription(held(plans, snapshot()), there, {plans, "pay"}, kNow);
  REQUIRE_FALSE(found.empty());
  CHECK(found[0].code == "product_unknown");
  CHECK_FALSE(found[0].repairable);
}

TEST_CASE("a catalog that changed under a subscription shows in what it grants") {
  auto plans = catalog();
  const auto before = held(plans, snapshot());
  plans.plans[0].limits["seats"] = 3;
  const auto found = compareSubscription(before, snapshot(), {plans, "pay"}, kNow);
  REQUIRE(found.size() == 1);
  CHECK(found[0].code == "grant_differs");
}

TEST_CASE("a refund that no webhook brought is found, one that did is not") {
  const auto plans = catalog();
  plugin::BillingEvent refund;
  refund.event_id = "evt_1";
  refund.type = "charge.refunded";
  refund.kind = plugin::BillingEventKind::refund;
  refund.outcome = "full";
  refund.subscription_id = "s1";
  refund.occurred_at = kNow - minutes(5);
  auto state = held(plans, snapshot());
  const auto found = compareMark(state, refund, kNow);
  REQUIRE(found);
  CHECK(found->code == "refund_full_unknown_here");
  (void)applyMark(state, refund, *refund.occurred_at, kNow);
  CHECK_FALSE(compareMark(state, refund, kNow));
}

TEST_CASE("the catalog is held against what the provider sells") {
  const auto plans = catalog();
  CHECK(compareCatalog(plans, "pay", {offer()}).empty());
  CHECK(compareCatalog(plans, "elsewhere", {}).empty());
  const auto only = [&](const plugin::ProviderOffer& sold) {
    const auto found = compareCatalog(plans, "pay", {sold});
    REQUIRE(found.size() == 1);
    return found[0].code;
  };
  auto other = offer();
  other.product_id = "prod_else";
  CHECK(only(other) == "price_missing");
  auto retired = catalog();
  retired.plans[0].prices[0].retired = true;
  CHECK(compareCatalog(retired, "pay", {other}).empty());
  auto archived = offer();
  archived.archived = true;
  CHECK(only(archived) == "price_archived");
  auto dearer = offer();
  dearer.amount_minor = 3900;
  CHECK(only(dearer) == "price_amount_differs");
  auto euros = offer();
  euros.currency = "EUR";
  CHECK(only(euros) == "price_amount_differs");
  auto yearly = offer();
  yearly.interval = "year";
  CHECK(only(yearly) == "price_interval_differs");
}
