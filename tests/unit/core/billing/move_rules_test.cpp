#include "core/billing/move_rules.hpp"

#include <doctest/doctest.h>

using namespace ccp;
using namespace ccp::billing;
using S = plugin::SubscriptionStatus;

namespace {

const Timestamp kNow = fromMicros(1'795'262'400'000'000);
const Timestamp kEnd = kNow + hours(24 * 20);

Move moveIn(MoveState state) {
  Move out;
  out.org = "org_1";
  out.id = "mov_1";
  out.from_instance = "polar";
  out.to_instance = "stripe";
  out.subscription = "sub_old";
  out.state = state;
  out.first_charge_at = kEnd;
  return out;
}

MoveFacts standing(S source = S::active) {
  MoveFacts out;
  out.source.emplace();
  out.source->id = "old";
  out.source->status = source;
  out.source->period_end_at = kEnd;
  return out;
}

CountedSubscription counted(const char* instance, const char* id, const char* status, bool live) {
  CountedSubscription out;
  out.instance = instance;
  out.live = live;
  out.fact.id = id;
  out.fact.status = status;
  out.fact.plan = "solo";
  return out;
}

}  // namespace

TEST_CASE("a move opens a checkout whose first payment is due when the paid period ends") {
  const NextStep step = nextStep(moveIn(MoveState::planned), standing(), kNow);
  CHECK((step.step == MoveStep::open_checkout));
  CHECK(step.at == kEnd);
}

TEST_CASE("too close to the end the move waits for the renewal and moves the period after it") {
  const Timestamp late = kEnd - hours(20);
  NextStep step = nextStep(moveIn(MoveState::planned), standing(), late);
  CHECK((step.step == MoveStep::wait));
  CHECK(step.at > kEnd);
  MoveFacts renewed = standing();
  renewed.source->period_end_at = kEnd + hours(24 * 30);
  step = nextStep(moveIn(MoveState::planned), renewed, kEnd + minutes(6));
  CHECK((step.step == MoveStep::open_checkout));
  CHECK(step.at == kEnd + hours(24 * 30));
}

TEST_CASE("a checkout that nobody completes leaves the old subscription as it is") {
  MoveFacts facts = standing();
  facts.checkout_state = "open";
  CHECK((nextStep(moveIn(MoveState::checkout_open), facts, kNow).step == MoveStep::wait));
  SUBCASE("the provider is still at the payment: no second one") {
    facts.checkout_state = "confirmed";
    const NextStep step = nextStep(moveIn(MoveState::checkout_open), facts, kNow);
    CHECK((step.step == MoveStep::wait));
    CHECK(step.at <= kNow + minutes(1));
  }
  SUBCASE("it expires: another one opens") {
    facts.checkout_state = "expired";
    CHECK((nextStep(moveIn(MoveState::checkout_open), facts, kNow).step == MoveStep::open_checkout));
  }
  SUBCASE("the period is renewed meanwhile: another one opens, for the new period") {
    facts.source->period_end_at = kEnd + hours(24 * 30);
    const NextStep step = nextStep(moveIn(MoveState::checkout_open), facts, kEnd + hours(1));
    CHECK((step.step == MoveStep::open_checkout));
    CHECK(step.at == *facts.source->period_end_at);
  }
  SUBCASE("the customer ends the old subscription instead") {
    facts.source->cancel_at_period_end = true;
    CHECK((nextStep(moveIn(MoveState::checkout_open), facts, kNow).step == MoveStep::fail));
  }
  SUBCASE("the old subscription ends") {
    facts.source->status = S::canceled;
    CHECK((nextStep(moveIn(MoveState::checkout_open), facts, kNow).step == MoveStep::fail));
  }
  SUBCASE("it was paid, and the provider has not said yet for what") {
    facts.checkout_state = "succeeded";
    CHECK((nextStep(moveIn(MoveState::checkout_open), facts, kNow).step == MoveStep::wait));
  }
}

TEST_CASE("only when the new subscription stands is the old one told to end") {
  MoveFacts facts = standing();
  facts.checkout_state = "succeeded";
  facts.target_id = "new";
  facts.target = S::trialing;
  CHECK((nextStep(moveIn(MoveState::checkout_open), facts, kNow).step == MoveStep::note_confirmed));
  CHECK((nextStep(moveIn(MoveState::confirmed), facts, kNow).step == MoveStep::end_source));
  facts.source->cancel_at_period_end = true;
  CHECK((nextStep(moveIn(MoveState::confirmed), facts, kNow).step == MoveStep::note_scheduled));
  CHECK((nextStep(moveIn(MoveState::scheduled), facts, kNow).step == MoveStep::wait));
  SUBCASE("a customer who undoes that is asked to pay once only") {
    facts.source->cancel_at_period_end = false;
    CHECK((nextStep(moveIn(MoveState::scheduled), facts, kNow).step == MoveStep::end_source));
  }
  SUBCASE("an end that lies beyond the paid period is no end with it") {
    facts.source->cancel_at_period_end = false;
    facts.source->ends_at = kEnd + hours(24 * 60);
    CHECK((nextStep(moveIn(MoveState::confirmed), facts, kNow).step == MoveStep::end_source));
    facts.source->ends_at = kEnd;
    CHECK((nextStep(moveIn(MoveState::confirmed), facts, kNow).step == MoveStep::note_scheduled));
  }
  SUBCASE("it has ended") {
    facts.source->status = S::canceled;
    CHECK((nextStep(moveIn(MoveState::scheduled), facts, kEnd).step == MoveStep::finish));
  }
  SUBCASE("the new one was ended by the customer") {
    facts.target = S::canceled;
    CHECK((nextStep(moveIn(MoveState::scheduled), facts, kNow).step == MoveStep::fail));
  }
  SUBCASE("its first payment failed: grace there is its own affair") {
    facts.source->status = S::canceled;
    facts.target = S::past_due;
    CHECK((nextStep(moveIn(MoveState::scheduled), facts, kEnd).step == MoveStep::finish));
  }
}

TEST_CASE("exactly one of the two subscriptions counts at every moment of a move") {
  for (const auto state : {MoveState::planned, MoveState::checkout_open, MoveState::confirmed,
                           MoveState::scheduled, MoveState::done}) {
    CAPTURE(toString(state));
    const Move move = moveIn(state);
    for (const bool source_live : {true, false}) {
      const auto facts = countedFacts(
          {counted("polar", "sub_old", source_live ? "active" : "canceled", source_live),
           counted("stripe", "sub_new", "trialing", true)},
          move);
      int granting = 0;
      for (const auto& fact : facts) granting += fact.status == "active" || fact.status == "trialing";
      CHECK(granting == 1);
      // What was paid at the old provider is no trial at the new one.
      if (!source_live) CHECK(facts.back().status == "active");
    }
  }
}

TEST_CASE("without a move, or after a cancelled one, every subscription counts as it is") {
  const auto both = [] {
    return std::vector{counted("polar", "sub_old", "active", true),
                       counted("stripe", "sub_new", "trialing", true)};
  };
  CHECK(countedFacts(both(), std::nullopt).size() == 2);
  CHECK(countedFacts(both(), moveIn(MoveState::cancelled)).size() == 2);
  CHECK(countedFacts(both(), moveIn(MoveState::cancelled)).back().status == "trialing");
}

TEST_CASE("states survive their text form") {
  for (const auto state :
       {MoveState::planned, MoveState::checkout_open, MoveState::confirmed, MoveState::scheduled,
        MoveState::done, MoveState::cancelled, MoveState::failed})
    CHECK((moveStateFrom(toString(state)) == state));
  CHECK((moveStateFrom("of a later release") == MoveState::failed));
}
