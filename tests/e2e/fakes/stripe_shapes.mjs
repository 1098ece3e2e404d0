// Stripe's objects, whole, as its API of 2026 has them; and the same in the shape of before 2025-03-31
// (basil), when periods stood on the subscription and an invoice named its subscription directly.
const period = (start, end) => ({ start, end });
const list = (data, url) => ({ object: 'list', data, has_more: false, url });
const noAddress = () => ({ city: null, country: null, line1: null, line2: null, postal_code: null, state: null });

export const customer = (f) => ({
  id: f.id, object: 'customer', address: null, balance: 0, created: f.created, currency: null, customer_account: null,
  default_source: null, delinquent: false, description: f.description ?? null, discount: null, email: f.email ?? null,
  invoice_prefix: f.id.slice(-8).toUpperCase(),
  invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
  livemode: f.livemode, metadata: f.metadata ?? {}, name: f.name ?? null, next_invoice_sequence: 1, phone: null,
  preferred_locales: [], shipping: null, tax_exempt: 'none', test_clock: null,
});

export const product = (f) => ({
  id: f.id, object: 'product', active: f.active ?? true, created: f.created, default_price: null, description: f.description ?? null,
  images: [], livemode: f.livemode, marketing_features: [], metadata: f.metadata ?? {}, name: f.name, package_dimensions: null,
  shippable: null, statement_descriptor: null, tax_code: null, tax_details: null, type: 'service', unit_label: null, updated: f.created, url: null,
});

export const price = (f) => ({
  id: f.id, object: 'price', active: f.active ?? true, billing_scheme: 'per_unit', created: f.created, currency: f.currency,
  custom_unit_amount: null, livemode: f.livemode, lookup_key: f.lookup_key ?? null, metadata: f.metadata ?? {}, nickname: f.nickname ?? null,
  product: f.product,
  recurring: f.interval ? { interval: f.interval, interval_count: f.interval_count ?? 1, meter: null, trial_period_days: null, usage_type: 'licensed' } : null,
  tax_behavior: 'unspecified', tiers_mode: null, transform_quantity: null, type: f.interval ? 'recurring' : 'one_time',
  unit_amount: f.unit_amount, unit_amount_decimal: String(f.unit_amount),
});

const plan = (p) => ({
  id: p.id, object: 'plan', active: p.active, amount: p.unit_amount, amount_decimal: p.unit_amount_decimal, billing_scheme: p.billing_scheme,
  created: p.created, currency: p.currency, interval: p.recurring.interval, interval_count: p.recurring.interval_count, livemode: p.livemode,
  metadata: p.metadata, meter: null, nickname: p.nickname, product: p.product, tiers_mode: null, transform_usage: null,
  trial_period_days: null, usage_type: 'licensed',
});

export const subscriptionItem = (f) => ({
  id: f.id, object: 'subscription_item', billing_thresholds: null, created: f.created, current_period_end: f.end, current_period_start: f.start,
  current_trial: null, discounts: [], metadata: {}, plan: plan(f.price), price: f.price, quantity: f.quantity, subscription: f.subscription, tax_rates: [],
});

export const subscription = (f) => ({
  id: f.id, object: 'subscription', application: null, application_fee_percent: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null }, billing_cycle_anchor: f.anchor ?? f.created,
  billing_cycle_anchor_config: null, billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' }, billing_schedules: [],
  billing_thresholds: null, cancel_at: null, cancel_at_period_end: false, canceled_at: null,
  cancellation_details: { comment: null, feedback: null, reason: null }, collection_method: 'charge_automatically', created: f.created,
  currency: f.items[0].price.currency, customer: f.customer, customer_account: null, days_until_due: null, default_payment_method: f.payment_method ?? null,
  default_source: null, default_tax_rates: [], description: null, discounts: [], ended_at: null,
  invoice_settings: { account_tax_ids: null, custom_fields: null, description: null, footer: null, issuer: { type: 'self' } },
  items: list(f.items, `/v1/subscription_items?subscription=${f.id}`), latest_invoice: null, livemode: f.livemode, managed_payments: null,
  metadata: f.metadata ?? {}, next_pending_invoice_item_invoice: null, on_behalf_of: null, pause_collection: null,
  payment_settings: { payment_method_options: null, payment_method_types: null, save_default_payment_method: 'off' },
  pending_invoice_item_interval: null, pending_setup_intent: null, pending_update: null, schedule: null, start_date: f.created,
  status: f.status, test_clock: null, transfer_data: null, trial_end: f.trial_end ?? null,
  trial_settings: { end_behavior: { missing_payment_method: f.missing_payment_method ?? 'create_invoice' } }, trial_start: f.trial_end ? f.created : null,
});

export const invoice = (f) => ({
  id: f.id, object: 'invoice', account_country: 'US', account_name: 'Acme', account_tax_ids: null, amount_due: f.amount, amount_overpaid: 0,
  amount_paid: 0, amount_remaining: f.amount, amount_shipping: 0, application: null, attempt_count: 0, attempted: false, auto_advance: true,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null }, automatically_finalizes_at: null,
  billing_reason: f.reason, collection_method: 'charge_automatically', created: f.created, currency: f.currency, custom_fields: null,
  customer: f.customer.id, customer_account: null, customer_address: null, customer_email: f.customer.email, customer_name: f.customer.name,
  customer_phone: null, customer_shipping: null, customer_tax_exempt: 'none', customer_tax_ids: [], default_payment_method: null,
  default_source: null, default_tax_rates: [], description: null, discounts: [], due_date: null, effective_at: f.created, ending_balance: 0,
  footer: null, from_invoice: null, hosted_invoice_url: `https://invoice.stripe.com/i/${f.id}`, invoice_pdf: `https://pay.stripe.com/invoice/${f.id}/pdf`,
  issuer: { type: 'self' }, last_finalization_error: null, latest_revision: null,
  lines: list(f.lines.map((line, i) => ({
    id: `il_${f.id.slice(3)}_${i + 1}`, object: 'line_item', amount: line.amount, currency: f.currency, description: line.description, discount_amounts: [],
    discountable: true, discounts: [], invoice: f.id, livemode: f.livemode, metadata: {},
    parent: { invoice_item_details: null, subscription_item_details: { invoice_item: null, proration: line.proration ?? false,
      proration_details: { credited_items: null }, subscription: f.subscription, subscription_item: line.item }, type: 'subscription_item_details' },
    period: period(line.start, line.end), pretax_credit_amounts: [],
    pricing: { price_details: { price: line.price.id, product: line.price.product }, type: 'price_details', unit_amount_decimal: line.price.unit_amount_decimal },
    quantity: line.quantity, quantity_decimal: String(line.quantity), subscription: f.subscription, subtotal: line.amount, taxes: [],
  })), `/v1/invoices/${f.id}/lines`),
  livemode: f.livemode, metadata: {}, next_payment_attempt: null, number: f.number, on_behalf_of: null,
  parent: { quote_details: null, subscription_details: { metadata: f.metadata ?? {}, subscription: f.subscription }, type: 'subscription_details' },
  payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null }, period_end: f.end, period_start: f.start,
  post_payment_credit_notes_amount: 0, pre_payment_credit_notes_amount: 0, receipt_number: null, rendering: null, shipping_cost: null,
  shipping_details: null, starting_balance: 0, statement_descriptor: null, status: 'open',
  status_transitions: { finalized_at: f.created, marked_uncollectible_at: null, paid_at: null, voided_at: null }, subtotal: f.amount,
  subtotal_excluding_tax: f.amount, test_clock: null, total: f.amount, total_discount_amounts: [], total_excluding_tax: f.amount,
  total_pretax_credit_amounts: [], total_taxes: [], webhooks_delivered_at: f.created,
});

export const invoicePayment = (f) => ({
  id: f.id, object: 'invoice_payment', amount_paid: f.paid ? f.amount : null, amount_requested: f.amount, created: f.created, currency: f.currency,
  invoice: f.invoice, is_default: true, livemode: f.livemode, payment: { payment_intent: f.payment_intent, type: 'payment_intent' },
  status: f.paid ? 'paid' : 'open', status_transitions: { canceled_at: null, paid_at: f.paid ? f.created : null },
});

export const paymentIntent = (f) => ({
  id: f.id, object: 'payment_intent', allowed_payment_method_types: null, amount: f.amount, amount_capturable: 0, amount_details: { tip: {} },
  amount_received: f.paid ? f.amount : 0, application: null, application_fee_amount: null, automatic_payment_methods: null, canceled_at: null,
  cancellation_reason: null, capture_method: 'automatic', client_secret: `${f.id}_secret_x`, confirmation_method: 'automatic', created: f.created,
  currency: f.currency, customer: f.customer, customer_account: null, description: f.description ?? null, excluded_payment_method_types: null,
  last_payment_error: f.paid ? null : { type: 'card_error', code: 'card_declined', decline_code: 'generic_decline', message: 'Your card was declined.' },
  latest_charge: f.charge, livemode: f.livemode, managed_payments: null, metadata: {}, next_action: null, on_behalf_of: null,
  payment_method: f.paid ? f.payment_method : null, payment_method_configuration_details: null, payment_method_options: null, payment_method_types: ['card'],
  payment_record: null, processing: null, receipt_email: null, review: null, setup_future_usage: 'off_session', shipping: null, source: null,
  statement_descriptor: null, statement_descriptor_suffix: null, status: f.paid ? 'succeeded' : 'requires_payment_method', transfer_data: null, transfer_group: null,
});

export const charge = (f) => ({
  id: f.id, object: 'charge', amount: f.amount, amount_captured: f.paid ? f.amount : 0, amount_refunded: 0, application: null, application_fee: null,
  application_fee_amount: null, balance_transaction: null, billing_details: { address: noAddress(), email: f.email ?? null, name: null, phone: null, tax_id: null },
  calculated_statement_descriptor: 'ACME', captured: f.paid, created: f.created, currency: f.currency, customer: f.customer,
  description: f.description ?? null, disputed: false, failure_balance_transaction: null, failure_code: f.paid ? null : 'card_declined',
  failure_message: f.paid ? null : 'Your card was declined.', fraud_details: {}, livemode: f.livemode, metadata: {}, on_behalf_of: null,
  outcome: { advice_code: null, network_advice_code: null, network_decline_code: null, network_status: f.paid ? 'approved_by_network' : 'declined_by_network',
    reason: f.paid ? null : 'generic_decline', seller_message: f.paid ? 'Payment complete.' : 'The bank did not return any further details with this decline.',
    type: f.paid ? 'authorized' : 'issuer_declined' },
  paid: f.paid, payment_intent: f.payment_intent, payment_method: f.payment_method,
  payment_method_details: { type: 'card', card: { brand: 'visa', country: 'US', exp_month: 8, exp_year: 2035, funding: 'credit', last4: '4242' } },
  receipt_email: null, receipt_number: null, receipt_url: null, refunded: false, review: null, shipping: null, source: null, source_transfer: null,
  statement_descriptor: null, statement_descriptor_suffix: null, status: f.paid ? 'succeeded' : 'failed', transfer_data: null, transfer_group: null,
});

export const refund = (f) => ({
  id: f.id, object: 'refund', amount: f.amount, balance_transaction: null, charge: f.charge, created: f.created, currency: f.currency, customer: f.customer,
  customer_account: null, destination_details: { card: { type: 'refund' }, type: 'card' }, metadata: f.metadata ?? {}, payment_intent: f.payment_intent,
  payment_method: f.payment_method ?? null, reason: f.reason ?? null, receipt_number: null, source_transfer_reversal: null, status: 'succeeded', transfer_reversal: null,
});

export const dispute = (f) => ({
  id: f.id, object: 'dispute', amount: f.amount, balance_transactions: [], charge: f.charge, created: f.created, currency: f.currency,
  enhanced_eligibility_types: [], evidence: Object.fromEntries(['access_activity_log', 'billing_address', 'cancellation_policy', 'cancellation_policy_disclosure',
    'cancellation_rebuttal', 'customer_communication', 'customer_email_address', 'customer_name', 'customer_purchase_ip', 'customer_signature',
    'duplicate_charge_documentation', 'duplicate_charge_explanation', 'duplicate_charge_id', 'product_description', 'receipt', 'refund_policy',
    'refund_policy_disclosure', 'refund_refusal_explanation', 'service_date', 'service_documentation', 'shipping_address', 'shipping_carrier',
    'shipping_date', 'shipping_documentation', 'shipping_tracking_number', 'uncategorized_file', 'uncategorized_text'].map((k) => [k, null])
    .concat([['enhanced_evidence', {}]])),
  evidence_details: { due_by: f.created + 7 * 86400, enhanced_eligibility: {}, has_evidence: false, past_due: false, submission_count: 0 },
  intended_submission_method: null, is_charge_refundable: false, livemode: f.livemode, metadata: {}, payment_intent: f.payment_intent,
  payment_method_details: { card: { brand: 'visa', case_type: 'chargeback', network: 'visa', network_reason_code: '10.4' }, type: 'card' },
  reason: 'fraudulent', status: 'needs_response',
});

export const checkoutSession = (f) => ({
  id: f.id, object: 'checkout.session', adaptive_pricing: null, after_expiration: null, allow_promotion_codes: f.allow_promotion_codes ?? null,
  allowed_payment_method_types: null, amount_subtotal: f.amount, amount_total: f.amount, automatic_tax: { enabled: false, liability: null, provider: null, status: null },
  billing_address_collection: null, cancel_url: f.cancel_url ?? null, client_reference_id: f.client_reference_id ?? null, client_secret: null,
  collected_information: null, consent: null, consent_collection: null, created: f.created, currency: f.currency, currency_conversion: null, custom_fields: [],
  custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null }, customer: f.customer ?? null, customer_account: null,
  customer_creation: f.customer ? null : 'always',
  customer_details: f.email ? { address: null, business_name: null, email: f.email, individual_name: null, name: null, phone: null, tax_exempt: 'none', tax_ids: null } : null,
  customer_email: f.customer_email ?? null, discounts: [], expires_at: f.expires_at, integration_identifier: null, invoice: null, invoice_creation: null,
  livemode: f.livemode, locale: null, managed_payments: null, metadata: f.metadata ?? {}, mode: 'subscription', origin_context: null, payment_intent: null,
  payment_link: null, payment_method_collection: f.payment_method_collection ?? 'always', payment_method_configuration_details: null, payment_method_options: {},
  payment_method_types: ['card'], payment_status: 'unpaid', permissions: null, phone_number_collection: { enabled: false }, recovered_from: null,
  saved_payment_method_options: { allow_redisplay_filters: ['always'], payment_method_remove: 'disabled', payment_method_save: null }, setup_intent: null,
  shipping_address_collection: null, shipping_cost: null, shipping_options: [], status: 'open', submit_type: null, subscription: null,
  success_url: f.success_url ?? null, total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 }, ui_mode: f.ui_mode ?? 'hosted_page', url: f.url, wallet_options: null,
});

export const portalSession = (f) => ({
  id: f.id, object: 'billing_portal.session', configuration: 'bpc_1Fake', created: f.created, customer: f.customer, customer_account: null,
  flow: f.flow ? { after_completion: { hosted_confirmation: null, redirect: null, type: 'portal_homepage' }, subscription_cancel: null,
    subscription_update: null, subscription_update_confirm: null, ...f.flow } : null,
  livemode: f.livemode, locale: null, on_behalf_of: null, return_url: f.return_url ?? null, url: f.url,
});

export const webhookEndpoint = (f) => ({
  id: f.id, object: 'webhook_endpoint', api_version: f.api_version ?? null, application: null, created: f.created, description: f.description ?? null,
  enabled_events: f.enabled_events, livemode: f.livemode, metadata: f.metadata ?? {}, status: 'enabled', url: f.url,
});

export const meter = (f) => ({
  id: f.id, object: 'billing.meter', created: f.created, customer_mapping: { event_payload_key: f.customer_key ?? 'stripe_customer_id', type: 'by_id' },
  default_aggregation: { formula: f.formula ?? 'sum' }, display_name: f.display_name, event_name: f.event_name, event_time_window: f.window ?? null,
  livemode: f.livemode, status: 'active', status_transitions: { deactivated_at: null }, updated: f.created, value_settings: { event_payload_key: f.value_key ?? 'value' },
});

export const meterEvent = (f) => ({
  object: 'billing.meter_event', created: f.created, event_name: f.event_name, identifier: f.identifier, livemode: f.livemode, payload: f.payload, timestamp: f.timestamp,
});

export const feature = (f) => ({
  id: f.id, object: 'entitlements.feature', active: true, livemode: f.livemode, lookup_key: f.lookup_key, metadata: f.metadata ?? {}, name: f.name,
});

export const activeEntitlement = (f) => ({
  id: f.id, object: 'entitlements.active_entitlement', feature: f.feature, livemode: f.livemode, lookup_key: f.lookup_key,
});

export const entitlementSummary = (f) => ({
  object: 'entitlements.active_entitlement_summary', customer: f.customer,
  entitlements: list(f.entitlements, `/v1/customer/${f.customer}/entitlements`), livemode: f.livemode,
});

export const event = (f) => ({
  id: f.id, object: 'event', api_version: f.api_version, created: f.created,
  data: { object: f.data, ...(f.previous ? { previous_attributes: f.previous } : {}) }, livemode: f.livemode, pending_webhooks: f.pending,
  request: { id: f.request ?? null, idempotency_key: f.idempotency_key ?? null }, type: f.type,
});

/** What Stripe sends instead of a snapshot to a destination that wants thin events. */
export const thinEvent = (f) => ({
  id: f.id, object: 'v2.core.event', type: f.type, created: f.created, livemode: f.livemode, context: null, reason: null,
  related_object: f.related ?? null, ...(f.data ? { data: f.data } : {}),
});

/** Whether a version has periods on the items. */
export const isNew = (version) => (version ?? '9') >= '2025-03-31';

/** The same object as a version before basil answers it; new versions get it as it is. */
export function render(object, version) {
  if (isNew(version) || object === null || typeof object !== 'object') return object;
  if (Array.isArray(object)) return object.map((each) => render(each, version));
  const out = Object.fromEntries(Object.entries(object).map(([k, v]) => [k, k === 'metadata' ? v : render(v, version)]));
  switch (object.object) {
    case 'subscription': {
      const first = object.items.data[0];
      Object.assign(out, { current_period_start: first.current_period_start, current_period_end: first.current_period_end, discount: null });
      for (const gone of ['billing_mode', 'billing_schedules', 'customer_account', 'managed_payments']) delete out[gone];
      break;
    }
    case 'subscription_item':
      for (const gone of ['current_period_start', 'current_period_end', 'current_trial']) delete out[gone];
      break;
    case 'invoice': {
      const details = object.parent?.subscription_details;
      const payment = object.payments?.data[0]?.payment?.payment_intent ?? object._payment_intent ?? null;
      Object.assign(out, { subscription: details?.subscription ?? null, subscription_details: { metadata: details?.metadata ?? null }, paid: object.status === 'paid',
        paid_out_of_band: false, total_tax_amounts: [], tax: null, discount: null, charge: null, payment_intent: payment, quote: null, application_fee_amount: null });
      for (const gone of ['parent', 'amount_overpaid', 'customer_account', 'total_taxes', 'payments', 'total_pretax_credit_amounts']) delete out[gone];
      break;
    }
    case 'line_item': {
      const item = object.parent?.subscription_item_details;
      Object.assign(out, { proration: item?.proration ?? false, type: 'subscription', subscription_item: item?.subscription_item, tax_amounts: [], tax_rates: [] });
      for (const gone of ['parent', 'pricing', 'taxes', 'subtotal', 'quantity_decimal', 'pretax_credit_amounts']) delete out[gone];
      break;
    }
    case 'checkout.session': out.ui_mode = { hosted_page: 'hosted', embedded_page: 'embedded', elements: 'custom' }[object.ui_mode] ?? object.ui_mode; break;
    default:
  }
  return out;
}
