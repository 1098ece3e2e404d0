// Moving a paying org from one billing instance to another: which step comes next, and which of its
// subscriptions counts meanwhile. Pure functions of values and `now`.
//
// A payment method cannot be carried over, so the customer agrees to the new provider in a checkout
// whose first payment is taken when the paid period of the old subscription ends. Only then is the
// old one told to end. Until it has ended, it alone counts for the license; from then on the new one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/billing/subscription_state.hpp"

namespace ccp::billing {

enum class MoveState {
  planned,        ///< nothing at the new provider yet
  checkout_open,  ///< waits for the customer
  confirmed,      ///< the new subscription stands; the old one is to end
  scheduled,      ///< both are settled; waits for the end of the period
  done,
  cancelled,  ///< by an operator
  failed      ///< cannot go on; the error says why
};
const char* toString(MoveState state) noexcept;
MoveState moveStateFrom(std::string_view text) noexcept;
bool isOver(MoveState state) noexcept;

struct Move {
  std::string org;
  std::string id;  ///< mov_…
  std::string from_instance, to_instance;
  std::string subscription;  ///< sub_… of the old one
  std::string price;
  std::int64_t quantity = 1;
  MoveState state = MoveState::planned;
  Timestamp first_charge_at{};  ///< end of the paid period of the old subscription
  std::int64_t attempt = 1;     ///< of the checkout: the part of its key that changes
  std::string checkout;         ///< chk_…; empty before
  std::string provider_subscription_id;  ///< the new one; empty before
  std::string url;                       ///< where the customer agrees
  std::string error;
  std::string actor;
  Timestamp next_step_at{};
  Timestamp created_at{};
};

/// A provider that is told when to take the first payment wants to know so long before (Stripe: 48
/// hours, with some time for the customer).
inline constexpr Duration kMoveLeadTime = hours(72);
/// So often a move that waits is looked at.
inline constexpr Duration kMoveCheckEvery = minutes(10);

/// What is known of the two subscriptions and the checkout.
struct MoveFacts {
  std::optional<SubscriptionSnapshot> source;  ///< nothing: not known any more
  bool source_blocked = false;                 ///< refunded or disputed
  std::string checkout_state;                  ///< as CheckoutRow::state; empty without one
  std::string target_id;                       ///< the new subscription, by the checkout
  std::optional<plugin::SubscriptionStatus> target;
};

enum class MoveStep {
  wait,           ///< look again at `at`
  open_checkout,  ///< first payment at `at`
  note_confirmed,
  end_source,
  note_scheduled,  ///< the old one is to end already
  finish,
  fail
};
struct NextStep {
  MoveStep step = MoveStep::wait;
  Timestamp at{};
  std::string reason = {};  ///< of a failure, or of a wait worth telling
};
NextStep nextStep(const Move& move, const MoveFacts& facts, Timestamp now);

/// The facts that licensing sees while an org moves: exactly one subscription of the two counts. The
/// new one is held back while the old one lives, and what is free time at the new provider because it
/// was paid at the old one is shown as paid.
struct CountedSubscription {
  std::string instance;
  bool live = false;  ///< trialing, active, past due or paused
  licensing::SubscriptionFact fact;
};
std::vector<licensing::SubscriptionFact> countedFacts(
    std::vector<CountedSubscription> subscriptions, const std::optional<Move>& move);

}  // namespace ccp::billing
