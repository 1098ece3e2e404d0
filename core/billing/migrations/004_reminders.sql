-- What an org is reminded of next, by subscription (id): a failed payment or the end of a trial. done_day is
-- the last reminder that was dealt with, so that each is sent once for one anchor.
create table billing_reminders (
  org_id TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  anchor_at BIGINT NOT NULL,
  done_day BIGINT NOT NULL,
  due_at BIGINT,
  PRIMARY KEY (org_id, id)
);
create index billing_reminders_due on billing_reminders (due_at) where due_at is not null;

-- Mails to owners that were decided on; sent from here, so that a crash loses none.
create table billing_mails (
  org_id TEXT NOT NULL,
  id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  anchor_at BIGINT NOT NULL,
  day BIGINT NOT NULL,
  recipient TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_attempt_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, id)
);
create unique index billing_mails_once on billing_mails (org_id, subscription_id, kind, anchor_at, day, recipient);
create index billing_mails_waiting on billing_mails (state, next_attempt_at);
