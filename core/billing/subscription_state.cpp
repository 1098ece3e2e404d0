#include "core/billing/subscription_state.hpp"

#include <algorithm>

namespace ccp::billing {

namespace {

using Status = plugin::SubscriptionStatus;

/// A provider that says past_due without saying since when: what we know of the same period counts.
SubscriptionSnapshot withKnownPastDue(SubscriptionSnapshot incoming,
                                      const std::optional<HeldSnapshot>& held) {
  if (incoming.status != Status::past_due || incoming.past_due_at || !held) return incoming;
  const auto& known = held->snapshot;
  if (known.status == Status::past_due && known.period_start_at == incoming.period_start_at)
    incoming.past_due_at = known.past_due_at;
  return incoming;
}

void take(std::optional<HeldSnapshot>& held, const SubscriptionSnapshot& snapshot,
          const Judgement& judgement) {
  if (judgement.replaces)
    held = HeldSnapshot{snapshot, judgement.order_at};
  else if (judgement.verdict == Verdict::unchanged && held)
    held->order_at = judgement.order_at;
}

std::optional<Timestamp> timeOf(const std::optional<HeldSnapshot>& held) {
  return held ? std::optional(held->order_at) : std::nullopt;
}

}  // namespace

StateChange applySnapshot(SubscriptionState& state, const SubscriptionSnapshot& snapshot,
                          const Provenance& from, std::int64_t doubts_seen, const Terms& terms,
                          Timestamp now) {
  StateChange out;
  const SubscriptionState before = state;
  const Judgement newest = judge(state.newest, snapshot, from);
  take(state.newest, snapshot, newest);
  out.verdict = newest.verdict;

  // The license follows the newest snapshot that we understand.
  const auto grant = snapshot.status == Status::unknown
                         ? std::nullopt
                         : grantOf(terms.plans, terms.instance, snapshot);
  if (grant) {
    const auto understood = withKnownPastDue(snapshot, state.effective);
    const Judgement known = judge(state.effective, understood, from);
    take(state.effective, understood, known);
    if (known.replaces || known.verdict == Verdict::unchanged) {
      out.license = known.replaces || !(state.grant == *grant);
      state.grant = *grant;
    }
    // A grace period needs its beginning: an answer knows it.
    const bool since_when = known.replaces && !from.asked && understood.status == Status::past_due &&
                            !understood.past_due_at;
    if (known.verdict == Verdict::dirty || since_when) out.verdict = Verdict::dirty;
  } else if (newest.replaces) {
    out.findings.push_back(
        {snapshot.status == Status::unknown ? "unknown_status" : "unknown_product",
         Json::object({{"product", snapshot.product_id}, {"price", snapshot.price_id}})});
  }

  if (out.verdict == Verdict::dirty) {
    ++state.dirty;
    state.refetch_after_at = now;
  } else if (from.asked && out.verdict != Verdict::stale) {
    state.missing_since_at.reset();
    if (state.dirty == doubts_seen) state.dirty = 0;
  }
  out.stored = out.license || newest.replaces || state.dirty != before.dirty ||
               state.missing_since_at != before.missing_since_at ||
               timeOf(state.newest) != timeOf(before.newest) ||
               timeOf(state.effective) != timeOf(before.effective);
  return out;
}

StateChange applyMark(SubscriptionState& state, const plugin::BillingEvent& event, Timestamp at,
                      Timestamp now) {
  StateChange out;
  out.verdict = Verdict::unchanged;
  const MarkKind kind = markOf(event);
  if (!addMark(state.marks, kind, at)) return out;
  out.verdict = Verdict::apply;
  out.stored = out.license = true;
  out.findings.push_back({toString(kind), Json::object({{"type", event.type},
                                                        {"amount_minor", event.amount_minor},
                                                        {"currency", event.currency}})});
  const std::string paid = state.newest ? state.newest->snapshot.currency : std::string();
  if (!paid.empty() && !event.currency.empty() && event.currency != paid) {
    out.findings.push_back({"mixed_currencies", Json::object({{"subscription", paid}, {"event", event.currency}})});
  }
  if (!state.newest) {
    ++state.dirty;
    state.refetch_after_at = now;
  }
  return out;
}

StateChange applyDoubt(SubscriptionState& state, Timestamp now) {
  StateChange out;
  out.verdict = Verdict::dirty;
  out.stored = true;
  ++state.dirty;
  state.refetch_after_at = now;
  return out;
}

StateChange applyMissing(SubscriptionState& state, std::int64_t doubts_seen, Timestamp now) {
  StateChange out;
  out.verdict = Verdict::dirty;
  out.stored = true;
  if (!state.missing_since_at) {
    state.missing_since_at = now;
    if (state.dirty == 0) state.dirty = 1;
    state.refetch_after_at = now + kMissingConfirmed;
    out.findings.push_back({"subscription_missing", Json::object()});
    return out;
  }
  if (now - *state.missing_since_at < kMissingConfirmed) {
    state.refetch_after_at = *state.missing_since_at + kMissingConfirmed;
    return out;
  }
  if (state.dirty == doubts_seen) state.dirty = 0;
  if (!state.effective || state.effective->snapshot.status == Status::canceled) return out;
  out.verdict = Verdict::apply;
  out.license = true;
  state.effective->snapshot.status = Status::canceled;
  // Without a time of its own it is ordered by this moment. With one that time stays: the provider
  // may know the subscription again (another credential) without having changed it.
  if (!state.effective->snapshot.modified_at)
    state.effective->order_at = std::max(state.effective->order_at, now);
  state.newest = state.effective;
  return out;
}

std::optional<licensing::SubscriptionFact> factOf(const std::string& id,
                                                  const SubscriptionState& state,
                                                  std::string_view on_dispute) {
  if (!state.effective) return std::nullopt;
  return factOf(id, state.effective->snapshot, state.grant, state.marks, on_dispute);
}

}  // namespace ccp::billing
