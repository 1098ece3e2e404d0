// What billing decides, as pure functions of values (product.md, License state): which snapshot
// wins, what an event asks for, what a subscription means for the license, who may buy what. No I/O
// here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/licensing/rules.hpp"
#include "core/plugin/facades/billing_provider.hpp"

namespace ccp::billing {

using plugin::SubscriptionSnapshot;

/// A snapshot we hold, with the time that orders it.
struct HeldSnapshot {
  SubscriptionSnapshot snapshot;
  Timestamp order_at;
};

/// Where a snapshot came from. A webhook is an old photograph that may be late; an answer to a
/// question that we asked at `asked_at` is the truth of that moment or later.
struct Provenance {
  bool asked = false;
  std::optional<Timestamp> occurred_at;  ///< webhook: time of the event
  Timestamp asked_at{};                  ///< answer: when we began to ask

  static Provenance webhook(std::optional<Timestamp> occurred_at) {
    return {false, occurred_at, {}};
  }
  static Provenance answer(Timestamp asked_at) { return {true, std::nullopt, asked_at}; }
};

enum class Verdict {
  apply,      ///< newer: replaces what we hold
  unchanged,  ///< the same again
  stale,      ///< older than what we hold
  dirty,      ///< cannot be ordered for certain: ask the provider
};
const char* toString(Verdict verdict) noexcept;

struct Judgement {
  Verdict verdict = Verdict::stale;
  /// `incoming` is what we hold from now on: always for `apply`; for `dirty` when it is newer by the
  /// little that we know.
  bool replaces = false;
  Timestamp order_at{};  ///< of what we hold from now on; valid unless stale
};

/// Times of events are whole seconds of the provider's clock, times of questions are ours: what lies
/// closer together than this is in no certain order.
inline constexpr Duration kDoubtful = seconds(5);

/// Whether `incoming` replaces `held`.
/// Both have modified_at: it decides; equal times with other content are dirty, except that an answer
/// wins. Otherwise by the time of the event or of the question: further apart than kDoubtful they are
/// in order, closer together they are dirty unless they say the same. No time at all is dirty.
Judgement judge(const std::optional<HeldSnapshot>& held, const SubscriptionSnapshot& incoming,
                const Provenance& from);

/// What refunds and disputes left on a subscription: latest time of each kind, so that order and
/// repetition of the events do not matter.
struct Marks {
  std::optional<Timestamp> refund_full_at, refund_partial_at, dispute_opened_at, dispute_won_at,
      dispute_lost_at;
  bool operator==(const Marks&) const = default;
};

enum class MarkKind {
  none,
  refund_full,
  refund_partial,
  dispute_opened,
  dispute_won,
  dispute_lost
};
const char* toString(MarkKind kind) noexcept;
/// What a refund or dispute event leaves; `none` when its outcome is of no kind we know.
MarkKind markOf(const plugin::BillingEvent& event) noexcept;
/// True when the marks changed.
bool addMark(Marks& marks, MarkKind kind, Timestamp at);

/// "", "refunded", "dispute_lost" or "dispute_open". A full refund and a lost dispute block until
/// the provider has begun a later period: paying again leads back. An open dispute blocks only when
/// billing.on_dispute is "suspend".
std::string blockedBy(const Marks& marks, const SubscriptionSnapshot& snapshot,
                      std::string_view on_dispute);

/// What a subscription grants by the catalog.
struct Grant {
  std::string plan;
  std::string price;
  std::string privacy = "minimized";
  std::int64_t seats = 1;
  bool operator==(const Grant&) const = default;
};
/// Nothing when the catalog does not know the product and price of this instance.
std::optional<Grant> grantOf(const config::PlanCatalog& catalog, std::string_view instance,
                             const SubscriptionSnapshot& snapshot);

/// The license's view of one subscription.
licensing::SubscriptionFact factOf(std::string id, const SubscriptionSnapshot& effective,
                                   const Grant& grant, const Marks& marks,
                                   std::string_view on_dispute);

/// What one event asks us to do.
enum class EventAction {
  apply_snapshot,   ///< it carries the whole subscription
  add_mark,         ///< refund or dispute
  refetch,          ///< it says that a subscription changed, not how
  refetch_if_idle,  ///< a payment: matters only when the subscription is not already running
  fetch_object,     ///< thin event: ask for the object first
  recheck_customer, ///< something of this customer changed: list its subscriptions soon
  ignore,
};
EventAction actionFor(const plugin::BillingEvent& event) noexcept;
/// Customer that an event belongs to: the snapshot's word counts over the envelope's.
std::string customerOf(const plugin::BillingEvent& event);
/// Subscription that an event is about; may be empty.
std::string subscriptionOf(const plugin::BillingEvent& event);

/// Trialing, active, past due or paused: something that the portal can manage.
bool isLive(plugin::SubscriptionStatus status) noexcept;
/// Trialing or active.
bool isRunning(plugin::SubscriptionStatus status) noexcept;

/// Owners and admins buy and manage.
Status authorizeBuyer(std::string_view role);
/// Quantity within what the plan sells; `validation_failed` names the range.
Status checkQuantity(const config::Plan& plan, const config::Price& price, std::int64_t quantity);
/// A trial is for an org's first subscription only.
int trialDaysFor(const config::Price& price, bool had_subscription_before) noexcept;

/// Wait before try number `attempts` + 1 of a stored webhook or a refused refetch.
Duration backoff(std::int64_t attempts) noexcept;
/// Tries after which a stored webhook is dead.
inline constexpr std::int64_t kMaxAttempts = 20;

}  // namespace ccp::billing
