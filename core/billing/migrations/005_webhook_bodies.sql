-- What a delivery said apart from where it stands: a webhook is stored and settled by writing its
-- small row only. `encoding` tells how `body` is kept: 'text' as it came, 'base64' what is no text.
create table webhook_bodies (
  id TEXT NOT NULL PRIMARY KEY,
  headers TEXT NOT NULL,
  encoding TEXT NOT NULL,
  body TEXT NOT NULL
);
insert into webhook_bodies (id, headers, encoding, body) select id, headers, 'base64', body from webhook_inbox;
alter table webhook_inbox drop column headers;
alter table webhook_inbox drop column body;
