#include "core/licensing/rules.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace ccp::licensing {
namespace {

/// Best first; product.md, License state.
constexpr std::array kBestFirst{LicenseState::active,  LicenseState::trial,   LicenseState::grace, LicenseState::suspended,
                                LicenseState::pending, LicenseState::revoked, LicenseState::expired};

int goodness(LicenseState state) noexcept {
  return static_cast<int>(kBestFirst.end() - std::find(kBestFirst.begin(), kBestFirst.end(), state));
}

struct Candidate {
  LicenseState state = LicenseState::pending;
  std::string reason;
  std::string plan;
  std::string privacy;
  std::int64_t seats = 1;
  std::optional<Timestamp> ends_at;
  std::optional<Timestamp> next_change_at;
  std::string subscription;
};

Candidate candidateOf(const SubscriptionFact& fact, const Policy& policy, Timestamp now) {
  Candidate out;
  out.plan = fact.plan;
  out.privacy = fact.privacy;
  out.seats = std::max<std::int64_t>(fact.seats, 1);
  out.subscription = fact.id;
  const auto become = [&](LicenseState state, const char* reason) {
    out.state = state;
    out.reason = reason;
  };
  /// `state` until `end`, then `later`.
  const auto until = [&](Timestamp end, LicenseState state, const char* reason, LicenseState later, const char* later_reason) {
    if (now < end) {
      become(state, reason);
      out.next_change_at = end;
    } else {
      become(later, later_reason);
    }
  };

  if (fact.blocked == "refunded" || fact.blocked == "dispute_lost") {
    become(LicenseState::revoked, fact.blocked == "refunded" ? "refunded" : "dispute_lost");
  } else if (fact.status == "unpaid" || fact.status == "canceled") {
    become(LicenseState::revoked, fact.status == "unpaid" ? "unpaid" : "canceled");
  } else if (fact.status == "incomplete_expired") {
    become(LicenseState::expired, "incomplete_expired");
  } else if (fact.status == "incomplete") {
    become(LicenseState::pending, "incomplete");
  } else if (fact.blocked == "dispute_open") {
    become(LicenseState::suspended, "dispute_open");
  } else if (fact.status == "paused") {
    become(LicenseState::suspended, "paused");
  } else if (fact.status == "past_due") {
    if (fact.past_due_at) {
      const Timestamp end = *fact.past_due_at + hours(24) * policy.grace_days;
      until(end, LicenseState::grace, "past_due", LicenseState::suspended, "past_due");
      if (out.state == LicenseState::grace) out.ends_at = end;
    } else {
      become(LicenseState::grace, "past_due");
    }
  } else if (fact.status == "trialing") {
    if (fact.trial_end_at) {
      until(*fact.trial_end_at + kSettleTime, LicenseState::trial, "trial", LicenseState::expired, "trial_over");
      out.ends_at = fact.trial_end_at;
    } else {
      become(LicenseState::trial, "trial");
    }
  } else {  // active: whatever else there is was settled before (settleFacts)
    const auto end = fact.ends_at ? fact.ends_at : fact.cancel_at_period_end ? fact.period_end_at : std::nullopt;
    if (end) {
      until(*end + kSettleTime, LicenseState::active, "cancels", LicenseState::revoked, "canceled");
      out.ends_at = end;
    } else {
      become(LicenseState::active, "");
    }
  }
  return out;
}

Candidate candidateOf(const ManualTerm& term, Timestamp now) {
  Candidate out;
  out.plan = term.plan;
  out.privacy = "minimized";
  out.seats = std::max<std::int64_t>(term.seats, 1);
  out.ends_at = term.ends_at;
  if (term.ends_at && now >= *term.ends_at) {
    out.state = LicenseState::expired;
    out.reason = "term_over";
  } else {
    out.state = LicenseState::active;
    out.reason = "term";
    out.next_change_at = term.ends_at;
  }
  return out;
}

/// A total order, so that the order in which subscriptions come cannot matter.
bool better(const Candidate& a, const Candidate& b, const Policy& policy) {
  const auto key = [&](const Candidate& c) {
    const std::int64_t end = c.ends_at ? toMicros(*c.ends_at) : INT64_MAX;
    return std::tuple(goodness(c.state), policy.rank(c.plan), c.seats, end, c.subscription);
  };
  return key(a) > key(b);
}

}  // namespace

const char* toString(LicenseState state) noexcept {
  switch (state) {
    case LicenseState::pending: return "pending";
    case LicenseState::trial: return "trial";
    case LicenseState::active: return "active";
    case LicenseState::grace: return "grace";
    case LicenseState::suspended: return "suspended";
    case LicenseState::revoked: return "revoked";
    case LicenseState::expired: return "expired";
  }
  return "";
}

LicenseState licenseStateFrom(std::string_view text) noexcept {
  for (const auto state : kBestFirst) {
    if (text == toString(state)) return state;
  }
  return LicenseState::pending;
}

const char* toString(AdminOverride value) noexcept {
  switch (value) {
    case AdminOverride::none: return "none";
    case AdminOverride::suspended: return "suspended";
    case AdminOverride::revoked: return "revoked";
  }
  return "";
}

AdminOverride adminOverrideFrom(std::string_view text) noexcept {
  if (text == "suspended") return AdminOverride::suspended;
  if (text == "revoked") return AdminOverride::revoked;
  return AdminOverride::none;
}

bool isLive(LicenseState state) noexcept {
  return state == LicenseState::trial || state == LicenseState::active || state == LicenseState::grace;
}

int Policy::rank(std::string_view plan) const noexcept {
  if (plan == kNoPlan) return -1;
  const auto it = std::find(plan_order.begin(), plan_order.end(), plan);
  return it == plan_order.end() ? 0 : static_cast<int>(it - plan_order.begin()) + 1;
}

std::vector<SubscriptionFact> settleFacts(const std::vector<SubscriptionFact>& known,
                                          const std::vector<SubscriptionFact>& told, Timestamp now) {
  static constexpr std::string_view statuses[] = {"incomplete", "incomplete_expired", "trialing", "active",
                                                  "past_due",   "paused",             "unpaid",   "canceled"};
  std::map<std::string, SubscriptionFact> out;
  for (SubscriptionFact fact : told) {
    const auto before = std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.id == fact.id; });
    const bool had = before != known.end();
    if (std::find(std::begin(statuses), std::end(statuses), fact.status) == std::end(statuses)) {
      if (!had) continue;
      fact.status = before->status;
      if (!fact.past_due_at) fact.past_due_at = before->past_due_at;
    }
    if (fact.plan.empty()) {
      if (!had) continue;
      fact.plan = before->plan;
      fact.privacy = before->privacy;
    }
    if (fact.status == "past_due" && !fact.past_due_at) {
      fact.past_due_at = had && before->status == "past_due" && before->past_due_at ? *before->past_due_at : now;
    }
    out.insert_or_assign(fact.id, std::move(fact));
  }
  std::vector<SubscriptionFact> list;
  for (auto& [id, fact] : out) list.push_back(std::move(fact));
  return list;
}

Decision decide(AdminOverride admin, const std::vector<SubscriptionFact>& subscriptions,
                const std::optional<ManualTerm>& term, const Policy& policy, Timestamp now) {
  Decision out;
  if (admin != AdminOverride::none) {
    // The operator's word: no plan at all, not even the fallback.
    out.state = admin == AdminOverride::revoked ? LicenseState::revoked : LicenseState::suspended;
    out.reason = admin == AdminOverride::revoked ? "admin_revoked" : "admin_suspended";
    out.plan = kNoPlan;
    return out;
  }
  std::vector<Candidate> candidates;
  for (const auto& fact : subscriptions) candidates.push_back(candidateOf(fact, policy, now));
  if (term) candidates.push_back(candidateOf(*term, now));

  out.state = LicenseState::pending;
  out.reason = "no_subscription";
  const Candidate* best = nullptr;
  for (const auto& candidate : candidates) {
    if (!best || better(candidate, *best, policy)) best = &candidate;
    if (candidate.next_change_at && (!out.next_change_at || *candidate.next_change_at < *out.next_change_at)) {
      out.next_change_at = candidate.next_change_at;
    }
  }
  if (best) {
    out.state = best->state;
    out.reason = best->reason;
    out.ends_at = best->ends_at;
    out.subscription = best->subscription;
  }
  if (best && isLive(best->state)) {
    out.plan = best->plan;
    out.privacy = best->privacy;
    out.seats = best->seats;
  } else {
    out.plan = policy.fallback_plan;
    out.seats = policy.fallback_seats;
  }
  return out;
}

bool bumpsVersion(const Decision& before, const Decision& after, int plan_rank_before, int plan_rank_after) {
  if (isLive(before.state) && !isLive(after.state)) return true;
  return plan_rank_after < plan_rank_before || after.seats < before.seats;
}

}  // namespace ccp::licensing
