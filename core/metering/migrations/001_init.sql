-- What a provider was told of one meter in one hour. reported: taken by the provider. sending: written
-- down before it is sent, with the number of that report; null when nothing is under way.
create table metering_hours (
  org_id TEXT NOT NULL,
  id TEXT NOT NULL,
  instance TEXT NOT NULL,
  provider_customer_id TEXT NOT NULL,
  meter TEXT NOT NULL,
  hour_at BIGINT NOT NULL,
  used BIGINT NOT NULL,
  reported BIGINT NOT NULL,
  sending BIGINT,
  reports BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  next_try_at BIGINT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (org_id, id)
);
create unique index metering_hours_key on metering_hours (org_id, meter, hour_at);
create index metering_hours_waiting on metering_hours (next_try_at) where sending is not null or used <> reported;
