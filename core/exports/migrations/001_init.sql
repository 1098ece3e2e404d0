-- What goes to one exporter instance in one stream, and how far it is. An exporter serves every
-- organization: these rows are the server's own.
create table export_streams (
  instance             text   not null,
  stream               text   not null,     -- events, rollups
  state                text   not null,     -- active, declined (the exporter does not take it), disabled (its target is gone)
  next_sequence        bigint not null,     -- what the next record gets when it is taken
  last_sequence        bigint not null,     -- acknowledged up to here; 0: nothing yet
  last_acknowledged_at bigint,
  sent                 bigint not null,     -- records acknowledged so far
  attempts             bigint not null,     -- failures since the last acknowledgement
  next_attempt_at      bigint not null,
  last_error           text   not null,
  last_error_at        bigint,
  lease_node           text   not null,     -- who sends now
  lease_ends_at        bigint not null,
  created_at           bigint not null,
  seen_at              bigint not null,     -- a node had the instance in its configuration
  primary key (instance, stream)
);

-- Records that are not acknowledged yet, one row for each exporter that wants them; deleted when
-- acknowledged, so that a row that commits late is seen like every other. `sequence` is given when a
-- row is taken for the first time (0 before), so that it rises in the order of sending.
create table export_queue (
  org_id      text   not null,              -- empty for records of the server itself
  id          text   not null,              -- record id, instance and stream: a record is queued once
  instance    text   not null,
  stream      text   not null,
  record_id   text   not null,
  type        text   not null,
  subject     text   not null,
  occurred_at bigint not null,
  data        text   not null,
  position    bigint not null,
  sequence    bigint not null,
  queued_at   bigint not null,
  primary key (org_id, id)
);
create index export_queue_in_order on export_queue (instance, stream, sequence, position);
create index export_queue_by_position on export_queue (position);
