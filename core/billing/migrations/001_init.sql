-- Who the provider's customer is to us: written before a checkout exists, never from a webhook.
create table billing_customers (
  org_id TEXT NOT NULL,
  id TEXT NOT NULL,
  instance TEXT NOT NULL,
  provider_customer_id TEXT NOT NULL,
  reconcile_after_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, id)
);
create unique index billing_customers_provider on billing_customers (instance, provider_customer_id);
create index billing_customers_due on billing_customers (instance, reconcile_after_at);

create table billing_checkouts (
  org_id TEXT NOT NULL,
  id TEXT NOT NULL,
  instance TEXT NOT NULL,
  plan_id TEXT NOT NULL,
  price_id TEXT NOT NULL,
  quantity BIGINT NOT NULL,
  trial_days BIGINT NOT NULL,
  state TEXT NOT NULL,
  provider_customer_id TEXT,
  provider_checkout_id TEXT,
  provider_subscription_id TEXT,
  url TEXT,
  error TEXT,
  actor TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, id)
);
create unique index billing_checkouts_live on billing_checkouts (org_id, instance, price_id, quantity)
  where state = 'creating' or state = 'open';
create unique index billing_checkouts_id on billing_checkouts (id);

-- snapshot: the newest whole snapshot of the provider. effective: the newest one whose status and
-- product we know; the license follows it. order_at and effective_at say how new they are.
create table billing_subscriptions (
  org_id TEXT NOT NULL,
  id TEXT NOT NULL,
  instance TEXT NOT NULL,
  provider_subscription_id TEXT NOT NULL,
  provider_customer_id TEXT NOT NULL,
  snapshot TEXT,
  order_at BIGINT,
  effective TEXT,
  effective_at BIGINT,
  status TEXT NOT NULL,
  plan_id TEXT NOT NULL,
  price_id TEXT NOT NULL,
  privacy TEXT NOT NULL,
  seats BIGINT NOT NULL,
  refund_full_at BIGINT,
  refund_partial_at BIGINT,
  dispute_opened_at BIGINT,
  dispute_won_at BIGINT,
  dispute_lost_at BIGINT,
  dirty BIGINT NOT NULL,
  refetch_after_at BIGINT NOT NULL,
  missing_since_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, id)
);
create unique index billing_subscriptions_provider on billing_subscriptions (instance, provider_subscription_id);
create index billing_subscriptions_dirty on billing_subscriptions (refetch_after_at) where dirty > 0;

-- Verified webhooks with their raw body, kept 90 days. org_id is null until attributed.
create table webhook_inbox (
  id TEXT NOT NULL PRIMARY KEY,
  org_id TEXT,
  instance TEXT NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  provider_customer_id TEXT NOT NULL,
  headers TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_attempt_at BIGINT NOT NULL,
  error TEXT NOT NULL,
  received_at BIGINT NOT NULL,
  processed_at BIGINT
);
create unique index webhook_inbox_event on webhook_inbox (instance, event_id);
create index webhook_inbox_waiting on webhook_inbox (state, next_attempt_at);
create index webhook_inbox_age on webhook_inbox (received_at);
