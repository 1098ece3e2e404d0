-- Where usage comes from: a device of a seat, or an API key. Its row is locked while a request of the
-- same source is stored, so that one source's blocks are decided one request after another.
create table usage_sources (
  org_id     text   not null,
  id         text   not null,              -- dev_… or key_…
  seat_id    text   not null,              -- empty for an API key
  created_at bigint not null,
  synced_at  bigint not null,
  primary key (org_id, id)
);

-- One row per rollup. No column is NULL, so that one prepared statement fits all rows.
create table usage_rollups (
  org_id             text   not null,
  id                 text   not null,
  source_id          text   not null,
  seat_id            text   not null,      -- empty for an API key
  period             text   not null,      -- hour, day
  start_at           bigint not null,
  model              text   not null,
  lane               text   not null,
  requests           bigint not null,
  errors             bigint not null,
  input_tokens       bigint not null,
  output_tokens      bigint not null,
  cache_read_tokens  bigint not null,
  cache_write_tokens bigint not null,
  cost_known         bigint not null,      -- 1 when cost_microusd means something
  cost_microusd      bigint not null,
  ttft               text   not null,      -- sketch as JSON; empty when the source has none
  revision           bigint not null,
  digest             text   not null,
  received_at        bigint not null,
  primary key (org_id, id),
  foreign key (org_id, source_id) references usage_sources (org_id, id)
);
create unique index usage_rollups_key on usage_rollups (org_id, source_id, start_at, period, model, lane);
create index usage_rollups_by_time on usage_rollups (org_id, start_at);
