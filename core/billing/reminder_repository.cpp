#include "core/billing/reminder_repository.hpp"

namespace ccp::billing {

namespace {

ReminderPlan planFrom(const std::string& kind, Timestamp anchor, std::int64_t done,
                      const std::optional<Timestamp>& due) {
  return {reminderKindFrom(kind).value_or(ReminderKind::past_due), anchor, done, due};
}

}  // namespace

std::optional<ReminderPlan> ReminderRepository::plan(db::Tx& tx, const std::string& org,
                                                     const std::string& subscription) {
  const auto row = tx.one<std::string, Timestamp, std::int64_t, std::optional<Timestamp>>(
      "select kind, anchor_at, done_day, due_at from billing_reminders where org_id = :org and id = :id",
      {{"org", org}, {"id", subscription}});
  if (!row) return std::nullopt;
  return std::apply(planFrom, *row);
}

void ReminderRepository::setPlan(db::Tx& tx, const std::string& org,
                                 const std::string& subscription,
                                 const std::optional<ReminderPlan>& plan) {
  if (!plan) {
    tx.exec("delete from billing_reminders where org_id = :org and id = :id",
            {{"org", org}, {"id", subscription}});
    return;
  }
  tx.exec(
      "insert into billing_reminders (org_id, id, kind, anchor_at, done_day, due_at) values (:org, "
      ":id, :kind, :anchor, :done, :due) on conflict (org_id, id) do update set kind = :kind, "
      "anchor_at = :anchor, done_day = :done, due_at = :due",
      {{"org", org},
       {"id", subscription},
       {"kind", toString(plan->kind)},
       {"anchor", plan->anchor},
       {"done", plan->done},
       {"due", plan->due_at}});
}

std::vector<PlannedReminder> ReminderRepository::due(db::Tx& tx, Timestamp now, int limit) {
  std::vector<PlannedReminder> out;
  for (auto& [org, id, kind, anchor, done, due] :
       tx.query<std::string, std::string, std::string, Timestamp, std::int64_t, std::optional<Timestamp>>(
           "select org_id, id, kind, anchor_at, done_day, due_at from billing_reminders where due_at "
           "is not null and due_at <= :now order by due_at, id limit :n",
           {{"now", now}, {"n", limit}})) {
    out.push_back({std::move(org), std::move(id), planFrom(kind, anchor, done, due)});
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> ReminderRepository::unplanned(
    db::Tx& tx, const std::string& after, int limit) {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& [org, id] : tx.query<std::string, std::string>(
           "select s.org_id, s.id from billing_subscriptions s where (s.status = 'past_due' or "
           "s.status = 'trialing') and s.id > :after and not exists (select 1 from "
           "billing_reminders r where r.org_id = s.org_id and r.id = s.id) order by s.id limit :n",
           {{"after", after}, {"n", limit}})) {
    out.emplace_back(std::move(org), std::move(id));
  }
  return out;
}

void ReminderRepository::addMail(db::Tx& tx, const MailRow& row) {
  tx.exec(
      "insert into billing_mails (org_id, id, subscription_id, kind, anchor_at, day, recipient, "
      "state, attempts, next_attempt_at, created_at, updated_at) values (:org, :id, :subscription, "
      ":kind, :anchor, :day, :recipient, :state, 0, :now, :now, :now) on conflict do nothing",
      {{"org", row.org},
       {"id", row.id},
       {"subscription", row.subscription},
       {"kind", toString(row.kind)},
       {"anchor", row.anchor},
       {"day", row.day},
       {"recipient", row.recipient},
       {"state", row.state},
       {"now", tx.now()}});
}

std::vector<MailRow> ReminderRepository::waiting(db::Tx& tx, Timestamp now, int limit) {
  std::vector<MailRow> out;
  for (auto& [org, id, subscription, kind, anchor, day, recipient, state, attempts, next] :
       tx.query<std::string, std::string, std::string, std::string, Timestamp, std::int64_t, std::string,
                std::string, std::int64_t, Timestamp>(
           "select org_id, id, subscription_id, kind, anchor_at, day, recipient, state, attempts, "
           "next_attempt_at from billing_mails where state = 'waiting' and next_attempt_at <= :now "
           "order by next_attempt_at, id limit :n",
           {{"now", now}, {"n", limit}})) {
    out.push_back({std::move(org), std::move(id), std::move(subscription),
                   reminderKindFrom(kind).value_or(ReminderKind::past_due), anchor, day,
                   std::move(recipient), std::move(state), attempts, next});
  }
  return out;
}

bool ReminderRepository::claim(db::Tx& tx, const MailRow& row, Timestamp next) {
  return tx.exec(
             "update billing_mails set next_attempt_at = :next, attempts = attempts + 1, updated_at "
             "= :now where org_id = :org and id = :id and state = 'waiting' and next_attempt_at = "
             ":seen",
             {{"next", next},
              {"now", tx.now()},
              {"org", row.org},
              {"id", row.id},
              {"seen", row.next_attempt_at}}) == 1;
}

void ReminderRepository::setState(db::Tx& tx, const MailRow& row, const std::string& state,
                                  Timestamp next) {
  tx.exec(
      "update billing_mails set state = :state, next_attempt_at = :next, updated_at = :now where "
      "org_id = :org and id = :id",
      {{"state", state}, {"next", next}, {"now", tx.now()}, {"org", row.org}, {"id", row.id}});
}

std::int64_t ReminderRepository::purge(db::Tx& tx, Timestamp before) {
  return tx.exec("delete from billing_mails where state <> 'waiting' and updated_at < :before",
                 {{"before", before}});
}

}  // namespace ccp::billing
