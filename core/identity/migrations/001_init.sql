-- Tenants and people. A user may be a member of several organizations.
create table orgs (
  id         text   not null,
  name       text   not null,
  created_at bigint not null,
  primary key (id)
);

create table users (
  id            text   not null,
  email         text   not null,           -- lower case
  name          text   not null,
  created_at    bigint not null,
  last_login_at bigint,
  primary key (id)
);
create unique index users_by_email on users (email);

-- `id` is the user's id: a member is a user in an organization.
create table members (
  org_id     text   not null,
  id         text   not null,
  role       text   not null check (role in ('owner', 'admin', 'member', 'viewer')),
  created_at bigint not null,
  primary key (org_id, id),
  foreign key (org_id) references orgs (id),
  foreign key (id) references users (id)
);
create index members_by_user on members (id);

-- An invitation is a seat that nobody has claimed yet.
create table seats (
  org_id     text   not null,
  id         text   not null,
  email      text   not null,
  user_id    text,
  role       text   not null,              -- the role that claiming gives
  state      text   not null check (state in ('invited', 'claimed', 'revoked')),
  created_at bigint not null,
  claimed_at bigint,
  revoked_at bigint,
  primary key (org_id, id),
  foreign key (org_id) references orgs (id),
  foreign key (user_id) references users (id)
);
create unique index seats_by_email on seats (org_id, email) where state <> 'revoked';
create index seats_of_email on seats (email);

-- A device and its grant. A revoked one stays revoked: a new log-in makes a new row with a new sid.
create table devices (
  org_id       text   not null,
  id           text   not null,
  seat_id      text   not null,
  user_id      text   not null,
  sid          text   not null,
  jkt          text   not null,
  client_id    text   not null,
  scope        text   not null,
  hostname     text   not null,
  state        text   not null check (state in ('active', 'revoked')),
  created_at   bigint not null,
  last_seen_at bigint not null,
  revoked_at   bigint,
  primary key (org_id, id),
  foreign key (org_id, seat_id) references seats (org_id, id),
  foreign key (user_id) references users (id)
);
create unique index devices_by_sid on devices (sid);
create unique index devices_by_key on devices (org_id, seat_id, jkt) where state = 'active';

-- Hash only; a rotated token is kept, so that its return is noticed.
create table refresh_tokens (
  org_id     text   not null,
  id         text   not null,
  device_id  text   not null,
  hash       text   not null,
  state      text   not null check (state in ('active', 'rotated', 'revoked')),
  created_at bigint not null,
  expires_at bigint not null,
  rotated_at bigint,
  primary key (org_id, id),
  foreign key (org_id, device_id) references devices (org_id, id)
);
create unique index refresh_tokens_by_hash on refresh_tokens (hash);
create index refresh_tokens_by_device on refresh_tokens (org_id, device_id);
create index refresh_tokens_by_expiry on refresh_tokens (expires_at);

create table api_keys (
  org_id       text   not null,
  id           text   not null,
  hash         text   not null,
  name         text   not null,
  hint         text   not null,            -- last four characters, to recognize it
  scopes       text   not null,
  created_by   text   not null,
  created_at   bigint not null,
  last_used_at bigint,
  revoked_at   bigint,
  primary key (org_id, id),
  foreign key (org_id) references orgs (id)
);
create unique index api_keys_by_hash on api_keys (hash);

-- From here on: rows that exist before an organization is chosen, keyed by the hash of a secret.

-- One request to sign in. The code's hash is salted with the browser's secret cookie, of which only
-- a hash is here: 20^8 codes could be searched otherwise.
create table login_requests (
  link_hash      text   not null,
  browser_hash   text   not null,
  code_hash      text   not null,
  email          text   not null,
  wrong_attempts bigint not null,
  created_at     bigint not null,
  expires_at     bigint not null,
  consumed_at    bigint,
  primary key (link_hash)
);
create index login_requests_by_browser on login_requests (browser_hash, created_at);
create index login_requests_by_expiry on login_requests (expires_at);

create table browser_sessions (
  hash         text   not null,
  id           text   not null,
  user_id      text   not null,
  chosen_org   text   not null,            -- empty: none yet
  address      text   not null,
  created_at   bigint not null,
  last_seen_at bigint not null,
  primary key (hash),
  foreign key (user_id) references users (id)
);
create index browser_sessions_by_age on browser_sessions (last_seen_at);

-- RFC 8628 grants; `state_json` belongs to the plugin. `version` makes consumption single.
create table device_grants (
  hash         text   not null,            -- of the device_code
  user_code    text   not null,
  client_id    text   not null,
  scope        text   not null,
  hostname     text   not null,
  address      text   not null,
  state_json   text   not null,
  status       text   not null check (status in ('open', 'consumed', 'closed')),
  decision     text   not null check (decision in ('', 'approved', 'denied')),
  jkt          text   not null,            -- empty until the first poll shows the key
  chosen_org   text   not null,
  user_id      text,
  version      bigint not null,
  created_at   bigint not null,
  expires_at   bigint not null,
  primary key (hash),
  foreign key (user_id) references users (id)
);
create unique index device_grants_by_code on device_grants (user_code) where status = 'open';
create index device_grants_by_expiry on device_grants (expires_at);

create table attempt_counters (
  bucket    text   not null,
  window_at bigint not null,
  n         bigint not null,
  primary key (bucket, window_at)
);
create index attempt_counters_by_age on attempt_counters (window_at);

create table dpop_replays (
  hash       text   not null,
  expires_at bigint not null,
  primary key (hash)
);
create index dpop_replays_by_expiry on dpop_replays (expires_at);
