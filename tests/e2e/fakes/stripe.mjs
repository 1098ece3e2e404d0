// A Stripe of our own for tests: customers, catalog, checkout, subscriptions, invoices, refunds, disputes,
// portal, meters, entitlements, events and signed webhooks, over plain HTTP. What happens to a
// subscription stands in stripe_life.mjs, what the objects look like in stripe_shapes.mjs; stripe.test.mjs
// holds all of it against Stripe's own package, CLI and description.
import Stripe from 'stripe';
import { createHash } from 'node:crypto';
import { Clock, Deliveries, HttpFake, Refusal, parseForm } from './wire.mjs';
import * as shape from './stripe_shapes.mjs';
import { refuse, missing, number, truth, clone } from './stripe_errors.mjs';
import { life } from './stripe_life.mjs';

const official = new Stripe('sk_test_unused');
const defaultVersion = '2026-07-29.dahlia';
const lists = { customer: 'customers', product: 'products', price: 'prices', subscription: 'subscriptions', invoice: 'invoices', charge: 'charges', refund: 'refunds',
  dispute: 'disputes', event: 'events', payment_intent: 'payment_intents', webhook_endpoint: 'webhook_endpoints', 'checkout.session': 'checkout/sessions',
  invoice_payment: 'invoice_payments', 'billing.meter': 'billing/meters', 'entitlements.feature': 'entitlements/features' };
const prefixes = { customer: 'cus', product: 'prod', price: 'price', subscription: 'sub', subscription_item: 'si', invoice: 'in', charge: 'ch', refund: 're', dispute: 'du',
  event: 'evt', payment_intent: 'pi', webhook_endpoint: 'we', 'checkout.session': 'cs_test', invoice_payment: 'inpay', 'billing_portal.session': 'bps',
  'billing.meter': 'mtr', 'entitlements.feature': 'feat', 'entitlements.active_entitlement': 'ent' };



export class FakeStripe extends HttpFake {
  /**
   * options: apiKey, secret (webhooks), webhookUrl (a first endpoint for every event), version (of that
   * endpoint), livemode, judge (called with every object that is answered or sent, and its version),
   * checkoutPage (async ({session, price, quantity, returnUrl}) -> url of a page somebody else serves)
   */
  constructor(options = {}) {
    super();
    this.options = { apiKey: 'sk_test_1234567890abcdefghij', secret: 'whsec_0123456789abcdef0123456789abcdef', livemode: false, ...options };
    this.clock = new Clock();
    this.objects = new Map();
    this.kinds = Object.fromEntries(Object.keys(prefixes).map((k) => [k, []]));
    this.counters = {};
    this.replays = new Map();
    this.meterEvents = new Map();
    this.grants = new Map();
    this.sent = [];
    this.webhooks = new Deliveries({
      sign: (d) => ({ 'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        'stripe-signature': official.webhooks.generateTestHeaderString({ payload: d.body, secret: d.secret }) }),
    });
    if (this.options.webhookUrl) this.addEndpoint({ url: this.options.webhookUrl, enabled_events: ['*'], api_version: this.options.version ?? defaultVersion, secret: this.options.secret });
  }
  static async start(options) { const fake = new FakeStripe(options); await fake.listen(options?.port); return fake; }
  get secret() { return this.options.secret; }
  /** Where pages for people stand; fixed in recordings, where the port must not show. */
  get pageBase() { return this.options.pageBase ?? this.url; }
  stop() { this.webhooks.stop(); this.close(); }

  id(kind) { const n = this.counters[kind] = (this.counters[kind] ?? 0) + 1; return `${prefixes[kind]}_1Fake${String(n).padStart(10, '0')}`; }
  /** Keeps an object under its id, newest last. */
  put(object) {
    if (!this.objects.has(object.id)) this.kinds[object.object].push(object.id);
    this.objects.set(object.id, object);
    return object;
  }
  get(id, kind) {
    const object = this.objects.get(id);
    return object && (!kind || object.object === kind) ? object : missing(id);
  }
  all(kind) { return this.kinds[kind].map((id) => this.objects.get(id)); }
  base(kind) { return { id: this.id(kind), created: this.clock.seconds(), livemode: this.options.livemode }; }

  addEndpoint({ url, enabled_events, api_version, secret, description, metadata }) {
    const endpoint = this.put(shape.webhookEndpoint({ ...this.base('webhook_endpoint'), url, enabled_events, api_version, description, metadata }));
    (this.secrets ??= new Map()).set(endpoint.id, secret ?? `whsec_${createHash('sha256').update(endpoint.id).digest('hex')}`);
    return endpoint;
  }

  /** Records an event and sends it; `previous` are the attributes that changed. */
  emit(type, object, previous) {
    const wanting = this.all('webhook_endpoint').filter((e) => e.status === 'enabled' && (e.enabled_events.includes('*') || e.enabled_events.includes(type)));
    const event = this.put(shape.event({ ...this.base('event'), api_version: defaultVersion, data: clone(object), previous, pending: wanting.length, type,
      request: this.current?.request, idempotency_key: this.current?.idempotency_key }));
    this.judge(event);
    for (const endpoint of wanting) {
      const version = endpoint.api_version ?? defaultVersion;
      const wire = { ...shape.render(event, version), api_version: version };
      if (!shape.isNew(version)) this.judge(wire, version);
      const delivery = { id: event.id, url: endpoint.url, body: JSON.stringify(wire, null, 2), secret: this.secrets.get(endpoint.id), event: wire,
        delivered: () => { event.pending_webhooks = Math.max(0, event.pending_webhooks - 1); } };
      this.sent.push(delivery);
      this.webhooks.send(delivery);
    }
    return event;
  }
  /** A thin event: `data` is what the notification itself carries, the rest is fetched. */
  emitThin(type, related) {
    const endpoint = this.all('webhook_endpoint')[0];
    const event = shape.thinEvent({ ...this.base('event'), id: `evt_test_${this.id('event').slice(4)}`, type, related, created: new Date(this.clock.now()).toISOString() });
    this.objects.set(event.id, { ...event, data: { developer_message_summary: 'There are invalid meter events', reason: { error_count: 1 } } });
    const delivery = { id: event.id, url: endpoint.url, body: JSON.stringify(event), secret: this.secrets.get(endpoint.id), event };
    this.sent.push(delivery);
    this.webhooks.send(delivery);
    return event;
  }
  judge(object, version = defaultVersion) { this.options.judge?.(object, version); }

  refused(fault) {
    const type = fault.status >= 500 ? 'api_error' : fault.status === 429 ? 'rate_limit_error' : 'invalid_request_error';
    return { status: fault.status, body: fault.body ?? { error: { type, message: `planned ${fault.status}` } }, headers: fault.headers ?? {} };
  }

  async handle(call) {
    const headers = { 'request-id': `req_${this.counters.request = (this.counters.request ?? 0) + 1}` };
    const page = await this.pages(call);
    if (page) return page;
    const auth = call.headers.authorization ?? '';
    const key = auth.startsWith('Basic ') ? Buffer.from(auth.slice(6), 'base64').toString().split(':')[0] : auth.replace(/^Bearer /, '');
    if (key !== this.options.apiKey) refuse(401, { message: `Invalid API Key provided: ${key.slice(0, 8)}****` }, headers);
    const version = call.headers['stripe-version'] ?? defaultVersion;
    const thin = call.path.startsWith('/v2/');
    const params = call.method === 'GET' || call.method === 'DELETE' ? parseForm([...call.query, ...new URLSearchParams(call.text)])
      : thin ? JSON.parse(call.text || '{}') : parseForm(new URLSearchParams(call.text));
    const replayKey = call.method === 'POST' ? call.headers['idempotency-key'] : undefined;
    const print = createHash('sha256').update(`${call.method} ${call.path} ${call.text}`).digest('hex');
    if (replayKey !== undefined) {
      if (replayKey.length > 255) refuse(400, { type: 'idempotency_error', message: 'Idempotency-Key is longer than 255 characters.' }, headers);
      const before = this.replays.get(replayKey);
      if (before && before.print !== print) refuse(400, { type: 'idempotency_error', message: 'Keys for idempotent requests can only be used with the same parameters they were first used with.' }, headers);
      if (before?.busy) refuse(409, { type: 'idempotency_error', code: 'idempotency_key_in_use', message: 'There is currently another in-progress request using this Idempotency-Key.' }, { ...headers, 'stripe-should-retry': 'true' });
      if (before) return { ...before.answer, headers: { ...before.answer.headers, ...headers, 'idempotent-replayed': 'true', 'original-request': before.request } };
      this.replays.set(replayKey, { print, busy: true });
    }
    this.current = { request: headers['request-id'], idempotency_key: replayKey };
    let answer;
    try {
      const found = await this.route(call.method, call.path, params);
      if (found === undefined) refuse(404, { message: `Unrecognized request URL (${call.method}: ${call.path}).` });
      const body = shape.render(this.expanded(clone(found), params.expand), version);
      this.judgeAnswer(body, version);
      answer = { status: 200, body, headers: { 'stripe-version': version } };
    } catch (error) {
      if (!(error instanceof Refusal)) { this.replays.delete(replayKey); throw error; }
      answer = { status: error.status, body: error.body, headers: { ...error.headers } };
      // What was refused before it began is not remembered.
      if (error.status < 500 && error.status !== 402) this.replays.delete(replayKey);
    } finally { this.current = undefined; }
    if (replayKey !== undefined && this.replays.has(replayKey)) this.replays.set(replayKey, { print, answer, request: headers['request-id'] });
    return { ...answer, headers: { ...answer.headers, ...headers } };
  }
  judgeAnswer(body, version) {
    if (!this.options.judge) return;
    if (body.object === 'list' || body.object === 'search_result') for (const each of body.data) this.judge(each, version); else this.judge(body, version);
  }

  /** Pages for people: the plain checkout page, and where somebody else's page comes back to. */
  async pages(call) {
    let match;
    const html = (body) => ({ status: 200, body: `<!doctype html><title>Fake Stripe</title>${body}`, headers: { 'content-type': 'text/html' } });
    if ((match = /^\/pay\/(cs_[^/]+)$/.exec(call.path)) && call.method === 'GET') return html(`<form method="post" action="/pay/${match[1]}"><button name="pay">Pay</button></form>`);
    if ((match = /^\/(?:pay|came_back)\/(cs_[^/]+)$/.exec(call.path))) {
      const session = this.completeCheckout(match[1]);
      return { status: 303, body: '', headers: { location: session.success_url.replace('{CHECKOUT_SESSION_ID}', session.id) } };
    }
    if ((match = /^\/portal\/(bps_[^/]+)$/.exec(call.path))) {
      const session = this.get(match[1]);
      return html(`<h1>Billing portal of ${session.customer}</h1><a href="${session.return_url}">Return</a>`);
    }
    return undefined;
  }

  /** Replaces ids by objects along the paths of expand[]. */
  expanded(body, paths = []) {
    const step = (node, parts) => {
      if (node === null || node === undefined || parts.length === 0) return node;
      if (Array.isArray(node)) return node.map((each) => step(each, parts));
      const [name, ...rest] = parts;
      if (name === 'payments' && node.object === 'invoice' && !node.payments) {
        const data = this.all('invoice_payment').filter((p) => p.invoice === node.id);
        node.payments = { object: 'list', data: clone(data), has_more: false, url: '/v1/invoice_payments' };
      }
      let value = node[name];
      if (value === undefined) refuse(400, { message: `This property cannot be expanded (${paths.join(', ')}).`, param: 'expand' });
      if (typeof value === 'string' && this.objects.has(value)) value = clone(this.objects.get(value));
      node[name] = step(value, rest);
      return node;
    };
    const depth = (path) => path.split('.').length;
    for (const path of [...paths].sort((a, b) => depth(a) - depth(b))) {
      if (depth(path) > 4) refuse(400, { message: 'You cannot expand more than 4 levels of a property.' });
      body = step(body, path.split('.'));
    }
    return body;
  }

  page(kind, params, keep = () => true) {
    const limit = params.limit === undefined ? 10 : number(params.limit, 'limit');
    if (limit < 1 || limit > 100) refuse(400, { message: 'limit must be between 1 and 100', param: 'limit' });
    const ids = this.kinds[kind];
    this.positions ??= {};
    const position = (id) => {
      // Nothing leaves these lists, so that a place once found stays.
      const map = this.positions[kind] ??= new Map();
      for (let i = map.size; i < ids.length; ++i) map.set(ids[i], i);
      return map.has(id) ? map.get(id) : missing(id, 'starting_after');
    };
    const within = this.createdWithin(params.created);
    const data = [];
    let i = params.starting_after ? position(params.starting_after) - 1 : ids.length - 1;
    const stop = params.ending_before ? position(params.ending_before) : -1;
    for (; i > stop && data.length <= limit; --i) {
      const object = this.objects.get(ids[i]);
      if (within(object.created) && keep(object)) data.push(object);
    }
    const has_more = data.length > limit;
    return { object: 'list', data: data.slice(0, limit), has_more, url: `/v1/${lists[kind]}` };
  }
  createdWithin(created) {
    if (created === undefined) return () => true;
    if (typeof created === 'string') return (t) => t === Number(created);
    const [gt, gte, lt, lte] = ['gt', 'gte', 'lt', 'lte'].map((k) => created[k] === undefined ? undefined : number(created[k], `created[${k}]`));
    return (t) => (gt === undefined || t > gt) && (gte === undefined || t >= gte) && (lt === undefined || t < lt) && (lte === undefined || t <= lte);
  }

  async route(method, path, q) {
    const [, , a, b, c, d] = path.split('/');
    const at = `${method} ${a}`;
    if (path.startsWith('/v2/core/events/')) { const id = path.split('/').pop(); return this.objects.get(id) ?? missing(id); }
    const equal = (...names) => (o) => names.every((n) => q[n] === undefined || String(o[n]) === q[n]);
    switch (at) {
      case 'GET account': return { id: 'acct_1Fake', object: 'account', country: 'US', default_currency: 'usd', email: 'owner@example.com', type: 'standard', charges_enabled: true, payouts_enabled: true, details_submitted: true };
      case 'GET customers':
        if (b === 'search') {
          const [, name, value] = /^([\w[\]"']+):\s*["'](.*)["']$/.exec(q.query ?? '') ?? refuse(400, { message: 'The query cannot be parsed.', param: 'query' });
          const key = /metadata\[["'](.+)["']\]/.exec(name)?.[1];
          const data = this.all('customer').filter((o) => !o.deleted && (key ? o.metadata[key] : o[name]) === value);
          return { object: 'search_result', data, has_more: false, next_page: null, url: '/v1/customers/search' };
        }
        if (b) return this.get(b, 'customer');
        return this.page('customer', q, (o) => !o.deleted && equal('email')(o));
      case 'POST customers': return this.saveCustomer(b, q);
      case 'DELETE customers': return this.deleteCustomer(b);
      case 'GET products': return c === 'features' ? { object: 'list', data: this.features(b), has_more: false, url: path } : b ? this.get(b, 'product') : this.page('product', q, (o) => equal('active')(o) && (!q.ids || q.ids.includes(o.id)));
      case 'POST products': return c === 'features' ? this.attachFeature(b, q) : this.saveProduct(b, q);
      case 'GET prices': return b ? this.get(b, 'price') : this.page('price', q, (o) => equal('active', 'product', 'currency', 'type')(o) && (!q.lookup_keys || q.lookup_keys.includes(o.lookup_key)));
      case 'POST prices': return this.savePrice(b, q);
      case 'POST checkout': return d === 'expire' ? this.expireCheckout(c) : this.createCheckout(q);
      case 'GET checkout': return c ? (d === 'line_items' ? this.checkoutLines(c) : this.get(c, 'checkout.session')) : this.page('checkout.session', q, equal('customer', 'subscription', 'status'));
      case 'POST billing_portal': {
        this.get(q.customer, 'customer');
        const flow = q.flow_data ? { ...q.flow_data, subscription_cancel: q.flow_data.subscription_cancel ?? null } : undefined;
        const base = this.base('billing_portal.session');
        const session = shape.portalSession({ ...base, customer: q.customer, return_url: q.return_url, flow, url: `${this.pageBase}/portal/${base.id}` });
        this.objects.set(session.id, session);
        return session;
      }
      case 'GET subscriptions':
        if (b) return this.get(b, 'subscription');
        return this.page('subscription', q, (o) => equal('customer')(o) && (!q.price || o.items.data.some((i) => i.price.id === q.price)) &&
          (q.status === 'all' || (q.status === 'ended' ? o.ended_at !== null : q.status ? o.status === q.status : o.status !== 'canceled')));
      case 'POST subscriptions':
        if (c === 'pause') return this.pauseSubscription(this.get(b, 'subscription'));
        if (c === 'resume') return this.resumeSubscription(this.get(b, 'subscription'));
        return b ? this.updateSubscription(this.get(b, 'subscription'), q) : this.createSubscription(q);
      case 'DELETE subscriptions': return this.cancelSubscription(this.get(b, 'subscription'));
      case 'GET subscription_items': {
        const data = b ? undefined : this.get(q.subscription, 'subscription').items.data;
        return data ? { object: 'list', data, has_more: false, url: path } : this.all('subscription').flatMap((s) => s.items.data).find((i) => i.id === b) ?? missing(b);
      }
      case 'GET invoices': return b ? this.get(b, 'invoice') : this.page('invoice', q, (o) => equal('customer', 'status')(o) && (!q.subscription || o.parent.subscription_details.subscription === q.subscription));
      case 'POST invoices': return c === 'pay' ? this.payInvoice(this.get(b, 'invoice')) : c === 'void' ? this.voidInvoice(this.get(b, 'invoice')) : undefined;
      case 'GET invoice_payments': return b ? this.get(b) : this.page('invoice_payment', q, (o) => equal('invoice', 'status')(o) && (!q.payment?.payment_intent || o.payment.payment_intent === q.payment.payment_intent));
      case 'GET charges': return b ? this.get(b, 'charge') : this.page('charge', q, equal('customer', 'payment_intent'));
      case 'GET payment_intents': return b ? this.get(b, 'payment_intent') : this.page('payment_intent', q, equal('customer'));
      case 'GET refunds': return b ? this.get(b, 'refund') : this.page('refund', q, equal('charge', 'payment_intent'));
      case 'POST refunds': {
        const charge = q.charge ? this.get(q.charge, 'charge') : this.all('charge').find((o) => o.payment_intent === q.payment_intent && o.paid) ?? missing(q.payment_intent, 'payment_intent');
        return this.refundCharge(charge, q.amount === undefined ? undefined : number(q.amount, 'amount'), q);
      }
      case 'GET disputes': return b ? this.get(b, 'dispute') : this.page('dispute', q, equal('charge', 'payment_intent'));
      case 'POST disputes': return c === 'close' ? this.closeDispute(this.get(b, 'dispute'), 'lost') : undefined;
      case 'GET events': {
        if (b) return this.get(b, 'event');
        const types = q.types ?? (q.type ? [q.type] : undefined);
        if (q.types && q.type) refuse(400, { message: 'You may pass either type or types, not both.' });
        if (types?.length > 20) refuse(400, { message: 'types: at most 20', param: 'types' });
        const matches = types?.map((t) => t.includes('*') ? new RegExp(`^${t.replaceAll('.', '\\.').replaceAll('*', '.*')}$`) : t);
        const old = this.clock.seconds() - 30 * 86400;
        return this.page('event', q, (o) => o.created >= old && (!matches || matches.some((m) => m instanceof RegExp ? m.test(o.type) : m === o.type)) &&
          (q.delivery_success === undefined || (o.pending_webhooks === 0) === truth(q.delivery_success)));
      }
      case 'GET webhook_endpoints': return b ? this.get(b, 'webhook_endpoint') : this.page('webhook_endpoint', q);
      case 'POST webhook_endpoints': {
        if (b) {
          const endpoint = this.get(b, 'webhook_endpoint');
          if (q.url) endpoint.url = q.url;
          if (q.enabled_events) endpoint.enabled_events = q.enabled_events;
          if (q.disabled !== undefined) endpoint.status = truth(q.disabled) ? 'disabled' : 'enabled';
          return endpoint;
        }
        if (!q.url || !q.enabled_events) refuse(400, { code: 'parameter_missing', message: 'Missing required param: url, enabled_events.' });
        const endpoint = this.addEndpoint(q);
        return { ...endpoint, secret: this.secrets.get(endpoint.id) };
      }
      case 'DELETE webhook_endpoints': { this.get(b, 'webhook_endpoint').status = 'disabled'; return { id: b, object: 'webhook_endpoint', deleted: true }; }
      case 'GET billing': case 'POST billing': return this.metering(method, b, c, d, q);
      case 'GET entitlements':
        if (b === 'active_entitlements') { const data = this.entitlementsOf(q.customer); return { object: 'list', data, has_more: false, url: path }; }
        return c ? this.get(c, 'entitlements.feature') : this.page('entitlements.feature', q, equal('lookup_key'));
      case 'POST entitlements': return this.put(shape.feature({ ...this.base('entitlements.feature'), ...q }));
      default: return undefined;
    }
  }

  saveCustomer(id, q) {
    if (!id) {
      const customer = this.put(shape.customer({ ...this.base('customer'), ...q }));
      this.emit('customer.created', customer);
      return customer;
    }
    const customer = this.get(id, 'customer');
    if (customer.deleted) missing(id);
    const previous = {};
    for (const k of ['email', 'name', 'description', 'phone']) if (q[k] !== undefined && q[k] !== customer[k]) { previous[k] = customer[k]; customer[k] = q[k] === '' ? null : q[k]; }
    if (q.metadata) { previous.metadata = customer.metadata; customer.metadata = { ...customer.metadata, ...q.metadata }; }
    if (Object.keys(previous).length) this.emit('customer.updated', customer, previous);
    return customer;
  }
  saveProduct(id, q) {
    if (!id) {
      if (!q.name) refuse(400, { code: 'parameter_missing', message: 'Missing required param: name.', param: 'name' });
      const product = this.put(shape.product({ ...this.base('product'), ...q, ...(q.id ? { id: q.id } : {}), active: q.active === undefined || truth(q.active) }));
      this.emit('product.created', product);
      return product;
    }
    const product = this.get(id, 'product');
    const previous = Object.fromEntries(['name', 'description'].filter((k) => q[k] !== undefined).map((k) => [k, product[k]]));
    Object.assign(product, Object.fromEntries(Object.keys(previous).map((k) => [k, q[k]])), { updated: this.clock.seconds() });
    if (q.active !== undefined) { previous.active = product.active; product.active = truth(q.active); }
    this.emit('product.updated', product, previous);
    return product;
  }
  savePrice(id, q) {
    if (id) {
      const price = this.get(id, 'price');
      if (q.active !== undefined) price.active = truth(q.active);
      if (q.nickname !== undefined) price.nickname = q.nickname;
      this.emit('price.updated', price, {});
      return price;
    }
    if (!q.currency) refuse(400, { code: 'parameter_missing', message: 'Missing required param: currency.', param: 'currency' });
    const product = q.product ?? this.saveProduct(undefined, q.product_data ?? refuse(400, { code: 'parameter_missing', message: 'Missing required param: product.', param: 'product' })).id;
    this.get(product, 'product');
    const price = this.put(shape.price({ ...this.base('price'), ...(q.id ? { id: q.id } : {}), product, currency: q.currency.toLowerCase(), unit_amount: number(q.unit_amount ?? q.unit_amount_decimal, 'unit_amount'),
      interval: q.recurring?.interval, interval_count: q.recurring?.interval_count === undefined ? 1 : number(q.recurring.interval_count), lookup_key: q.lookup_key, nickname: q.nickname, metadata: q.metadata }));
    this.emit('price.created', price);
    return price;
  }

  metering(method, what, id, sub, q) {
    if (what === 'meters' && method === 'POST') {
      return this.put(shape.meter({ ...this.base('billing.meter'), display_name: q.display_name, event_name: q.event_name, formula: q.default_aggregation?.formula,
        window: q.event_time_window, customer_key: q.customer_mapping?.event_payload_key, value_key: q.value_settings?.event_payload_key }));
    }
    if (what === 'meters' && sub === 'event_summaries') {
      const meter = this.get(id, 'billing.meter');
      return { object: 'list', data: [{ id: 'mtrusg_1Fake', object: 'billing.meter_event_summary', aggregated_value: this.meterValue(meter, q), start_time: number(q.start_time), end_time: number(q.end_time), livemode: false, meter: id }], has_more: false, url: '/v1/billing/meters' };
    }
    if (what === 'meters') return id ? this.get(id, 'billing.meter') : this.page('billing.meter', q);
    if (what === 'meter_events') {
      const meter = this.all('billing.meter').find((m) => m.event_name === q.event_name && m.status === 'active');
      if (!meter) refuse(400, { code: 'resource_missing', message: `No active meter found for event name ${q.event_name}.`, param: 'event_name' });
      const customer = q.payload?.[meter.customer_mapping.event_payload_key];
      if (!customer || !this.objects.has(customer)) refuse(400, { message: 'The payload names no customer that exists.', param: 'payload' });
      const timestamp = q.timestamp === undefined ? this.clock.seconds() : number(q.timestamp, 'timestamp');
      if (timestamp < this.clock.seconds() - 35 * 86400 || timestamp > this.clock.seconds() + 300) refuse(400, { code: 'timestamp_too_far', message: 'The timestamp must be within the past 35 calendar days or up to 5 minutes in the future.', param: 'timestamp' });
      const identifier = q.identifier ?? `id_${this.meterEvents.size + 1}`;
      if (this.meterEvents.has(identifier)) refuse(400, { code: 'resource_already_exists', message: `An event already exists with identifier ${identifier}.`, param: 'identifier' });
      const event = shape.meterEvent({ created: this.clock.seconds(), event_name: q.event_name, identifier, livemode: this.options.livemode, payload: q.payload, timestamp });
      this.meterEvents.set(identifier, event);
      return event;
    }
    if (what === 'meter_event_adjustments') {
      this.meterEvents.delete(q.cancel?.identifier);
      return { object: 'billing.meter_event_adjustment', cancel: q.cancel ?? null, event_name: q.event_name, livemode: this.options.livemode, status: 'pending', type: q.type };
    }
    return undefined;
  }
  /** What the meter says of one customer: with a window, the newest event of each window counts. */
  meterValue(meter, { customer, start_time, end_time }) {
    const mine = [...this.meterEvents.values()].filter((e) => e.event_name === meter.event_name && e.payload[meter.customer_mapping.event_payload_key] === customer &&
      (start_time === undefined || e.timestamp >= Number(start_time)) && (end_time === undefined || e.timestamp < Number(end_time)));
    const value = (e) => Number(e.payload[meter.value_settings.event_payload_key]);
    const length = { hour: 3600, day: 86400 }[meter.event_time_window];
    if (!length) return mine.reduce((sum, e) => sum + value(e), 0);
    const newest = new Map();
    for (const e of mine) { const w = Math.floor(e.timestamp / length), held = newest.get(w); if (!held || e.timestamp >= held.timestamp) newest.set(w, e); }
    return [...newest.values()].reduce((sum, e) => sum + value(e), 0);
  }

  features(product) { return (this.grants.get(product) ?? []).map((f, i) => ({ id: `prodft_${product}_${i}`, object: 'product_feature', entitlement_feature: f, livemode: this.options.livemode })); }
  attachFeature(product, q) {
    this.get(product, 'product');
    const feature = this.get(q.entitlement_feature, 'entitlements.feature');
    this.grants.set(product, [...this.grants.get(product) ?? [], feature]);
    return this.features(product).at(-1);
  }
  entitlementsOf(customer) {
    const running = this.all('subscription').filter((s) => s.customer === customer && ['active', 'trialing', 'past_due'].includes(s.status));
    const found = new Map();
    for (const s of running) for (const i of s.items.data) for (const f of this.grants.get(i.price.product) ?? []) found.set(f.id, f);
    return [...found.values()].map((f) => shape.activeEntitlement({ id: `ent_${customer.slice(4)}_${f.lookup_key}`, feature: f.id, livemode: this.options.livemode, lookup_key: f.lookup_key }));
  }
}
Object.assign(FakeStripe.prototype, life);
export { defaultVersion, FakeStripe as Fake };
