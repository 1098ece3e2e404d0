// Polar's objects, whole, as its API version 2026-10 has them.
export const organization = '0a0a0a0a-0000-4000-8000-000000000001';

export const customer = (f) => ({
  id: f.id, created_at: f.at, modified_at: null, metadata: f.metadata ?? {}, external_id: f.external_id ?? null, email: f.email, email_verified: false,
  type: 'individual', name: f.name ?? null, billing_name: null, billing_address: null, tax_id: null, locale: null, organization_id: organization,
  default_payment_method_id: null, deleted_at: null, first_user_event_at: null, avatar_url: null,
});

/** A fixed price, or one per seat. */
export const price = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, source: 'catalog', amount_type: f.per_seat ? 'seat_based' : 'fixed', price_currency: f.currency ?? 'usd',
  tax_behavior: null, is_archived: false, product_id: f.product_id,
  ...(f.per_seat ? { seat_tiers: { seat_tier_type: 'volume', tiers: [{ min_seats: 1, max_seats: null, price_per_seat: f.amount }], minimum_seats: 1, maximum_seats: null } } : { price_amount: f.amount }),
});

export const benefit = (f) => ({
  id: f.id, created_at: f.at, modified_at: null, type: 'feature_flag', description: f.description, selectable: true, deletable: true, is_deleted: false,
  organization_id: organization, metadata: f.metadata ?? {}, visibility: 'public', properties: {}, visibility_configurable: true,
});

const offer = (f) => ({
  id: f.id, created_at: f.at, modified_at: null, trial_interval: null, trial_interval_count: null, name: f.name, description: null, visibility: 'public',
  recurring_interval: f.interval ?? 'month', recurring_interval_count: 1, meter_interval: null, meter_interval_count: null, is_recurring: true,
  is_archived: false, organization_id: organization,
});
export const product = (f) => ({ ...offer(f), metadata: f.metadata ?? {}, prices: f.prices, benefits: f.benefits ?? [], medias: [], attached_custom_fields: [] });
const publicBenefit = ({ metadata, properties, visibility, visibility_configurable, ...rest }) => rest;
export const checkoutProduct = ({ metadata, attached_custom_fields, benefits, ...rest }) => ({ ...rest, benefits: benefits.map(publicBenefit) });
const orderProduct = ({ prices, benefits, medias, attached_custom_fields, ...rest }) => rest;

export const amountOf = (price, seats) => price.amount_type === 'seat_based' ? price.seat_tiers.tiers[0].price_per_seat * (seats ?? 1) : price.price_amount;

export const subscription = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, amount: amountOf(f.product.prices[0], f.seats), currency: f.product.prices[0].price_currency,
  recurring_interval: f.product.recurring_interval, recurring_interval_count: 1, status: f.status, current_period_start: f.at, current_period_end: f.end,
  current_meter_period_start: null, current_meter_period_end: null, trial_start: f.trial_end ? f.at : null, trial_end: f.trial_end ?? null,
  cancel_at_period_end: false, canceled_at: null, started_at: f.at, ends_at: null, ended_at: null, past_due_at: null, pause_at_period_end: false,
  paused_at: null, resumes_at: null, customer_id: f.customer.id, product_id: f.product.id, discount_id: null, checkout_id: f.checkout_id ?? null,
  seats: f.seats ?? null, customer_cancellation_reason: null, customer_cancellation_comment: null, metadata: f.metadata ?? {}, custom_field_data: {},
  customer: f.customer, product: f.product, discount: null, prices: f.product.prices, meters: [], pending_update: null,
});
const orderSubscription = ({ customer, product, discount, prices, meters, pending_update, custom_field_data, ...rest }) => rest;

export const order = (f) => ({
  id: f.id, created_at: f.at, modified_at: null, status: f.paid ? 'paid' : 'pending', paid: f.paid, subtotal_amount: f.amount, discount_amount: 0, net_amount: f.amount,
  tax_amount: 0, total_amount: f.amount, applied_balance_amount: 0, due_amount: f.paid ? 0 : f.amount, refunded_amount: 0, refunded_tax_amount: 0, currency: f.subscription.currency,
  billing_reason: f.reason, billing_name: null, billing_address: null, invoice_number: f.number, is_invoice_generated: false, receipt_number: null,
  seats: f.subscription.seats, customer_id: f.subscription.customer_id, product_id: f.subscription.product_id, discount_id: null, subscription_id: f.subscription.id,
  checkout_id: f.checkout_id ?? null, next_payment_attempt_at: f.next_payment_attempt_at ?? null, metadata: f.subscription.metadata, custom_field_data: {},
  platform_fee_amount: 0, platform_fee_currency: null, customer: f.subscription.customer, product: orderProduct(f.subscription.product), discount: null,
  subscription: orderSubscription(f.subscription),
  items: [{ created_at: f.at, modified_at: null, id: f.item_id, label: f.subscription.product.name, amount: f.amount, tax_amount: 0, proration: f.reason === 'subscription_update', product_price_id: f.subscription.prices[0].id }],
  description: f.subscription.product.name, refundable_amount: f.paid ? f.amount : 0, refundable_tax_amount: 0,
});

export const refund = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, metadata: f.metadata ?? {}, status: f.status ?? 'succeeded', reason: f.reason ?? 'customer_request', amount: f.amount,
  tax_amount: 0, currency: f.order.currency, organization_id: organization, order_id: f.order.id, subscription_id: f.order.subscription_id,
  customer_id: f.order.customer_id, revoke_benefits: f.revoke_benefits ?? false, dispute: f.dispute ?? null,
});

export const dispute = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, status: 'needs_response', resolved: false, closed: false, amount: f.order.total_amount, tax_amount: 0,
  currency: f.order.currency, reason: 'fraudulent', evidence_due_by: f.due, past_due: false, order_id: f.order.id, payment_id: f.payment_id,
});

export const checkout = (f) => ({
  id: f.id, created_at: f.at, modified_at: null, custom_field_data: {}, payment_processor: 'stripe', status: 'open', client_secret: `polar_c_${f.id}`, url: f.url,
  expires_at: f.expires_at, success_url: f.success_url, return_url: f.return_url ?? null, embed_origin: null, amount: f.amount, seats: f.seats ?? null, min_seats: null, max_seats: null,
  discount_amount: 0, net_amount: f.amount, tax_amount: null, tax_behavior: null, total_amount: f.amount, currency: f.product.prices[0].price_currency, allow_trial: true,
  active_trial_interval: f.trial_interval ?? null, active_trial_interval_count: f.trial_interval_count ?? null, trial_end: f.trial_end ?? null, organization_id: organization,
  product_id: f.product.id, product_price_id: f.product.prices[0].id, discount_id: null, allow_discount_codes: true, require_billing_address: false, is_discount_applicable: true,
  is_free_product_price: false, is_payment_required: true, is_payment_setup_required: Boolean(f.trial_end), is_payment_form_required: true, customer_id: f.customer?.id ?? null,
  is_business_customer: false, customer_name: f.customer?.name ?? null, customer_email: f.customer?.email ?? f.customer_email ?? null, customer_ip_address: null, customer_billing_name: null,
  customer_billing_address: null, customer_tax_id: null, locale: null, payment_method_type: null, payment_processor_metadata: {},
  billing_address_fields: { country: 'required', state: 'disabled', city: 'disabled', postal_code: 'disabled', line1: 'disabled', line2: 'disabled' },
  trial_interval: f.trial_interval ?? null, trial_interval_count: f.trial_interval_count ?? null, metadata: f.metadata ?? {}, external_customer_id: f.customer?.external_id ?? null,
  products: [checkoutProduct(f.product)], product: checkoutProduct(f.product), product_price: f.product.prices[0], prices: null, discount: null, subscription_id: null,
  attached_custom_fields: null, customer_metadata: {},
});

export const customerSession = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, token: `polar_cst_${f.id}`, expires_at: f.expires_at, return_url: f.return_url ?? null, customer_portal_url: f.url,
  customer_id: f.customer.id, customer: f.customer,
});

export const endpoint = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, url: f.url, name: f.name ?? null, format: 'raw', secret: f.secret, organization_id: organization, events: f.events, enabled: true,
});

export const webhookEvent = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, last_http_code: null, succeeded: null, skipped: false, payload: f.payload, type: f.type, is_archived: false,
});

export const delivery = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, succeeded: f.succeeded, http_code: f.http_code ?? null, response: null, webhook_event: f.event,
});

export const grant = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, granted_at: f.at, is_granted: true, revoked_at: null, is_revoked: false, subscription_id: f.subscription.id, order_id: null,
  customer_id: f.subscription.customer_id, member_id: null, benefit_id: f.benefit.id, error: null, customer: f.subscription.customer, member: null, benefit: f.benefit, properties: {},
  previous_properties: null,
});

export const seat = (f) => ({
  created_at: f.at, modified_at: null, id: f.id, subscription_id: f.subscription_id, order_id: null, status: f.claimed ? 'claimed' : 'pending', customer_id: f.customer_id ?? null,
  member_id: null, member: null, email: f.email ?? null, customer_email: f.email ?? null, invitation_token_expires_at: null, claimed_at: f.claimed ? f.at : null, revoked_at: null,
  seat_metadata: f.metadata ?? null,
});

/** What the state endpoint and customer.state_changed say: active and trialing subscriptions only. */
export function state(customer, { subscriptions, grants }) {
  return {
    ...customer,
    active_subscriptions: subscriptions.filter((s) => s.status === 'active' || s.status === 'trialing').map((s) => ({
      id: s.id, created_at: s.created_at, modified_at: s.modified_at, custom_field_data: {}, metadata: s.metadata, status: s.status, amount: s.amount, currency: s.currency,
      recurring_interval: s.recurring_interval, current_period_start: s.current_period_start, current_period_end: s.current_period_end, trial_start: s.trial_start, trial_end: s.trial_end,
      cancel_at_period_end: s.cancel_at_period_end, canceled_at: s.canceled_at, started_at: s.started_at, ends_at: s.ends_at, product_id: s.product_id, discount_id: null, meters: [],
    })),
    granted_benefits: grants.filter((g) => g.is_granted).map((g) => ({
      id: g.id, created_at: g.created_at, modified_at: g.modified_at, granted_at: g.granted_at, benefit_id: g.benefit_id, benefit_type: g.benefit.type,
      benefit_metadata: g.benefit.metadata, properties: {},
    })),
    active_meters: [],
  };
}
