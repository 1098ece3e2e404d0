-- Policy sets: `org_id` is an organization, or "operator" for the operator's own set. Envelopes are kept
-- byte for byte as they were received or signed; whoever reads them verifies them again.
create table policy_roots (
  org_id     text   not null,
  id         text   not null,            -- the version
  version    bigint not null,
  sha256     text   not null,            -- of the envelope
  envelope   text   not null,
  created_at bigint not null,
  created_by text   not null,
  primary key (org_id, id)
);

-- Every version of every channel. The newest is live.
create table policy_channels (
  org_id     text   not null,
  id         text   not null,            -- channel and version: a version is given once
  channel    text   not null,            -- dev, prod
  version    bigint not null,
  sha256     text   not null,            -- of the envelope
  envelope   text   not null,
  listed     text   not null,            -- digests of the packs, sorted, one per line
  deed       text   not null,            -- push, promote, rollback, withdraw, revoke, renew
  reason     text   not null,
  created_by text   not null,
  expires_at bigint not null,
  created_at bigint not null,
  revision   bigint not null,            -- rises with every publication of any set: what nodes poll for
  primary key (org_id, id)
);
create unique index policy_channels_by_version on policy_channels (org_id, channel, version);
create index policy_channels_by_expiry on policy_channels (channel, expires_at);
create unique index policy_channels_by_revision on policy_channels (revision);

-- Packs by the digest of what is signed; signatures may be added.
create table policy_packs (
  org_id     text   not null,
  id         text   not null,            -- sha256 of the payload
  name       text   not null,
  version    bigint not null,
  size       bigint not null,            -- of the payload
  envelope   text   not null,
  created_at bigint not null,
  created_by text   not null,
  updated_at bigint not null,
  primary key (org_id, id)
);
create unique index policy_packs_by_version on policy_packs (org_id, name, version);

-- What clients say of the policies that they enforce; the newest thousand of an organization.
create table policy_reports (
  org_id      text   not null,           -- the client's organization
  id          text   not null,           -- client, set and channel
  client      text   not null,           -- device or API key
  policy_set  text   not null,
  channel     text   not null,
  version     bigint not null,
  sha256      text   not null,
  state       text   not null,
  report      text   not null,
  reported_at bigint not null,
  primary key (org_id, id)
);
create index policy_reports_by_time on policy_reports (org_id, reported_at);
