-- Domain events waiting for delivery; a delivered one is deleted. `position` orders a subject's
-- events; `due_at` is the next attempt, or the end of the lease of the node that claimed it.
create table outbox (
  org_id       text   not null,            -- empty for events of the server itself
  id           text   not null,
  position     bigint not null,
  type         text   not null,
  subject      text   not null,
  data         text   not null,
  created_at   bigint not null,
  attempt      bigint not null,
  due_at       bigint not null,
  claimed_by   text,
  delivered_to text   not null,            -- subscribers that already have it, one per line
  last_error   text,
  primary key (org_id, id)
);
create unique index outbox_by_position on outbox (position);
create index outbox_by_subject on outbox (org_id, subject, position);

-- Who did what, written in the transaction of the deed.
create table audit_log (
  org_id      text   not null,             -- empty for deeds that concern no organization
  id          text   not null,
  at          bigint not null,
  actor       text   not null,
  action      text   not null,
  subject     text   not null,
  before_json text   not null,
  after_json  text   not null,
  reason      text   not null,
  primary key (org_id, id)
);
create index audit_log_by_time on audit_log (org_id, at);

-- The host service ccp.kv/1: a namespace per plugin instance, of no organization.
create table kv (
  instance   text   not null,
  key        text   not null,
  value      text   not null,              -- base64
  version    bigint not null,
  expires_at bigint,
  updated_at bigint not null,
  primary key (instance, key)
);

-- Small facts of the whole installation: which mode it is in, counters of the revocation list.
create table server_state (
  name       text   not null,
  value      text   not null,
  updated_at bigint not null,
  primary key (name)
);

-- Nodes that serve this database, and when each was last heard of.
create table nodes (
  id         text   not null,
  address    text   not null,
  version    text   not null,
  started_at bigint not null,
  seen_at    bigint not null,
  primary key (id)
);
