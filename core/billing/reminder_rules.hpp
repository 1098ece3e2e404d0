// When owners are reminded, and of what: pure. A failed payment on the days that billing.reminder_days
// says, within the grace period; the end of a trial three days before.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/billing/subscription_state.hpp"

namespace ccp::billing {

enum class ReminderKind { past_due, trial_ends };
const char* toString(ReminderKind kind) noexcept;
std::optional<ReminderKind> reminderKindFrom(std::string_view text) noexcept;

/// Days before the end of a trial on which owners hear of it.
inline constexpr int kTrialNotice = 3;

struct ReminderTerms {
  std::vector<int> days;  ///< billing.reminder_days, sorted
  int grace_days = 7;
};

/// What a subscription's owners are to be reminded of.
struct ReminderPlan {
  ReminderKind kind = ReminderKind::past_due;
  Timestamp anchor{};     ///< when the payment failed; when the trial ends
  std::int64_t done = -1; ///< last day that was dealt with
  std::optional<Timestamp> due_at = {};  ///< nothing: no more
  bool operator==(const ReminderPlan&) const = default;
};

/// The plan of a subscription as it is now; nothing when there is nothing to remind of. What was dealt
/// with of the same anchor stays so. A trial that begins with no more than its notice is not announced.
std::optional<ReminderPlan> planReminders(const std::optional<ReminderPlan>& before,
                                          const SubscriptionState& state,
                                          const ReminderTerms& terms, Timestamp now);

struct DueReminder {
  std::optional<int> day;  ///< what to send; nothing when none is due
  ReminderPlan after;      ///< the plan with that dealt with
};
/// Of several that are due (the server was down) the last one is sent and the others never.
DueReminder remindersDue(const ReminderPlan& plan, const ReminderTerms& terms, Timestamp now);

/// Whether the license is still in the state that the reminder is about: paid, paused or replaced by
/// another subscription, and there is nothing to say.
bool stillConcerns(ReminderKind kind, const std::string& subscription,
                   const licensing::Decision& decision) noexcept;

struct ReminderFacts {
  std::string product, org, plan_title, link;
  ReminderKind kind = ReminderKind::past_due;
  std::optional<Timestamp> ends_at;  ///< of the grace period or the trial
  bool goes_on = true;               ///< a trial that becomes paid
};
struct ReminderText {
  std::string subject, text;
};
/// What owners read.
ReminderText textOf(const ReminderFacts& facts, Timestamp now);

}  // namespace ccp::billing
