// What happens to the fake Polar's subscriptions: checkout, orders, renewal, dunning, changes, pause,
// cancellation, refunds, disputes, benefit grants; and the actions of the neutral stories in Polar's
// terms. The sequences of events are those of Polar's documentation. Mixed into FakePolar.
import { Refusal, addMonths } from './wire.mjs';
import * as shape from './polar_shapes.mjs';

const day = 86400e6;
/** Days until the next try of a payment; after the last one Polar gives up. */
const retries = [2, 5, 7, 7];
const micros = (text) => Date.parse(text) * 1000 + Number(/\.\d{3}(\d{3})Z$/.exec(text)?.[1] ?? 0);
const invalid = (loc, msg) => { throw new Refusal(422, { detail: [{ loc: ['body', ...loc], msg, type: 'value_error' }] }); };
const running = (s) => ['active', 'trialing', 'past_due'].includes(s.status);

export const life = {
  /** Changes a subscription and says what happened: `updated` and then the special words. */
  change(sub, act, ...types) {
    act(sub);
    sub.modified_at = this.stamp();
    for (const type of types) this.emit(`subscription.${type}`, sub);
    this.stateChanged(this.get('customers', sub.customer_id));
    return sub;
  },
  stateChanged(customer) { if (!this.options.quietState) this.emit('customer.state_changed', this.state(customer)); },

  order(sub, reason, { paid = true, amount = sub.amount, checkout_id } = {}) {
    const base = this.base();
    const order = this.put('orders', shape.order({ ...base, subscription: sub, reason, paid: false, amount, checkout_id, item_id: this.id(), number: `ACME-${String(this.tables.orders.size + 1).padStart(4, '0')}` }));
    this.emit('order.created', order);
    if (paid) this.settle(order);
    else order.next_payment_attempt_at = this.time(this.last + retries[0] * day);
    return order;
  },
  settle(order) {
    Object.assign(order, { status: 'paid', paid: true, due_amount: 0, next_payment_attempt_at: null, refundable_amount: order.net_amount, modified_at: this.stamp() });
    this.emit('order.updated', order);
    this.emit('order.paid', order);
  },

  createCheckout(body) {
    const product = this.tables.products.get(body.products?.[0]) ?? invalid(['products', 0], 'Product does not exist.');
    const customer = body.customer_id ? this.tables.customers.get(body.customer_id) ?? invalid(['customer_id'], 'Customer does not exist.')
      : body.external_customer_id ? this.all('customers').find((x) => x.external_id === body.external_customer_id) : undefined;
    if (customer?.deleted_at) invalid(['customer_id'], 'Customer does not exist.');
    const perSeat = product.prices[0].amount_type === 'seat_based';
    if (body.seats && !perSeat) invalid(['seats'], 'Seats can only be set for seat-based pricing.');
    const base = this.base();
    const days = { day: 1, week: 7, month: 30, year: 365 }[body.trial_interval] * body.trial_interval_count;
    const checkout = this.put('checkouts', shape.checkout({ ...base, ...body, product, customer, seats: perSeat ? body.seats ?? 1 : undefined, amount: shape.amountOf(product.prices[0], body.seats),
      trial_end: days ? this.time(this.last + days * day) : undefined, expires_at: this.time(this.last + day), url: `${this.pageBase}/checkout/${base.id}`,
      success_url: body.success_url ?? `${this.pageBase}/checkout/${base.id}/confirmation` }));
    this.emit('checkout.created', checkout);
    return checkout;
  },
  completeCheckout(checkout) {
    if (checkout.status !== 'open') return checkout;
    const customer = checkout.customer_id ? this.get('customers', checkout.customer_id) : this.createCustomer({ email: checkout.customer_email ?? 'guest@example.com' });
    Object.assign(checkout, { customer_id: customer.id, status: 'confirmed', modified_at: this.stamp() });
    this.emit('checkout.updated', checkout);
    const sub = this.startSubscription({ customer, product: this.get('products', checkout.product_id), seats: checkout.seats ?? undefined, metadata: checkout.metadata,
      checkout_id: checkout.id, trial_end: checkout.trial_end ?? undefined });
    Object.assign(checkout, { status: 'succeeded', subscription_id: sub.id, modified_at: this.stamp() });
    this.emit('checkout.updated', checkout);
    return checkout;
  },
  expireCheckout(checkout) {
    Object.assign(checkout, { status: 'expired', modified_at: this.stamp() });
    this.emit('checkout.expired', checkout);
    return checkout;
  },

  startSubscription({ customer, product, seats, metadata, checkout_id, trial_end, quiet = false }) {
    const base = this.base();
    const end = trial_end ?? this.time(addMonths(Math.floor(micros(base.at) / 1000), product.recurring_interval === 'year' ? 12 : 1) * 1000);
    const sub = this.put('subscriptions', shape.subscription({ ...base, customer, product, seats, metadata, checkout_id, trial_end, end, status: trial_end ? 'trialing' : 'active' }));
    if (quiet) return sub;
    this.emit('subscription.created', sub);
    this.order(sub, 'subscription_create', { checkout_id, amount: trial_end ? 0 : sub.amount });
    this.change(sub, () => {}, 'updated', 'active');
    this.grant(sub);
    return sub;
  },

  grant(sub) {
    for (const benefit of sub.product.benefits) {
      const held = this.all('grants').find((g) => g.subscription_id === sub.id && g.benefit_id === benefit.id);
      if (held?.is_granted) continue;
      const grant = held ?? this.put('grants', shape.grant({ ...this.base(), subscription: sub, benefit }));
      Object.assign(grant, { is_granted: true, is_revoked: false, revoked_at: null, granted_at: this.stamp() });
      this.emit('benefit_grant.created', grant);
      this.stateChanged(sub.customer);
    }
  },
  ungrant(sub) {
    for (const grant of this.all('grants').filter((g) => g.subscription_id === sub.id && g.is_granted)) {
      Object.assign(grant, { is_granted: false, is_revoked: true, revoked_at: this.stamp() });
      this.emit('benefit_grant.revoked', grant);
      this.stateChanged(sub.customer);
    }
  },

  updateSubscription(sub, body) {
    if (sub.status === 'canceled') throw new Refusal(403, { error: 'AlreadyCanceledSubscription', detail: 'This subscription is already canceled.' });
    if (body.revoke) return this.revoke(sub);
    if (body.cancel_at_period_end === true) {
      return this.change(sub, () => Object.assign(sub, { cancel_at_period_end: true, canceled_at: this.stamp(), ends_at: sub.current_period_end,
        customer_cancellation_reason: body.customer_cancellation_reason ?? null, customer_cancellation_comment: body.customer_cancellation_comment ?? null }), 'updated', 'canceled');
    }
    if (body.cancel_at_period_end === false) return this.change(sub, () => Object.assign(sub, { cancel_at_period_end: false, canceled_at: null, ends_at: null }), 'updated', 'uncanceled');
    if (body.pause_at_period_end !== undefined) return this.change(sub, () => Object.assign(sub, { pause_at_period_end: body.pause_at_period_end, resumes_at: body.resumes_at ?? null }), 'updated');
    if (body.resume) return this.resume(sub);
    const before = sub.amount;
    if (body.product_id) {
      const product = this.tables.products.get(body.product_id) ?? invalid(['product_id'], 'Product does not exist.');
      const perSeat = product.prices[0].amount_type === 'seat_based';
      this.ungrant(sub);
      this.change(sub, () => Object.assign(sub, { product, product_id: product.id, prices: product.prices, seats: perSeat ? sub.seats ?? 1 : null, amount: shape.amountOf(product.prices[0], sub.seats) }), 'updated');
      this.grant(sub);
    } else if (body.seats) {
      if (sub.seats === null) invalid(['seats'], 'This subscription has no seat-based pricing.');
      this.change(sub, () => Object.assign(sub, { seats: body.seats, amount: shape.amountOf(sub.prices[0], body.seats) }), 'updated');
    } else if (body.metadata) this.change(sub, () => { sub.metadata = body.metadata; }, 'updated');
    // The difference for the rest of the period, at once or with the next order.
    const left = (micros(sub.current_period_end) - this.last) / (micros(sub.current_period_end) - micros(sub.current_period_start));
    const owed = Math.round((sub.amount - before) * left);
    if (owed > 0 && body.proration_behavior === 'invoice') this.order(sub, 'subscription_update', { amount: owed });
    return sub;
  },
  revoke(sub, { ended = true } = {}) {
    const at = this.stamp();
    this.change(sub, () => Object.assign(sub, { status: 'canceled', canceled_at: sub.canceled_at ?? at, ended_at: at, ends_at: at, cancel_at_period_end: false }), ...(ended ? ['updated', 'canceled', 'revoked'] : ['updated', 'revoked']));
    this.ungrant(sub);
    return sub;
  },
  resume(sub) {
    if (sub.status !== 'paused') throw new Refusal(403, { error: 'InactiveSubscription', detail: 'This subscription is not paused.' });
    const at = this.stamp();
    this.change(sub, () => Object.assign(sub, { status: 'active', paused_at: null, resumes_at: null, current_period_start: at, current_period_end: this.time(addMonths(Math.floor(micros(at) / 1000), 1) * 1000) }), 'updated', 'resumed');
    this.order(sub, 'subscription_cycle');
    this.grant(sub);
    return sub;
  },

  /** The period ends: what was ordered happens, or the next one is billed. */
  turn(sub, { paid = true } = {}) {
    if (sub.cancel_at_period_end) {
      const at = this.stamp();
      this.change(sub, () => Object.assign(sub, { status: 'canceled', ended_at: at }), 'updated', 'revoked');
      this.ungrant(sub);
      return sub;
    }
    if (sub.pause_at_period_end) {
      this.change(sub, () => Object.assign(sub, { status: 'paused', pause_at_period_end: false, paused_at: this.stamp() }), 'updated', 'paused');
      this.ungrant(sub);
      return sub;
    }
    const start = sub.current_period_end, months = sub.recurring_interval === 'year' ? 12 : 1;
    // `cycled` also comes at the end of a trial, and before the payment has succeeded.
    this.change(sub, () => Object.assign(sub, { current_period_start: start, current_period_end: this.time(addMonths(Math.floor(micros(start) / 1000), months) * 1000),
      ...(sub.status === 'trialing' ? { status: 'active' } : {}) }), 'cycled', 'updated');
    this.order(sub, 'subscription_cycle', { paid });
    if (!paid) this.change(sub, () => Object.assign(sub, { status: 'past_due', past_due_at: this.stamp() }), 'updated', 'past_due');
    return sub;
  },
  payOpen(sub) {
    const order = this.all('orders').filter((o) => o.subscription_id === sub.id && o.status === 'pending').at(-1);
    this.settle(order);
    this.change(sub, () => Object.assign(sub, { status: 'active', past_due_at: null }), 'updated', 'active');
    this.grant(sub);
  },
  giveUp(sub) {
    const order = this.all('orders').filter((o) => o.subscription_id === sub.id && o.status === 'pending').at(-1);
    if (order) { Object.assign(order, { status: 'void', next_payment_attempt_at: null, modified_at: this.stamp() }); this.emit('order.updated', order); }
    this.revoke(sub, { ended: false });
  },
  advance(ms, { fails = () => false } = {}) {
    const end = this.clock.now() + ms, real = this.clock.fixed === undefined;
    for (;;) {
      const due = this.all('subscriptions').filter((s) => ['trialing', 'active'].includes(s.status) && Date.parse(s.current_period_end) <= end)
        .sort((a, b) => Date.parse(a.current_period_end) - Date.parse(b.current_period_end))[0];
      if (!due) break;
      this.clock.fixed = Date.parse(due.current_period_end);
      this.turn(due, { paid: !fails(due) });
    }
    this.clock.fixed = real ? undefined : end;
    if (real) this.clock.offset = end - Date.now();
  },

  lastPaid(sub) { return this.all('orders').filter((o) => o.subscription_id === sub.id && o.paid && o.total_amount > 0).at(-1); },
  refundOrder(order, amount = order.refundable_amount, body = {}) {
    if (order.refundable_amount === 0) throw new Refusal(403, { error: 'RefundedAlready', detail: 'Order is already fully refunded' });
    if (amount > order.refundable_amount) throw new Refusal(400, { error: 'RefundAmountTooHigh', detail: 'Refund amount exceeds remaining order balance' });
    const refund = this.put('refunds', shape.refund({ ...this.base(), order, amount, reason: body.reason, revoke_benefits: body.revoke_benefits, metadata: body.metadata }));
    Object.assign(order, { refunded_amount: order.refunded_amount + amount, refundable_amount: order.refundable_amount - amount, modified_at: this.stamp() });
    order.status = order.refundable_amount === 0 ? 'refunded' : 'partially_refunded';
    this.emit('refund.created', refund);
    this.emit('order.updated', order);
    this.emit('order.refunded', order);
    return refund;
  },
  fullDispute(dispute) { return { ...dispute, customer: this.get('customers', this.get('orders', dispute.order_id).customer_id), case_id: null }; },
  /** A dispute shows in the refund that stands for it. */
  openDispute(order) {
    const dispute = this.put('disputes', shape.dispute({ ...this.base(), order, due: this.time(this.last + 7 * day), payment_id: this.id() }));
    const refund = this.put('refunds', shape.refund({ ...this.base(), order, amount: order.total_amount, status: 'pending', reason: 'dispute_prevention', dispute }));
    this.emit('refund.created', refund);
    return dispute;
  },
  closeDispute(dispute, outcome) {
    const at = this.stamp();
    Object.assign(dispute, { status: outcome, resolved: true, closed: true, modified_at: at });
    const refund = this.all('refunds').find((r) => r.dispute?.id === dispute.id);
    Object.assign(refund, { status: outcome === 'lost' ? 'succeeded' : 'canceled', dispute, modified_at: at });
    this.emit('refund.updated', refund);
    return dispute;
  },
  deleteCustomer(customer) {
    for (const sub of this.all('subscriptions').filter((s) => s.customer_id === customer.id && (running(s) || s.status === 'paused'))) this.revoke(sub);
    Object.assign(customer, { deleted_at: this.stamp(), modified_at: this.time(this.last) });
    this.emit('customer.deleted', customer);
  },

  // ---- the stories ----

  async act({ action, ...q }, { customer, catalog }) {
    const sub = () => this.all('subscriptions').filter((s) => s.customer_id === customer).at(-1);
    const behaviour = { now: 'invoice', next_period: 'next_period', none: 'prorate' }[q.proration ?? 'now'];
    const checkout = () => {
      const product = this.get('products', catalog[q.price].product_id), perSeat = product.prices[0].amount_type === 'seat_based';
      return this.createCheckout({ products: [product.id], customer_id: customer, success_url: 'https://ccp.example/billing/success?checkout={CHECKOUT_ID}', ...(perSeat ? { seats: q.quantity ?? 1 } : {}),
        ...(q.trial_days ? { trial_interval: 'day', trial_interval_count: q.trial_days } : {}) });
    };
    const dispute = () => this.all('disputes').at(-1);
    const actions = {
      purchase: () => this.completeCheckout(checkout()),
      checkout_abandoned: () => this.expireCheckout(checkout()),
      trial_ends: () => this.turn(sub(), { paid: q.payment !== 'fails' }),
      renew: () => this.turn(sub()),
      renewal_fails: () => this.turn(sub(), { paid: false }),
      pay: () => this.payOpen(sub()),
      dunning_ends: () => this.giveUp(sub()),
      set_quantity: () => this.updateSubscription(sub(), { seats: q.quantity, proration_behavior: behaviour }),
      change_price: () => {
        this.updateSubscription(sub(), { product_id: catalog[q.price].product_id, proration_behavior: behaviour });
        if (sub().seats !== null && sub().seats !== (q.quantity ?? 1)) this.updateSubscription(sub(), { seats: q.quantity ?? 1, proration_behavior: behaviour });
      },
      cancel_at_period_end: () => this.updateSubscription(sub(), { cancel_at_period_end: true }),
      uncancel: () => this.updateSubscription(sub(), { cancel_at_period_end: false }),
      cancel_now: () => this.updateSubscription(sub(), { revoke: true }),
      period_ends: () => this.turn(sub()),
      pause: () => this.updateSubscription(sub(), { pause_at_period_end: true }),
      resume: () => this.updateSubscription(sub(), { resume: true }),
      refund_partial: () => this.refundOrder(this.lastPaid(sub()), q.amount_minor),
      refund_full: () => this.refundOrder(this.lastPaid(sub())),
      dispute_open: () => this.openDispute(this.lastPaid(sub())),
      dispute_won: () => this.closeDispute(dispute(), 'won'),
      dispute_lost: () => this.closeDispute(dispute(), 'lost'),
      delete_customer: () => this.deleteCustomer(this.get('customers', customer)),
      change_email: () => this.updateCustomer(this.get('customers', customer), { email: q.email }),
      wait: () => {},
    };
    if (!actions[action]) throw new Error(`no action ${action}`);
    await actions[action]();
  },
};
