-- webhook: as the provider sent it. list: an event that no webhook brought, as list_events told it.
alter table webhook_inbox add column source TEXT NOT NULL DEFAULT 'webhook';
