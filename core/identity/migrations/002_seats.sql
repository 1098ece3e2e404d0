-- A seat may be for a GitHub handle instead of an address: then `email` stays empty until somebody claims
-- it with the one-time code, of which only the hash is here. A claimed seat keeps its handle.
alter table seats add column github text not null default '';         -- lower case, without '@'
alter table seats add column invited_by text not null default '';     -- actor
alter table seats add column claim_hash text;                         -- of the newest link; works while invited
alter table seats add column claim_expires_at bigint;

drop index seats_by_email;
create unique index seats_by_email on seats (org_id, email) where state <> 'revoked' and email <> '';
create unique index seats_by_github on seats (org_id, github) where state <> 'revoked' and github <> '';
create unique index seats_by_claim on seats (claim_hash) where claim_hash is not null;
create index seats_by_state on seats (org_id, state);

-- Hash of the invitation's code that a sign-in leads to: it admits an address that nobody named.
alter table login_requests add column invite_hash text not null default '';
