-- What policies decided: one row per decision, masked, never changed. Rows of one (org_id, node) form a
-- chain: sequence 1, 2, …, and each digest covers the row and the digest before it.
create table policy_decisions (
  org_id       text   not null,             -- empty for questions of the server itself
  id           text   not null,
  decided_at   bigint not null,
  node         text   not null,
  sequence     bigint not null,
  seat_hash    text   not null,
  point        text   not null,
  channel      text   not null,
  generation   bigint not null,
  packs        text   not null,             -- JSON: [{org, name, version, sha256}]
  outcome      text   not null,             -- allow, deny, error, timeout, memory, stale
  allowed      bigint not null,
  rule         text   not null,
  reason       text   not null,
  effect       text   not null,
  lane         text   not null,
  fields_read  text   not null,             -- JSON: {pointer: masked value}
  input_sha256 text   not null,
  elapsed_us   bigint not null,
  fuel         bigint not null,
  memory_peak  bigint not null,
  origin       text   not null,             -- builtin, server, cache, bootstrap
  stale        bigint not null,
  shadow       bigint not null,
  prev         text   not null,
  digest       text   not null,
  written_at   bigint not null,
  primary key (org_id, id)
);
create unique index policy_decisions_chain on policy_decisions (org_id, node, sequence);
create index policy_decisions_by_id on policy_decisions (id);
create index policy_decisions_by_age on policy_decisions (written_at);

-- Where each chain stands: a log that was cut at either end shows here.
create table policy_decision_chains (
  org_id     text   not null,
  id         text   not null,               -- the node
  sequence   bigint not null,               -- of the newest row
  digest     text   not null,
  swept      bigint not null,               -- rows up to here went with their age
  updated_at bigint not null,
  primary key (org_id, id)
);

-- Inputs of decisions, masked, sealed with the organization's key (policy_org_keys).
create table policy_inputs (
  org_id     text   not null,
  id         text   not null,               -- of the decision
  decided_at bigint not null,
  sealed     text   not null,
  written_at bigint not null,
  primary key (org_id, id),
  foreign key (org_id, id) references policy_decisions (org_id, id) on delete cascade
);
create index policy_inputs_by_age on policy_inputs (written_at);

-- One secret per organization, sealed with the master key: salt of its seats' hashes, key of its inputs.
create table policy_org_keys (
  org_id     text   not null,
  id         text   not null,               -- "1"
  sealed     text   not null,
  created_at bigint not null,
  primary key (org_id, id)
);
