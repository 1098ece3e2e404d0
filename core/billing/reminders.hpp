// Mails to owners about failed payments and ending trials. What is due is decided and queued in one unit
// of work, so that each mail is decided on once; the queue is sent from the database, so that a crash
// loses none. A crash between a mail and its mark sends that one again.
// Threads: one worker calls run(); several nodes may.
#pragma once

#include <functional>
#include <string>

#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/billing/reminder_repository.hpp"
#include "core/billing/repository.hpp"
#include "core/config/live_settings.hpp"
#include "core/identity/service.hpp"
#include "core/licensing/service.hpp"
#include "core/net/mailer.hpp"

namespace ccp::billing {

ReminderTerms reminderTerms(const config::Settings& settings);

class Reminders {
 public:
  Reminders(db::Db& db, Repository& repository, identity::Directory& directory,
            licensing::Licenses& licenses, net::Mailer* mailer,
            const config::LiveSettings& settings, const Clock& clock, Random& random,
            Metrics& metrics);

  /// Decides on what is due, then sends what waits. Failures are logged and tried again.
  Status run();

 private:
  /// Plans for what was there before reminders were: once after a start.
  Status catchUp();
  Status decide(const PlannedReminder& planned);
  Status send(const MailRow& row);
  /// What the mail says; nothing when it is not true any more.
  std::optional<net::Mail> compose(db::Tx& tx, const MailRow& row);

  db::Db& db_;
  Repository& repository_;
  identity::Directory& directory_;
  licensing::Licenses& licenses_;
  net::Mailer* mailer_;  ///< null: nothing is sent (tests that need no mail)
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
  Metrics& metrics_;
  ReminderRepository reminders_;
  Timestamp purged_at_{};
  bool caught_up_ = false;
};

}  // namespace ccp::billing
