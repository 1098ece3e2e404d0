#include "core/billing/reminder_rules.hpp"

#include <algorithm>
#include <chrono>

namespace ccp::billing {

namespace {

using Status = plugin::SubscriptionStatus;

/// Every reminder of a plan with its time, in order.
std::vector<std::pair<int, Timestamp>> allOf(const ReminderPlan& plan, const ReminderTerms& terms) {
  std::vector<std::pair<int, Timestamp>> out;
  if (plan.kind == ReminderKind::trial_ends) {
    out.emplace_back(kTrialNotice, plan.anchor - hours(24) * kTrialNotice);
    return out;
  }
  for (const int day : terms.days) {
    if (day < terms.grace_days) out.emplace_back(day, plan.anchor + hours(24) * day);
  }
  return out;
}

void setDue(ReminderPlan& plan, const ReminderTerms& terms) {
  plan.due_at.reset();
  for (const auto& [day, at] : allOf(plan, terms)) {
    if (day <= plan.done) continue;
    plan.due_at = at;
    return;
  }
}

std::string dayText(Timestamp at) {
  static constexpr const char* kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                            "July",    "August",   "September", "October", "November", "December"};
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(at));
  return std::to_string(static_cast<unsigned>(date.day())) + " " +
         kMonths[static_cast<unsigned>(date.month()) - 1] + " " +
         std::to_string(static_cast<int>(date.year()));
}

std::string daysLeft(Timestamp until, Timestamp now) {
  const auto days = (until - now + hours(24) - Duration(1)) / hours(24);
  if (days <= 1) return "one day";
  return std::to_string(days) + " days";
}

}  // namespace

const char* toString(ReminderKind kind) noexcept {
  return kind == ReminderKind::past_due ? "past_due" : "trial_ends";
}

std::optional<ReminderKind> reminderKindFrom(std::string_view text) noexcept {
  if (text == "past_due") return ReminderKind::past_due;
  if (text == "trial_ends") return ReminderKind::trial_ends;
  return std::nullopt;
}

std::optional<ReminderPlan> planReminders(const std::optional<ReminderPlan>& before,
                                          const SubscriptionState& state,
                                          const ReminderTerms& terms, Timestamp now) {
  if (!state.effective) return std::nullopt;
  const auto& snapshot = state.effective->snapshot;
  ReminderPlan plan;
  if (snapshot.status == Status::past_due && snapshot.past_due_at) {
    plan.kind = ReminderKind::past_due;
    plan.anchor = *snapshot.past_due_at;
  } else if (snapshot.status == Status::trialing && snapshot.trial_end_at) {
    plan.kind = ReminderKind::trial_ends;
    plan.anchor = *snapshot.trial_end_at;
    if (plan.anchor - hours(24) * kTrialNotice <= now) plan.done = kTrialNotice;
  } else {
    return std::nullopt;
  }
  if (before && before->kind == plan.kind && before->anchor == plan.anchor)
    plan.done = before->done;
  setDue(plan, terms);
  return plan;
}

DueReminder remindersDue(const ReminderPlan& plan, const ReminderTerms& terms, Timestamp now) {
  DueReminder out{std::nullopt, plan};
  for (const auto& [day, at] : allOf(plan, terms)) {
    if (day <= plan.done || at > now) continue;
    out.day = day;
    out.after.done = day;
  }
  setDue(out.after, terms);
  return out;
}

bool stillConcerns(ReminderKind kind, const std::string& subscription,
                   const licensing::Decision& decision) noexcept {
  if (decision.subscription != subscription) return false;
  return kind == ReminderKind::past_due ? decision.state == licensing::LicenseState::grace
                                        : decision.state == licensing::LicenseState::trial;
}

ReminderText textOf(const ReminderFacts& facts, Timestamp now) {
  ReminderText out;
  const std::string hello = "Hello,\n\n";
  const std::string end = "\n\n  " + facts.link +
                          "\n\nYou get this because you are an owner of " + facts.org + ".\n";
  const std::string until = facts.ends_at ? dayText(*facts.ends_at) : "further notice";
  if (facts.kind == ReminderKind::past_due) {
    const std::string left = facts.ends_at ? daysLeft(*facts.ends_at, now) + " left" : "please update it";
    out.subject = facts.product + ": a payment did not go through, " + left;
    out.text = hello + "the last payment of " + facts.org + " for " + facts.plan_title +
               " did not go through. Nothing is lost: everything keeps working until " + until +
               ". Until then, please update the payment method or pay the open invoice:" + end;
    return out;
  }
  out.subject = facts.product + ": your trial ends on " + until;
  out.text = hello + "the trial of " + facts.plan_title + " for " + facts.org + " ends on " + until + ". " +
             (facts.goes_on
                  ? "You need not do anything to go on: the first payment is taken then. To change or cancel before:"
                  : "It was cancelled, so nothing will be charged. To keep the plan after all:") +
             end;
  return out;
}

}  // namespace ccp::billing
