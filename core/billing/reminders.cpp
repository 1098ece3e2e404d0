#include "core/billing/reminders.hpp"

#include "core/base/log.hpp"

namespace ccp::billing {

namespace {

constexpr int kBatch = 100;
/// As long as a mail server may take; then another node may try.
constexpr Duration kClaim = minutes(5);
constexpr std::int64_t kMaxTries = 12;
constexpr Duration kKeep = hours(24 * 90);
constexpr Duration kPurgeEvery = hours(1);

}  // namespace

ReminderTerms reminderTerms(const config::Settings& settings) {
  return {settings.billing.reminder_days, settings.billing.grace_days};
}

Reminders::Reminders(db::Db& db, Repository& repository, identity::Directory& directory,
                     licensing::Licenses& licenses, net::Mailer* mailer,
                     const config::LiveSettings& settings, const Clock& clock, Random& random,
                     Metrics& metrics)
    : db_(db),
      repository_(repository),
      directory_(directory),
      licenses_(licenses),
      mailer_(mailer),
      settings_(settings),
      clock_(clock),
      random_(random),
      metrics_(metrics) {}

Status Reminders::catchUp() {
  std::string after;
  for (;;) {
    // System scope here and below: the same worker serves every org.
    CCP_TRY(after, db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::string> {
      const auto rows = reminders_.unplanned(tx, after, kBatch);
      for (const auto& [org, id] : rows) {
        const auto row = repository_.subscription(tx, org, id);
        if (!row) continue;
        if (const auto plan = planReminders({}, *row, reminderTerms(*settings_.now()), tx.now()))
          reminders_.setPlan(tx, org, id, plan);
      }
      return rows.empty() ? std::string() : rows.back().second;
    }));
    if (after.empty()) return {};
  }
}

Status Reminders::decide(const PlannedReminder& planned) {
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    const auto row = repository_.subscription(tx, planned.org, planned.subscription);
    const auto stored = reminders_.plan(tx, planned.org, planned.subscription);
    if (!row || !stored) return {};
    const auto terms = reminderTerms(*settings_.now());
    const auto plan = planReminders(stored, *row, terms, tx.now());
    if (!plan) {
      reminders_.setPlan(tx, planned.org, planned.subscription, std::nullopt);
      return {};
    }
    const DueReminder due = remindersDue(*plan, terms, tx.now());
    reminders_.setPlan(tx, planned.org, planned.subscription, due.after);
    const auto license = licenses_.byOrg(tx, planned.org);
    if (!due.day || !license || !stillConcerns(plan->kind, planned.subscription, license->decision))
      return {};
    for (const auto& email : directory_.ownerEmails(tx, planned.org)) {
      MailRow mail;
      mail.org = planned.org;
      mail.id = newId("mail", clock_, random_);
      mail.subscription = planned.subscription;
      mail.kind = plan->kind;
      mail.anchor = plan->anchor;
      mail.day = *due.day;
      mail.recipient = email;
      reminders_.addMail(tx, mail);
    }
    tx.audit({planned.org, "billing", "billing.remind", planned.subscription, Json(),
              Json::object({{"kind", toString(plan->kind)}, {"day", *due.day}}), ""});
    return {};
  });
}

std::optional<net::Mail> Reminders::compose(db::Tx& tx, const MailRow& row) {
  const auto license = licenses_.byOrg(tx, row.org);
  const auto org = directory_.org(tx, row.org);
  const auto subscription = repository_.subscription(tx, row.org, row.subscription);
  if (!license || !org || !subscription || !subscription->effective ||
      !stillConcerns(row.kind, row.subscription, license->decision))
    return std::nullopt;
  const auto& snapshot = subscription->effective->snapshot;
  const auto anchor = row.kind == ReminderKind::past_due ? snapshot.past_due_at : snapshot.trial_end_at;
  if (anchor != row.anchor) return std::nullopt;
  const auto settings = settings_.now();
  ReminderFacts facts;
  facts.product = settings->product_name;
  facts.org = org->name;
  facts.plan_title = licenses_.entitlements(*license).plan_title;
  facts.link = settings->server.public_url + "/billing";
  facts.kind = row.kind;
  facts.ends_at = license->decision.ends_at;
  facts.goes_on = !snapshot.cancel_at_period_end && !snapshot.ends_at;
  const ReminderText text = textOf(facts, tx.now());
  return net::Mail{row.recipient, text.subject, text.text};
}

Status Reminders::send(const MailRow& row) {
  CCP_TRY(const auto mail, db_.write(db::Scope::system(),
                                     [&](db::Tx& tx) -> Result<std::optional<net::Mail>> {
                                       if (!reminders_.claim(tx, row, tx.now() + kClaim))
                                         return std::optional<net::Mail>();
                                       auto composed = compose(tx, row);
                                       if (!composed)
                                         reminders_.setState(tx, row, "dropped", tx.now());
                                       return composed;
                                     }));
  if (!mail) return {};
  const Status sent = mailer_->send(*mail);
  const bool over = !sent && row.attempts + 1 >= kMaxTries;
  const auto count = [&](const char* outcome) {
    metrics_
        .counter("ccp_billing_reminders_total", "Mails to owners about payments and trials",
                 {{"kind", toString(row.kind)}, {"outcome", outcome}})
        .add();
  };
  count(sent ? "sent" : over ? "failed" : "postponed");
  if (!sent)
    log::warn("billing.reminder_not_sent", {{"mail", row.id}, {"detail", sent.error().text()}});
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    reminders_.setState(tx, row, sent ? "sent" : over ? "failed" : "waiting",
                        sent ? tx.now() : tx.now() + backoff(row.attempts + 3));
    return {};
  });
}

Status Reminders::run() {
  if (!caught_up_) CCP_CHECK_OK(catchUp());
  caught_up_ = true;
  CCP_TRY(const auto planned,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<PlannedReminder>> {
            return reminders_.due(tx, tx.now(), kBatch);
          }));
  for (const auto& each : planned) CCP_CHECK_OK(decide(each));
  if (!mailer_) return {};
  CCP_TRY(const auto waiting,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<MailRow>> {
            return reminders_.waiting(tx, tx.now(), kBatch);
          }));
  for (const auto& each : waiting) CCP_CHECK_OK(send(each));
  if (clock_.now() - purged_at_ < kPurgeEvery) return {};
  purged_at_ = clock_.now();
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    reminders_.purge(tx, tx.now() - kKeep);
    return {};
  });
}

}  // namespace ccp::billing
