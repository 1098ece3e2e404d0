-- Answers by Idempotency-Key. `id` is a hash of asker, route and key; org_id is empty for askers
-- without an organization. Rows are the server's own bookkeeping: read and written in system scope.
create table idempotency (
  org_id       text   not null,
  id           text   not null,
  fingerprint  text   not null,
  state        text   not null,
  status       bigint not null,
  headers      text   not null,
  body         text   not null,
  expires_at   bigint not null,
  primary key (org_id, id)
);
create index idempotency_expiry on idempotency (expires_at);
