-- One license per organization. `facts_json` is what billing said last, so that time alone can change
-- the state; `policy_digest` notices that the deployer changed the rules since.
create table licenses (
  org_id         text   not null,
  id             text   not null,
  state          text   not null check (state in ('pending', 'trial', 'active', 'grace', 'suspended', 'revoked', 'expired')),
  plan           text   not null,          -- plan in force; 'none' = no plan at all
  privacy        text   not null,
  seats          bigint not null,
  reason         text   not null,
  ends_at        bigint,
  next_change_at bigint,                   -- when time alone changes the state
  subscription   text   not null,          -- the one that decided; empty: none
  admin_override text   not null check (admin_override in ('none', 'suspended', 'revoked')),
  admin_reason   text   not null,
  facts_json     text   not null,
  term_json      text,                     -- a license without billing
  policy_digest  text   not null,
  version        bigint not null,          -- token_version: older tokens and packs are refused
  created_at     bigint not null,
  updated_at     bigint not null,
  primary key (org_id, id),
  foreign key (org_id) references orgs (id)
);
create unique index licenses_by_org on licenses (org_id);
create index licenses_by_next_change on licenses (next_change_at);
create index licenses_by_policy on licenses (policy_digest);

-- The newest pack of each seat and device; `id` is the pack's jti.
create table packs (
  org_id     text   not null,
  id         text   not null,
  license_id text   not null,
  seat_id    text   not null,
  device_id  text   not null,
  sid        text   not null,
  jkt        text   not null,
  plan       text   not null,
  version    bigint not null,
  issued_at  bigint not null,
  expires_at bigint not null,
  primary key (org_id, id),
  foreign key (org_id, license_id) references licenses (org_id, id),
  foreign key (org_id, seat_id) references seats (org_id, id),
  foreign key (org_id, device_id) references devices (org_id, id)
);
create unique index packs_by_device on packs (org_id, seat_id, device_id);

-- What access tokens alone do not know: sessions that ended and license versions that are over. A row
-- is needed as long as a token that it refuses could live.
create table revocations (
  org_id      text   not null,
  id          text   not null,
  kind        text   not null check (kind in ('sid', 'version')),
  sid         text   not null,             -- kind sid
  min_version bigint not null,             -- kind version: older ones are refused
  revoked_at  bigint not null,
  expires_at  bigint not null,
  primary key (org_id, id),
  foreign key (org_id) references orgs (id)
);
create index revocations_by_time on revocations (revoked_at);
create index revocations_by_expiry on revocations (expires_at);

-- Keys of the whole server, of no organization. The private part is sealed under the master key and
-- gone once the key is retired or compromised. key_use 'root' keeps only the public part, so that a
-- node with another root key is noticed at start.
create table signing_keys (
  kid           text   not null,
  key_use       text   not null check (key_use in ('pack', 'access', 'channel', 'root')),
  state         text   not null check (state in ('pending', 'active', 'retiring', 'retired', 'compromised')),
  public_key    text   not null,           -- base64url
  sealed        text   not null,           -- empty: no private part
  created_at    bigint not null,
  not_before_at bigint not null,           -- signs from then on
  retire_at     bigint,                    -- retiring: when nothing signed with it can live any more
  ring_version  bigint not null,           -- version of the key ring in which this row last changed
  primary key (kid)
);
