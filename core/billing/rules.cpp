#include "core/billing/rules.hpp"

#include <algorithm>

namespace ccp::billing {

namespace {

std::optional<Timestamp> latest(std::optional<Timestamp> a, std::optional<Timestamp> b) {
  if (!a) return b;
  if (!b) return a;
  return std::max(*a, *b);
}

bool sameContent(const SubscriptionSnapshot& a, const SubscriptionSnapshot& b) {
  return a.json() == b.json();
}

/// Both say when the provider changed it last: the provider's own order, to the microsecond.
Judgement judgeByChange(const HeldSnapshot& held, const SubscriptionSnapshot& incoming,
                        bool asked) {
  const Timestamp time = *incoming.modified_at;
  if (time < held.order_at) return {Verdict::stale, false, {}};
  if (sameContent(held.snapshot, incoming)) return {Verdict::unchanged, false, held.order_at};
  if (time > held.order_at || asked) return {Verdict::apply, true, time};
  return {Verdict::dirty, false, held.order_at};
}

/// By the time of the event, or of the question: seconds, and two clocks.
Judgement judgeByMoment(const HeldSnapshot& held, const SubscriptionSnapshot& incoming,
                        Timestamp moment, bool asked) {
  const Timestamp order_at = incoming.modified_at.value_or(moment);
  if (sameContent(held.snapshot, incoming))
    return {Verdict::unchanged, false, std::max(held.order_at, order_at)};
  // What we were told after asking is not undone by the answer; we ask again.
  if (asked) {
    return moment >= held.order_at ? Judgement{Verdict::apply, true, order_at}
                                   : Judgement{Verdict::dirty, false, held.order_at};
  }
  if (moment > held.order_at + kDoubtful) return {Verdict::apply, true, order_at};
  if (moment < held.order_at - kDoubtful) return {Verdict::stale, false, {}};
  return {Verdict::dirty, moment > held.order_at, order_at};
}

}  // namespace

const char* toString(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::apply:
      return "apply";
    case Verdict::unchanged:
      return "unchanged";
    case Verdict::stale:
      return "stale";
    case Verdict::dirty:
      return "dirty";
  }
  return "dirty";
}

Judgement judge(const std::optional<HeldSnapshot>& held, const SubscriptionSnapshot& incoming,
                const Provenance& from) {
  auto moment = from.asked ? std::optional(from.asked_at) : from.occurred_at;
  if (!moment) moment = incoming.modified_at;
  if (!moment) return {Verdict::dirty, false, held ? held->order_at : Timestamp{}};
  if (!held) return {Verdict::apply, true, incoming.modified_at.value_or(*moment)};
  if (incoming.modified_at && held->snapshot.modified_at)
    return judgeByChange(*held, incoming, from.asked);
  return judgeByMoment(*held, incoming, *moment, from.asked);
}

const char* toString(MarkKind kind) noexcept {
  switch (kind) {
    case MarkKind::none:
      return "none";
    case MarkKind::refund_full:
      return "refund_full";
    case MarkKind::refund_partial:
      return "refund_partial";
    case MarkKind::dispute_opened:
      return "dispute_opened";
    case MarkKind::dispute_won:
      return "dispute_won";
    case MarkKind::dispute_lost:
      return "dispute_lost";
  }
  return "none";
}

MarkKind markOf(const plugin::BillingEvent& event) noexcept {
  if (event.kind == plugin::BillingEventKind::refund) {
    if (event.outcome == "full") return MarkKind::refund_full;
    if (event.outcome == "partial") return MarkKind::refund_partial;
  } else if (event.kind == plugin::BillingEventKind::dispute) {
    if (event.outcome == "opened") return MarkKind::dispute_opened;
    if (event.outcome == "won") return MarkKind::dispute_won;
    if (event.outcome == "lost") return MarkKind::dispute_lost;
  }
  return MarkKind::none;
}

bool addMark(Marks& marks, MarkKind kind, Timestamp at) {
  const Marks before = marks;
  switch (kind) {
    case MarkKind::none:
      break;
    case MarkKind::refund_full:
      marks.refund_full_at = latest(marks.refund_full_at, at);
      break;
    case MarkKind::refund_partial:
      marks.refund_partial_at = latest(marks.refund_partial_at, at);
      break;
    case MarkKind::dispute_opened:
      marks.dispute_opened_at = latest(marks.dispute_opened_at, at);
      break;
    case MarkKind::dispute_won:
      marks.dispute_won_at = latest(marks.dispute_won_at, at);
      break;
    case MarkKind::dispute_lost:
      marks.dispute_lost_at = latest(marks.dispute_lost_at, at);
      break;
  }
  return !(marks == before);
}

std::string blockedBy(const Marks& marks, const SubscriptionSnapshot& snapshot,
                      std::string_view on_dispute) {
  const auto holds = [&](const std::optional<Timestamp>& at) {
    return at && !(snapshot.period_start_at && *snapshot.period_start_at > *at);
  };
  if (holds(marks.dispute_lost_at)) return "dispute_lost";
  if (holds(marks.refund_full_at)) return "refunded";
  const auto closed_at = latest(marks.dispute_won_at, marks.dispute_lost_at);
  const bool open =
      marks.dispute_opened_at && !(closed_at && *closed_at >= *marks.dispute_opened_at);
  if (open && on_dispute == "suspend") return "dispute_open";
  return {};
}

std::optional<Grant> grantOf(const config::PlanCatalog& catalog, std::string_view instance,
                             const SubscriptionSnapshot& snapshot) {
  const auto ref = catalog.findProvider(instance, snapshot.product_id, snapshot.price_id);
  if (!ref.plan || !ref.price) return std::nullopt;
  Grant grant;
  grant.plan = ref.plan->id;
  grant.price = ref.price->id;
  grant.privacy = ref.price->privacy;
  if (ref.price->per == "seat") {
    grant.seats = std::max<std::int64_t>(1, snapshot.quantity);
  } else {
    const auto limit = ref.plan->limits.find("seats");
    grant.seats = limit == ref.plan->limits.end() ? 1 : std::max<std::int64_t>(1, limit->second);
  }
  return grant;
}

licensing::SubscriptionFact factOf(std::string id, const SubscriptionSnapshot& effective,
                                   const Grant& grant, const Marks& marks,
                                   std::string_view on_dispute) {
  licensing::SubscriptionFact fact;
  fact.id = std::move(id);
  fact.status = plugin::toString(effective.status);
  fact.plan = grant.plan;
  fact.privacy = grant.privacy;
  fact.seats = grant.seats;
  fact.past_due_at = effective.past_due_at;
  fact.trial_end_at = effective.trial_end_at;
  fact.period_end_at = effective.period_end_at;
  fact.ends_at = effective.ends_at;
  fact.cancel_at_period_end = effective.cancel_at_period_end;
  fact.blocked = blockedBy(marks, effective, on_dispute);
  return fact;
}

EventAction actionFor(const plugin::BillingEvent& event) noexcept {
  using Kind = plugin::BillingEventKind;
  switch (event.kind) {
    case Kind::refund:
    case Kind::dispute:
      return markOf(event) == MarkKind::none ? EventAction::ignore : EventAction::add_mark;
    case Kind::fetch:
      return EventAction::fetch_object;
    case Kind::customer:
      return EventAction::recheck_customer;
    case Kind::ignored:
      return EventAction::ignore;
    case Kind::subscription:
    case Kind::payment:
    case Kind::checkout:
      break;
  }
  if (event.subscription) return EventAction::apply_snapshot;
  if (event.subscription_id.empty()) return EventAction::ignore;
  return event.kind == Kind::payment ? EventAction::refetch_if_idle : EventAction::refetch;
}

std::string customerOf(const plugin::BillingEvent& event) {
  if (event.subscription && !event.subscription->customer_id.empty())
    return event.subscription->customer_id;
  return event.customer_id;
}

std::string subscriptionOf(const plugin::BillingEvent& event) {
  return event.subscription ? event.subscription->id : event.subscription_id;
}

bool isLive(plugin::SubscriptionStatus status) noexcept {
  using S = plugin::SubscriptionStatus;
  return status == S::trialing || status == S::active || status == S::past_due ||
         status == S::paused;
}

bool isRunning(plugin::SubscriptionStatus status) noexcept {
  return status == plugin::SubscriptionStatus::trialing ||
         status == plugin::SubscriptionStatus::active;
}

Status authorizeBuyer(std::string_view role) {
  if (role == "owner" || role == "admin") return {};
  return fail(Errc::forbidden, "Owners and admins of the organization manage its billing.");
}

Status checkQuantity(const config::Plan& plan, const config::Price& price, std::int64_t quantity) {
  const auto refuse = [](std::string rule) -> Status {
    Error error{Errc::validation_failed, "quantity " + rule, {{"/quantity", rule}}};
    return fail(std::move(error));
  };
  if (price.per != "seat") {
    if (quantity != 1) return refuse("must be 1: the price is per organization");
    return {};
  }
  const auto limit = plan.limits.find("seats");
  const std::int64_t most =
      limit == plan.limits.end() || limit->second <= 0
          ? 10000
          : std::min(limit->second, config::kMaxQuantity);
  if (quantity < 1 || quantity > most) return refuse("must be from 1 to " + std::to_string(most));
  return {};
}

int trialDaysFor(const config::Price& price, bool had_subscription_before) noexcept {
  return had_subscription_before ? 0 : price.trial_days;
}

Duration backoff(std::int64_t attempts) noexcept {
  const auto exponent = std::clamp<std::int64_t>(attempts, 0, 10);
  return std::min<Duration>(seconds(5) * (std::int64_t{1} << exponent), hours(1));
}

}  // namespace ccp::billing
