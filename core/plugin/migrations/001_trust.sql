-- Keys that this server's operators trust to sign plugins. `terms_json` holds prefixes, channels, grants
-- and expiry as core/package reads them; a row that it cannot read trusts nothing. Rows are never
-- deleted: a revoked key stays, so that it is refused with its reason and never added again.
create table plugin_trust_keys (
  kid            text   not null,
  public_key     text   not null,          -- base64url
  title          text   not null,
  terms_json     text   not null,
  added_by       text   not null,
  added_at       bigint not null,
  updated_at     bigint not null,
  revoked_at     bigint,
  revoked_by     text   not null,          -- empty: not revoked
  revoked_reason text   not null,
  primary key (kid)
);

-- The highest version of each plugin that ever started here: older ones are refused. Only an operator
-- lowers it.
create table plugin_versions (
  plugin     text   not null,
  version    text   not null,
  updated_by text   not null,
  updated_at bigint not null,
  primary key (plugin)
);
