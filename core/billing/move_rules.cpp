#include "core/billing/move_rules.hpp"

#include <algorithm>
#include <array>

namespace ccp::billing {

namespace {

constexpr std::array kStates{"planned", "checkout_open", "confirmed", "scheduled",
                             "done",    "cancelled",     "failed"};

NextStep waitFor(Timestamp at, std::string reason = {}) {
  return {MoveStep::wait, at, std::move(reason)};
}
NextStep failWith(std::string reason) { return {MoveStep::fail, {}, std::move(reason)}; }

/// With the paid period; an end that lies further off would let both providers charge until then.
bool ends(const SubscriptionSnapshot& source) {
  if (source.cancel_at_period_end) return true;
  return source.ends_at && (!source.period_end_at || *source.ends_at <= *source.period_end_at);
}

/// Before the customer has agreed, the old subscription is as if nothing had happened.
NextStep beforeAgreement(const Move& move, const MoveFacts& facts, Timestamp now) {
  if (!facts.source || !isLive(facts.source->status) || facts.source_blocked)
    return failWith("the old subscription has ended by itself; sell a new one with a checkout");
  const SubscriptionSnapshot& source = *facts.source;
  // Agreed to, and the provider is still at it: a second checkout would be a second subscription.
  if (move.state == MoveState::checkout_open && facts.checkout_state == "confirmed")
    return waitFor(now + seconds(30));
  if (move.state == MoveState::checkout_open && facts.checkout_state == "succeeded")
    return facts.target_id.empty() ? waitFor(now + seconds(30))
                                   : NextStep{MoveStep::note_confirmed, now};
  if (ends(source))
    return failWith(
        "the customer has ended the old subscription; there is no next period to move");
  if (source.status != plugin::SubscriptionStatus::active &&
      source.status != plugin::SubscriptionStatus::trialing)
    return waitFor(now + kMoveCheckEvery, "the old subscription is not paid");
  if (!source.period_end_at)
    return failWith("the old provider does not say when the paid period ends");
  const Timestamp end = *source.period_end_at;
  const bool renewed = move.first_charge_at != end;
  const bool open = move.state == MoveState::checkout_open && facts.checkout_state == "open";
  if (open && !renewed) return waitFor(std::min(now + kMoveCheckEvery, end + minutes(5)));
  // Too close to the end: a renewal at the old provider is coming; move the period after it.
  if (end - now < kMoveLeadTime)
    return waitFor(std::max(now + kMoveCheckEvery, end + minutes(5)),
                   "the paid period ends too soon; the checkout opens after the renewal");
  return {MoveStep::open_checkout, end};
}

}  // namespace

const char* toString(MoveState state) noexcept { return kStates[static_cast<std::size_t>(state)]; }

MoveState moveStateFrom(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (text == kStates[i]) return static_cast<MoveState>(i);
  }
  return MoveState::failed;
}

bool isOver(MoveState state) noexcept {
  return state == MoveState::done || state == MoveState::cancelled || state == MoveState::failed;
}

NextStep nextStep(const Move& move, const MoveFacts& facts, Timestamp now) {
  const bool source_live = facts.source && isLive(facts.source->status) && !facts.source_blocked;
  switch (move.state) {
    case MoveState::planned:
    case MoveState::checkout_open:
      return beforeAgreement(move, facts, now);
    case MoveState::confirmed:
    case MoveState::scheduled:
      if (facts.target && !isLive(*facts.target) &&
          *facts.target != plugin::SubscriptionStatus::unknown) {
        return failWith(
            source_live
                ? "the customer has ended the new subscription before the old one ran out"
                : "both subscriptions have ended");
      }
      if (!source_live) return {MoveStep::finish, now};
      if (!ends(*facts.source)) return {MoveStep::end_source, now};
      if (move.state == MoveState::confirmed) return {MoveStep::note_scheduled, now};
      return waitFor(std::max(now + seconds(30),
                              std::min(now + hours(1), facts.source->period_end_at.value_or(now) +
                                                           minutes(1))));
    case MoveState::done:
    case MoveState::cancelled:
    case MoveState::failed:
      break;
  }
  return waitFor(now + hours(24));
}

std::vector<licensing::SubscriptionFact> countedFacts(
    std::vector<CountedSubscription> subscriptions, const std::optional<Move>& move) {
  std::vector<licensing::SubscriptionFact> out;
  const bool moving = move && move->state != MoveState::cancelled && move->state != MoveState::failed;
  const bool source_lives =
      moving && std::any_of(subscriptions.begin(), subscriptions.end(), [&](const auto& each) {
        return each.fact.id == move->subscription && each.live && each.fact.blocked.empty();
      });
  for (auto& each : subscriptions) {
    const bool target = moving && each.instance == move->to_instance && each.live;
    if (target && source_lives) continue;
    if (target && each.fact.status == "trialing") {
      // The period was paid at the old provider: this is no trial.
      each.fact.status = "active";
      each.fact.trial_end_at.reset();
    }
    out.push_back(std::move(each.fact));
  }
  return out;
}

}  // namespace ccp::billing
