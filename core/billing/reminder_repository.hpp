// SQL of reminders: what is planned, and the mails that were decided on. Every call runs inside the
// caller's unit of work (system scope).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/billing/reminder_rules.hpp"
#include "core/db/db.hpp"

namespace ccp::billing {

struct PlannedReminder {
  std::string org;
  std::string subscription;  ///< sub_…
  ReminderPlan plan;
};

struct MailRow {
  std::string org;
  std::string id;  ///< mail_…
  std::string subscription;
  ReminderKind kind = ReminderKind::past_due;
  Timestamp anchor{};
  std::int64_t day = 0;
  std::string recipient;
  std::string state = "waiting";  ///< waiting, sent, dropped (no longer true), failed
  std::int64_t attempts = 0;
  Timestamp next_attempt_at{};
};

class ReminderRepository {
 public:
  std::optional<ReminderPlan> plan(db::Tx& tx, const std::string& org,
                                   const std::string& subscription);
  /// Stores the plan, or forgets it.
  void setPlan(db::Tx& tx, const std::string& org, const std::string& subscription,
               const std::optional<ReminderPlan>& plan);
  std::vector<PlannedReminder> due(db::Tx& tx, Timestamp now, int limit);

  /// Subscriptions in trial or past due that no plan was ever made for, after an id: {org, id}.
  std::vector<std::pair<std::string, std::string>> unplanned(db::Tx& tx, const std::string& after,
                                                             int limit);

  /// Once for each reminder and recipient.
  void addMail(db::Tx& tx, const MailRow& row);
  std::vector<MailRow> waiting(db::Tx& tx, Timestamp now, int limit);
  /// Takes a mail until `next`; false when another node was faster.
  bool claim(db::Tx& tx, const MailRow& row, Timestamp next);
  void setState(db::Tx& tx, const MailRow& row, const std::string& state, Timestamp next);
  std::int64_t purge(db::Tx& tx, Timestamp before);
};

}  // namespace ccp::billing
