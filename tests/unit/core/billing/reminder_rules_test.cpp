// When owners are reminded, and what they read.
#include "core/billing/reminder_rules.hpp"

#include <doctest/doctest.h>

using namespace ccp;
using namespace ccp::billing;
using plugin::SubscriptionStatus;

namespace {

const Timestamp kStart = fromUnixSeconds(1'800'000'000);
Timestamp day(int n) {
  return kStart + hours(24) * n;
}
const ReminderTerms kTerms{{1, 3, 6}, 7};

SubscriptionState state(SubscriptionStatus status) {
  SubscriptionSnapshot snapshot;
  snapshot.id = "s1";
  snapshot.status = status;
  if (status == SubscriptionStatus::past_due) snapshot.past_due_at = kStart;
  if (status == SubscriptionStatus::trialing) snapshot.trial_end_at = day(14);
  SubscriptionState out;
  out.effective = HeldSnapshot{snapshot, kStart};
  return out;
}

/// Days on which something is sent when the worker looks every hour, but not while it is down.
std::vector<int> sent(ReminderPlan plan, int from_day, int to_day, int down_from = 0, int down_to = 0) {
  std::vector<int> out;
  for (int hour = from_day * 24; hour <= to_day * 24; ++hour) {
    if (hour >= down_from * 24 && hour < down_to * 24) continue;
    const Timestamp now = kStart + hours(hour);
    if (!plan.due_at || *plan.due_at > now) continue;
    const auto due = remindersDue(plan, kTerms, now);
    if (due.day) out.push_back(*due.day);
    plan = due.after;
  }
  return out;
}

}  // namespace

TEST_CASE("a failed payment is told on its days, within the grace period, once each") {
  const auto plan = planReminders({}, state(SubscriptionStatus::past_due), kTerms, kStart);
  REQUIRE(plan);
  CHECK(plan->due_at == day(1));
  CHECK(sent(*plan, 0, 60) == std::vector{1, 3, 6});
  // After a time without a server the last one that is due is sent, and no other.
  CHECK(sent(*plan, 0, 60, 0, 4) == std::vector{3, 6});
  CHECK(sent(*plan, 0, 60, 2, 30) == std::vector{1, 6});

  CHECK(!planReminders({}, state(SubscriptionStatus::past_due), {{1, 3, 6}, 1}, kStart)->due_at);
  CHECK(planReminders({}, state(SubscriptionStatus::past_due), {{0, 5}, 7}, kStart)->due_at == kStart);
  CHECK(!planReminders({}, state(SubscriptionStatus::past_due), {{}, 7}, kStart)->due_at);
}

TEST_CASE("what was dealt with stays so until another payment fails") {
  auto late = state(SubscriptionStatus::past_due);
  const auto plan = planReminders({}, late, kTerms, kStart);
  const auto after = remindersDue(*plan, kTerms, day(1)).after;
  CHECK(after.done == 1);
  CHECK(after.due_at == day(3));
  CHECK(planReminders(after, late, kTerms, day(2)) == after);
  late.effective->snapshot.past_due_at = day(30);
  CHECK(planReminders(after, late, kTerms, day(30))->due_at == day(31));
  CHECK(!planReminders(after, state(SubscriptionStatus::active), kTerms, day(2)));
  // Since when is not known yet: nothing to count from.
  late.effective->snapshot.past_due_at.reset();
  CHECK(!planReminders(after, late, kTerms, day(30)));
}

TEST_CASE("the end of a trial is told three days before, unless it began no earlier") {
  const auto trial = state(SubscriptionStatus::trialing);
  const auto plan = planReminders({}, trial, kTerms, kStart);
  REQUIRE(plan);
  CHECK(plan->due_at == day(11));
  CHECK(sent(*plan, 0, 14) == std::vector{3});
  CHECK(!planReminders({}, trial, kTerms, day(11))->due_at);
  // The same trial, changed later: still announced.
  CHECK(planReminders(plan, trial, kTerms, day(12))->due_at == day(11));
}

TEST_CASE("there is nothing to say when the license is about something else") {
  licensing::Decision decision;
  decision.state = licensing::LicenseState::grace;
  decision.subscription = "sub_1";
  CHECK(stillConcerns(ReminderKind::past_due, "sub_1", decision));
  CHECK(!stillConcerns(ReminderKind::past_due, "sub_2", decision));
  CHECK(!stillConcerns(ReminderKind::trial_ends, "sub_1", decision));
  decision.state = licensing::LicenseState::active;
  CHECK(!stillConcerns(ReminderKind::past_due, "sub_1", decision));
}

TEST_CASE("owners read what happened, until when it works, and what to do") {
  ReminderFacts facts{"Acme CLI", "Initech", "Team", "https://ccp.acme.dev/billing",
                      ReminderKind::past_due, day(7), true};
  auto mail = textOf(facts, day(1));
  CHECK(mail.subject == "Acme CLI: a payment did not go through, 6 days left");
  CHECK(textOf(facts, day(6)).subject == "Acme CLI: a payment did not go through, one day left");
  for (const char* part : {"Initech", "Team", "https://ccp.acme.dev/billing", "22 January 2027", "owner"}) {
    CAPTURE(std::string(part));
    CHECK(mail.text.find(part) != std::string::npos);
  }
  facts.kind = ReminderKind::trial_ends;
  CHECK(textOf(facts, day(1)).text.find("the first payment is taken then") != std::string::npos);
  facts.goes_on = false;
  CHECK(textOf(facts, day(1)).text.find("nothing will be charged") != std::string::npos);
}
