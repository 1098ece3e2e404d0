// What happens to the fake Stripe's subscriptions: checkout, invoices and payments, renewal, dunning,
// changes with proration, pause, cancellation, refunds, disputes; and the actions of the neutral stories
// (sdk/conformance/scenarios) in Stripe's terms. Mixed into FakeStripe.
import { refuse, number, truth, clone } from './stripe_errors.mjs';
import { addMonths } from './wire.mjs';
import * as shape from './stripe_shapes.mjs';

const day = 86400;
const live = ['trialing', 'active', 'past_due', 'paused', 'incomplete', 'unpaid'];
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export const life = {
  // ---- money ----

  /** An invoice with its payment; `paid` says how the card decided. */
  bill(sub, reason, { lines, paid = true, open = false } = {}) {
    const customer = this.get(sub.customer), now = this.clock.seconds(), item = sub.items.data[0];
    const pending = (this.pendingLines ??= new Map()).get(sub.id) ?? [];
    this.pendingLines.delete(sub.id);
    const all = [...pending, ...lines ?? [this.line(item, item.current_period_start, item.current_period_end)]];
    const amount = Math.max(0, all.reduce((sum, l) => sum + l.amount, 0));
    const currency = item.price.currency;
    const invoice = this.put(shape.invoice({ ...this.base('invoice'), amount, currency, customer, subscription: sub.id, metadata: sub.metadata, reason,
      lines: all, start: item.current_period_start, end: item.current_period_end, number: `${customer.invoice_prefix}-${String(this.kinds.invoice.length + 1).padStart(4, '0')}` }));
    this.emit('invoice.created', { ...invoice, status: 'draft', number: null, status_transitions: { ...invoice.status_transitions, finalized_at: null } });
    this.emit('invoice.finalized', invoice);
    sub.latest_invoice = invoice.id;
    if (amount === 0) {
      Object.assign(invoice, { status: 'paid', attempted: true, auto_advance: false });
      invoice.status_transitions.paid_at = now;
      this.emit('invoice.paid', invoice);
      this.emit('invoice.payment_succeeded', invoice);
      return invoice;
    }
    if (!open) this.attempt(invoice, paid);
    return invoice;
  },
  line(item, start, end, extra = {}) {
    return { amount: item.price.unit_amount * item.quantity, description: `${item.quantity} × ${item.price.product}`, item: item.id, price: item.price, quantity: item.quantity, start, end, ...extra };
  },
  /** One attempt to take the money of an invoice. */
  attempt(invoice, paid) {
    const now = this.clock.seconds();
    const intent = { id: invoice._payment_intent ?? this.id('payment_intent') };
    const common = { amount: invoice.amount_remaining, currency: invoice.currency, customer: invoice.customer, created: now, livemode: invoice.livemode, paid,
      payment_method: 'pm_1FakeVisa', description: 'Subscription update', email: invoice.customer_email };
    const charge = this.put(shape.charge({ ...common, id: this.id('charge'), payment_intent: intent.id }));
    const payment = this.put(shape.paymentIntent({ ...common, id: intent.id, charge: charge.id }));
    Object.defineProperty(invoice, '_payment_intent', { value: intent.id, enumerable: false, configurable: true, writable: true });
    const held = this.all('invoice_payment').find((p) => p.invoice === invoice.id);
    this.put(shape.invoicePayment({ ...common, id: held?.id ?? this.id('invoice_payment'), invoice: invoice.id, payment_intent: intent.id }));
    Object.assign(invoice, { attempted: true, attempt_count: invoice.attempt_count + 1 });
    this.emit(paid ? 'charge.succeeded' : 'charge.failed', charge);
    this.emit(paid ? 'payment_intent.succeeded' : 'payment_intent.payment_failed', payment);
    if (paid) {
      Object.assign(invoice, { status: 'paid', amount_paid: invoice.amount_due, amount_remaining: 0, next_payment_attempt: null, auto_advance: false });
      invoice.status_transitions.paid_at = now;
      this.emit('invoice.paid', invoice);
      this.emit('invoice.payment_succeeded', invoice);
    } else {
      invoice.next_payment_attempt = now + 3 * day;
      this.emit('invoice.payment_failed', invoice);
    }
  },
  payInvoice(invoice, paid = true) {
    if (invoice.status !== 'open') refuse(400, { code: 'invoice_already_paid', message: `Invoice is already ${invoice.status}` });
    this.attempt(invoice, paid);
    const sub = this.get(invoice.parent.subscription_details.subscription);
    if (paid && ['past_due', 'incomplete', 'unpaid'].includes(sub.status)) this.change(sub, () => { sub.status = 'active'; });
    return invoice;
  },
  voidInvoice(invoice) {
    invoice.status = 'void';
    invoice.status_transitions.voided_at = this.clock.seconds();
    this.emit('invoice.voided', invoice);
    return invoice;
  },
  /** The paid charge of a subscription's latest invoice. */
  lastCharge(sub) {
    const invoice = this.all('invoice').filter((i) => i.parent.subscription_details.subscription === sub.id && i.amount_paid > 0).at(-1);
    const payment = this.all('invoice_payment').find((p) => p.invoice === invoice.id);
    return this.all('charge').filter((c) => c.payment_intent === payment.payment.payment_intent && c.paid).at(-1);
  },
  refundCharge(charge, amount, q = {}) {
    const left = charge.amount - charge.amount_refunded;
    const value = amount ?? left;
    if (value <= 0 || value > left) refuse(400, { code: left === 0 ? 'charge_already_refunded' : 'amount_too_large', message: `Refund amount ($${value}) is greater than unrefunded amount on charge ($${left})` });
    const refund = this.put(shape.refund({ ...this.base('refund'), amount: value, charge: charge.id, currency: charge.currency, payment_intent: charge.payment_intent, customer: charge.customer, reason: q.reason, metadata: q.metadata }));
    const previous = { amount_refunded: charge.amount_refunded, ...(value === left ? { refunded: false } : {}) };
    charge.amount_refunded += value;
    charge.refunded = charge.amount_refunded === charge.amount;
    this.emit('refund.created', refund);
    this.emit('charge.refunded', charge, previous);
    this.emit('refund.updated', refund, {});
    return refund;
  },
  openDispute(charge) {
    const dispute = this.put(shape.dispute({ ...this.base('dispute'), amount: charge.amount, charge: charge.id, currency: charge.currency, payment_intent: charge.payment_intent }));
    charge.disputed = true;
    this.emit('charge.dispute.created', dispute);
    this.emit('charge.dispute.funds_withdrawn', dispute);
    return dispute;
  },
  closeDispute(dispute, outcome) {
    const previous = { status: dispute.status };
    dispute.status = outcome;
    this.emit('charge.dispute.closed', dispute, previous);
    if (outcome === 'won') this.emit('charge.dispute.funds_reinstated', dispute);
    return dispute;
  },

  // ---- checkout ----

  async createCheckout(q) {
    if (q.mode !== 'subscription') refuse(400, { message: 'This fake sells subscriptions only.', param: 'mode' });
    const wanted = q.line_items?.[0];
    if (!wanted?.price) refuse(400, { code: 'parameter_missing', message: 'Missing required param: line_items[0][price].', param: 'line_items[0][price]' });
    const price = this.get(wanted.price, 'price');
    const quantity = wanted.quantity === undefined ? 1 : number(wanted.quantity, 'line_items[0][quantity]');
    if (q.customer && q.customer_email) refuse(400, { message: 'You may only specify one of these parameters: customer, customer_email.' });
    const customer = q.customer ? this.get(q.customer, 'customer') : undefined;
    if (customer?.deleted) refuse(400, { code: 'resource_missing', message: `No such customer: '${q.customer}'`, param: 'customer' });
    if (!q.success_url && !/^(embedded|elements)/.test(q.ui_mode ?? '')) refuse(400, { code: 'parameter_missing', message: 'Missing required param: success_url.', param: 'success_url' });
    const trial = q.subscription_data ?? {};
    if (trial.trial_end !== undefined && number(trial.trial_end, 'subscription_data[trial_end]') < this.clock.seconds() + 2 * day)
      refuse(400, { message: 'The `trial_end` date has to be at least 2 days in the future.', param: 'subscription_data[trial_end]' });
    if (trial.trial_end !== undefined && trial.trial_period_days !== undefined) refuse(400, { message: 'You may only specify one of trial_end, trial_period_days.' });
    const now = this.clock.seconds();
    const trialing = trial.trial_end !== undefined || trial.trial_period_days !== undefined;
    const base = this.base('checkout.session');
    const session = shape.checkoutSession({ ...base, ...q, allow_promotion_codes: q.allow_promotion_codes === undefined ? null : truth(q.allow_promotion_codes),
      amount: trialing ? 0 : price.unit_amount * quantity, currency: price.currency, customer: customer?.id, email: customer?.email ?? q.customer_email,
      expires_at: q.expires_at ? number(q.expires_at, 'expires_at') : now + day, url: `${this.pageBase}/pay/${base.id}` });
    this.put(session);
    (this.orders ??= new Map()).set(session.id, { price, quantity, metadata: trial.metadata,
      trial_end: trial.trial_end !== undefined ? Number(trial.trial_end) : trial.trial_period_days !== undefined ? now + Number(trial.trial_period_days) * day : undefined });
    if (this.options.checkoutPage) session.url = await this.options.checkoutPage({ session, price, quantity, product: this.get(price.product), returnUrl: `${this.url}/came_back/${session.id}` });
    return session;
  },
  checkoutLines(id) {
    const { price, quantity } = this.orders.get(this.get(id).id);
    const amount = price.unit_amount * quantity;
    return { object: 'list', has_more: false, url: `/v1/checkout/sessions/${id}/line_items`, data: [{ id: `li_${id.slice(8)}`, object: 'item', amount_discount: 0, amount_subtotal: amount,
      amount_tax: 0, amount_total: amount, currency: price.currency, description: this.get(price.product).name, metadata: {}, price, quantity }] };
  },
  completeCheckout(id) {
    const session = this.get(id, 'checkout.session');
    if (session.status !== 'open') return session;
    const order = this.orders.get(id);
    if (!session.customer) session.customer = this.saveCustomer(undefined, { email: session.customer_email ?? 'guest@example.com' }).id;
    const sub = this.startSubscription({ customer: session.customer, ...order });
    Object.assign(session, { status: 'complete', payment_status: order.trial_end ? 'no_payment_required' : 'paid', subscription: sub.id, invoice: sub.latest_invoice, url: null });
    this.emit('checkout.session.completed', session);
    return session;
  },
  expireCheckout(id) {
    const session = this.get(id, 'checkout.session');
    if (session.status !== 'open') refuse(400, { message: `This Session is ${session.status}.` });
    Object.assign(session, { status: 'expired', url: null });
    this.emit('checkout.session.expired', session);
    return session;
  },

  // ---- subscriptions ----

  startSubscription({ customer, price, quantity = 1, metadata, trial_end, paid = true, quiet = false }) {
    const base = this.base('subscription');
    const end = trial_end ?? addMonths(base.created * 1000, this.months(price)) / 1000;
    const item = shape.subscriptionItem({ ...this.base('subscription_item'), price: clone(price), quantity, subscription: base.id, start: base.created, end });
    const sub = this.put(shape.subscription({ ...base, customer, metadata, items: [item], status: trial_end ? 'trialing' : 'incomplete', trial_end, anchor: trial_end, payment_method: 'pm_1FakeVisa' }));
    if (quiet) { sub.status = trial_end ? 'trialing' : 'active'; return sub; }
    this.emit('customer.subscription.created', sub);
    this.bill(sub, 'subscription_create', trial_end ? { lines: [this.line(item, base.created, end, { amount: 0 })] } : { paid });
    if (!trial_end) { if (paid) this.change(sub, () => { sub.status = 'active'; }); else this.emit('customer.subscription.updated', sub, { latest_invoice: null }); }
    this.entitle(sub.customer);
    return sub;
  },
  months(price) { return price.recurring.interval_count * (price.recurring.interval === 'year' ? 12 : 1); },

  /** Changes a subscription and says so, with what was before. */
  change(sub, act, type = 'customer.subscription.updated') {
    const before = clone(sub);
    act(sub);
    const previous = Object.fromEntries(Object.keys(sub).filter((k) => !same(before[k], sub[k])).map((k) => [k, before[k]]));
    this.emit(type, sub, type.endsWith('deleted') ? undefined : previous);
    this.entitle(sub.customer);
    return sub;
  },
  entitle(customer) {
    if (this.grants.size === 0) return;
    const data = this.entitlementsOf(customer), key = data.map((e) => e.lookup_key).join();
    const known = this.entitled ??= new Map();
    if ((known.get(customer) ?? '') === key) return;
    known.set(customer, key);
    this.emit('entitlements.active_entitlement_summary.updated', shape.entitlementSummary({ customer, entitlements: data, livemode: this.options.livemode }));
  },

  createSubscription(q) {
    this.get(q.customer, 'customer');
    const item = q.items?.[0] ?? refuse(400, { code: 'parameter_missing', message: 'Missing required param: items.', param: 'items' });
    return this.startSubscription({ customer: q.customer, price: this.get(item.price, 'price'), quantity: item.quantity === undefined ? 1 : number(item.quantity), metadata: q.metadata,
      trial_end: q.trial_period_days ? this.clock.seconds() + number(q.trial_period_days) * day : q.trial_end ? number(q.trial_end) : undefined });
  },
  updateSubscription(sub, q) {
    if (sub.status === 'canceled') refuse(404, { code: 'resource_missing', message: `No such subscription: ${sub.id}`, param: 'id' });
    const now = this.clock.seconds(), item = sub.items.data[0];
    const before = { amount: item.price.unit_amount * item.quantity, price: item.price, quantity: item.quantity };
    let priced = false;
    this.change(sub, () => {
      const wanted = q.items?.[0];
      if (wanted) {
        if (wanted.id && wanted.id !== item.id) refuse(400, { message: `No such subscription item: ${wanted.id}`, param: 'items[0][id]' });
        if (!wanted.id) refuse(400, { message: 'This fake changes the item that is there: items[0][id] is missing.', param: 'items[0][id]' });
        if (wanted.price) { item.price = clone(this.get(wanted.price, 'price')); item.plan = shape.subscriptionItem({ price: item.price }).plan; }
        if (wanted.quantity !== undefined) item.quantity = number(wanted.quantity, 'items[0][quantity]');
        priced = item.price.id !== before.price.id || item.quantity !== before.quantity;
      }
      if (q.cancel_at_period_end !== undefined) this.endAtPeriod(sub, truth(q.cancel_at_period_end));
      if (q.metadata) sub.metadata = { ...sub.metadata, ...q.metadata };
      if (q.pause_collection !== undefined) sub.pause_collection = q.pause_collection === '' ? null : { behavior: q.pause_collection.behavior, resumes_at: q.pause_collection.resumes_at ? number(q.pause_collection.resumes_at) : null };
      if (q.trial_end !== undefined) {
        const end = q.trial_end === 'now' ? now : number(q.trial_end, 'trial_end');
        Object.assign(sub, { trial_end: end, trial_start: sub.trial_start ?? now, status: end > now ? 'trialing' : sub.status, billing_cycle_anchor: end });
        if (end > now) item.current_period_end = end;
      }
      if (priced && (q.proration_behavior ?? 'create_prorations') !== 'none' && sub.status !== 'trialing') {
        const left = (item.current_period_end - now) / (item.current_period_end - item.current_period_start);
        const back = { ...this.line({ ...item, ...before }, now, item.current_period_end, { proration: true }), amount: -Math.round(before.amount * left) };
        const more = this.line(item, now, item.current_period_end, { proration: true, amount: Math.round(item.price.unit_amount * item.quantity * left) });
        if (q.proration_behavior === 'always_invoice') this.bill(sub, 'subscription_update', { lines: [back, more] });
        else (this.pendingLines ??= new Map()).set(sub.id, [...this.pendingLines.get(sub.id) ?? [], back, more]);
      }
    });
    return sub;
  },
  endAtPeriod(sub, on) {
    const end = sub.items.data[0].current_period_end;
    Object.assign(sub, { cancel_at_period_end: on, cancel_at: on ? end : null, canceled_at: on ? this.clock.seconds() : null });
    sub.cancellation_details = { comment: null, feedback: null, reason: on ? 'cancellation_requested' : null };
  },
  cancelSubscription(sub, reason = 'cancellation_requested') {
    if (sub.status === 'canceled') refuse(404, { code: 'resource_missing', message: `No such subscription: ${sub.id}`, param: 'id' });
    const now = this.clock.seconds();
    return this.change(sub, () => {
      Object.assign(sub, { status: 'canceled', canceled_at: sub.canceled_at ?? now, ended_at: now });
      sub.cancellation_details = { comment: null, feedback: null, reason };
    }, 'customer.subscription.deleted');
  },
  pauseSubscription(sub, reason = 'pause_requested') {
    if (!['active', 'trialing'].includes(sub.status)) refuse(400, { message: `A subscription that is ${sub.status} cannot be paused.` });
    return this.change(sub, () => {
      sub.status = 'paused';
      sub.status_details = { paused: { subscription: { type: reason }, transitioned_at: this.clock.seconds(), type: 'subscription' } };
    }, 'customer.subscription.paused');
  },
  resumeSubscription(sub) {
    if (sub.status !== 'paused') refuse(400, { message: `The subscription is ${sub.status}, not paused.` });
    const now = this.clock.seconds(), item = sub.items.data[0];
    Object.assign(item, { current_period_start: now, current_period_end: addMonths(now * 1000, this.months(item.price)) / 1000 });
    this.bill(sub, 'subscription_update');
    return this.change(sub, () => { sub.status = 'active'; sub.billing_cycle_anchor = now; delete sub.status_details; }, 'customer.subscription.resumed');
  },
  deleteCustomer(id) {
    const customer = this.get(id, 'customer');
    if (customer.deleted) refuse(404, { code: 'resource_missing', message: `No such customer: '${id}'`, param: 'id' });
    for (const sub of this.all('subscription')) if (sub.customer === id && live.includes(sub.status)) this.cancelSubscription(sub);
    this.emit('customer.deleted', customer);
    const gone = { id, object: 'customer', deleted: true };
    this.objects.set(id, gone);
    return gone;
  },

  /** The period ends: what was ordered happens, or the next one is billed. */
  turn(sub, { paid = true } = {}) {
    const item = sub.items.data[0];
    if (sub.cancel_at_period_end) return this.cancelSubscription(sub);
    if (sub.status === 'paused') return sub;
    const trial = sub.status === 'trialing', start = item.current_period_end, anchor = sub.billing_cycle_anchor * 1000;
    this.change(sub, () => {
      Object.assign(item, { current_period_start: start, current_period_end: addMonths(start * 1000, this.months(item.price), anchor) / 1000 });
      if (trial) sub.status = 'active';
    });
    if (sub.pause_collection) {
      this.voidInvoice(this.bill(sub, 'subscription_cycle', { open: true }));
      return sub;
    }
    this.bill(sub, 'subscription_cycle', { paid });
    this.change(sub, () => { if (!paid) sub.status = 'past_due'; sub.default_payment_method = 'pm_1FakeVisa'; });
    return sub;
  },
  /** Moves time; what falls due meanwhile happens at its time. `fails(sub)` decides about cards. */
  advance(ms, { fails = () => false } = {}) {
    const end = this.clock.now() + ms, real = this.clock.fixed === undefined;
    for (;;) {
      const due = this.all('subscription').filter((s) => ['trialing', 'active'].includes(s.status) && s.items.data[0].current_period_end * 1000 <= end)
        .sort((a, b) => a.items.data[0].current_period_end - b.items.data[0].current_period_end)[0];
      if (!due) break;
      this.clock.fixed = due.items.data[0].current_period_end * 1000;
      this.turn(due, { paid: !fails(due) });
    }
    this.clock.fixed = real ? undefined : end;
    if (real) this.clock.offset = end - Date.now();
  },

  // ---- the stories ----

  /** One action of a story, on the newest subscription of `customer`. */
  async act({ action, ...q }, { customer, catalog }) {
    const sub = () => this.all('subscription').filter((s) => s.customer === customer).at(-1);
    const openInvoice = () => this.all('invoice').filter((i) => i.parent.subscription_details.subscription === sub().id && i.status === 'open').at(-1);
    const checkout = () => this.createCheckout({ mode: 'subscription', customer, success_url: 'https://ccp.example/billing/success?checkout={CHECKOUT_SESSION_ID}',
      line_items: [{ price: catalog[q.price].price_id, quantity: String(q.quantity ?? 1) }], subscription_data: q.trial_days ? { trial_period_days: String(q.trial_days) } : {} });
    const prorations = { now: 'always_invoice', next_period: 'create_prorations', none: 'none' };
    const item = (extra) => ({ items: [{ id: sub().items.data[0].id, ...extra }], proration_behavior: prorations[q.proration ?? 'now'] });
    const dispute = () => this.all('dispute').at(-1);
    const actions = {
      purchase: async () => this.completeCheckout((await checkout()).id),
      checkout_abandoned: async () => this.expireCheckout((await checkout()).id),
      trial_ends: () => this.turn(sub(), { paid: q.payment !== 'fails' }),
      renew: () => this.turn(sub()),
      renewal_fails: () => this.turn(sub(), { paid: false }),
      pay: () => this.payInvoice(openInvoice()),
      dunning_ends: () => this.cancelSubscription(sub(), 'payment_failed'),
      set_quantity: () => this.updateSubscription(sub(), item({ quantity: String(q.quantity) })),
      change_price: () => this.updateSubscription(sub(), item({ price: catalog[q.price].price_id, quantity: String(q.quantity ?? 1) })),
      cancel_at_period_end: () => this.updateSubscription(sub(), { cancel_at_period_end: 'true' }),
      uncancel: () => this.updateSubscription(sub(), { cancel_at_period_end: 'false' }),
      cancel_now: () => this.cancelSubscription(sub()),
      period_ends: () => this.turn(sub()),
      // The pause that the API of the pinned version offers: nothing is collected, the status stays.
      pause: () => this.updateSubscription(sub(), { pause_collection: { behavior: 'void' } }),
      resume: () => sub().status === 'paused' ? this.resumeSubscription(sub()) : this.updateSubscription(sub(), { pause_collection: '' }),
      refund_partial: () => this.refundCharge(this.lastCharge(sub()), q.amount_minor),
      refund_full: () => this.refundCharge(this.lastCharge(sub())),
      dispute_open: () => this.openDispute(this.lastCharge(sub())),
      dispute_won: () => this.closeDispute(dispute(), 'won'),
      dispute_lost: () => this.closeDispute(dispute(), 'lost'),
      delete_customer: () => this.deleteCustomer(customer),
      change_email: () => this.saveCustomer(customer, { email: q.email }),
      wait: () => {},
    };
    if (!actions[action]) throw new Error(`no action ${action}`);
    await actions[action]();
  },
};
