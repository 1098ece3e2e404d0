-- A paying org on its way from one billing instance to another. At most one is under way.
create table billing_moves (
  org_id TEXT NOT NULL,
  id TEXT NOT NULL,
  from_instance TEXT NOT NULL,
  to_instance TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  price_id TEXT NOT NULL,
  quantity BIGINT NOT NULL,
  state TEXT NOT NULL,
  first_charge_at BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  checkout_id TEXT NOT NULL,
  provider_subscription_id TEXT NOT NULL,
  url TEXT NOT NULL,
  error TEXT NOT NULL,
  actor TEXT NOT NULL,
  next_step_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, id)
);
create unique index billing_moves_under_way on billing_moves (org_id)
  where state <> 'done' and state <> 'cancelled' and state <> 'failed';
create index billing_moves_due on billing_moves (state, next_step_at);
