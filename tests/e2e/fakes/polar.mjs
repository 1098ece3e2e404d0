// A Polar of our own for tests: customers, products, checkouts, subscriptions, orders, refunds, disputes,
// customer portal and state, seats, benefit grants, usage events, webhook endpoints with their deliveries,
// over plain HTTP and signed webhooks. What happens to a subscription stands in polar_life.mjs, what the
// objects look like in polar_shapes.mjs; fakes_polar.test.mjs holds all of it against both generations of
// Polar's SDK and against Polar's description.
import { createHmac } from 'node:crypto';
import { Clock, Deliveries, HttpFake, Refusal } from './wire.mjs';
import * as shape from './polar_shapes.mjs';
import { life } from './polar_life.mjs';

export const versions = ['2026-04', '2026-10'];
export const eventTypes = ['checkout.created', 'checkout.updated', 'checkout.expired', 'customer.created', 'customer.updated', 'customer.deleted', 'customer.state_changed',
  'customer_seat.assigned', 'customer_seat.claimed', 'customer_seat.revoked', 'order.created', 'order.updated', 'order.paid', 'order.refunded', 'subscription.created',
  'subscription.updated', 'subscription.active', 'subscription.canceled', 'subscription.uncanceled', 'subscription.cycled', 'subscription.revoked', 'subscription.past_due',
  'subscription.paused', 'subscription.resumed', 'refund.created', 'refund.updated', 'benefit_grant.created', 'benefit_grant.cycled', 'benefit_grant.updated', 'benefit_grant.revoked'];

const kinds = ['customers', 'products', 'checkouts', 'subscriptions', 'orders', 'refunds', 'disputes', 'grants', 'seats', 'benefits', 'endpoints', 'deliveries', 'events'];
export const refuse = (status, error, detail) => { throw new Refusal(status, error ? { error, detail } : { detail }); };
const notFound = () => refuse(404, 'ResourceNotFound', 'Not found');
export const invalid = (loc, msg) => { throw new Refusal(422, { detail: [{ loc: ['body', ...loc], msg, type: 'value_error' }] }); };
export const clone = (value) => structuredClone(value);

export class FakePolar extends HttpFake {
  /** options: token, secret, webhookUrl, judge ({request, response, webhook}), keyForm ('raw' | 'standard') */
  constructor(options = {}) {
    super();
    this.options = { token: 'polar_oat_test0000000000000000', secret: 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', keyForm: 'raw', ...options };
    this.clock = new Clock();
    this.tables = Object.fromEntries(kinds.map((k) => [k, new Map()]));
    this.counter = 0;
    this.last = 0;
    this.usage = new Map();
    this.sent = [];
    this.webhooks = new Deliveries({ sign: (d) => this.sign(d) });
    if (this.options.webhookUrl) this.addEndpoint({ url: this.options.webhookUrl, events: eventTypes, secret: this.options.secret });
  }
  static async start(options) { const fake = new FakePolar(options); await fake.listen(options?.port); return fake; }
  get secret() { return this.options.secret; }
  /** Where pages for people stand; fixed in recordings, where the port must not show. */
  get pageBase() { return this.options.pageBase ?? this.url; }
  stop() { this.webhooks.stop(); this.close(); }

  id() { return `00000000-0000-4000-8000-${String(++this.counter).padStart(12, '0')}`; }
  /** A time in microseconds that no earlier change has. */
  stamp() {
    this.last = Math.max(this.clock.now() * 1000, this.last + 1000);
    return this.time(this.last);
  }
  time(micros) { return new Date(Math.floor(micros / 1000)).toISOString().replace('Z', `${String(micros % 1000).padStart(3, '0')}Z`); }
  all(kind) { return [...this.tables[kind].values()]; }
  put(kind, object) { this.tables[kind].set(object.id, object); return object; }
  get(kind, id) { return this.tables[kind].get(id) ?? notFound(); }
  base() { return { id: this.id(), at: this.stamp() }; }

  /** The key is the whole secret as displayed, or what Standard Webhooks would take. */
  key(secret) { return this.options.keyForm === 'raw' ? Buffer.from(secret) : Buffer.from(secret.replace(/^whsec_/, ''), 'base64'); }
  sign({ id, body, secret }) {
    const ts = Math.floor(Date.now() / 1000);
    return { 'user-agent': 'polar.sh webhooks', 'webhook-id': id, 'webhook-timestamp': String(ts),
      'webhook-signature': `v1,${createHmac('sha256', this.key(secret)).update(`${id}.${ts}.${body}`).digest('base64')}` };
  }
  addEndpoint({ url, events, name, secret }) {
    const base = this.base();
    return this.put('endpoints', shape.endpoint({ ...base, url, events, name, secret: secret ?? `whsec_${Buffer.from(base.id).toString('base64')}` }));
  }

  emit(type, data) {
    const body = { type, timestamp: this.time(this.last), data: clone(data) };
    this.options.judge?.webhook(type, body);
    for (const endpoint of this.all('endpoints')) {
      if (!endpoint.events.includes(type)) continue;
      const event = this.put('events', shape.webhookEvent({ id: this.id(), at: body.timestamp, type, payload: JSON.stringify(body) }));
      if (!endpoint.enabled) { event.skipped = true; continue; }
      const delivery = { id: event.id, url: endpoint.url, body: event.payload, secret: endpoint.secret, event: body,
        attempted: (status) => this.#attempted(endpoint, event, status) };
      this.sent.push(delivery);
      this.webhooks.send(delivery);
    }
  }
  /** Ten failures in a row disable the endpoint; what waits is skipped and never sent. */
  #attempted(endpoint, event, status) {
    const succeeded = status >= 200 && status < 300;
    event.succeeded = succeeded;
    event.last_http_code = typeof status === 'number' ? status : null;
    this.put('deliveries', shape.delivery({ ...this.base(), succeeded, http_code: event.last_http_code, event: { ...event } }));
    this.failures = succeeded ? 0 : (this.failures ?? 0) + 1;
    if (this.failures < 10 || !endpoint.enabled) return;
    endpoint.enabled = false;
    for (const waiting of this.webhooks.queue.splice(0)) this.tables.events.get(waiting.id).skipped = true;
  }

  refused(fault) { return { status: fault.status, body: fault.body ?? { error: 'PlannedError', detail: `planned ${fault.status}` }, headers: fault.headers ?? {} }; }

  async handle(call) {
    const page = this.pages(call);
    if (page) return page;
    const version = call.headers['polar-version'];
    // An unknown version looks like an unknown path.
    if (version !== undefined && !versions.includes(version)) refuse(404, undefined, 'Not Found');
    if (call.headers.authorization !== `Bearer ${this.options.token}`) return { status: 401, body: { error: 'invalid_token', error_description: 'The access token provided is expired, revoked, malformed, or invalid for other reasons.' } };
    const body = call.text ? JSON.parse(call.text) : undefined;
    this.options.judge?.request(call.method, call.path, call.query, body);
    const found = this.route(call.method, call.path, call.query, body);
    if (found === undefined) refuse(404, undefined, 'Not Found');
    const [status, answer] = found;
    this.options.judge?.response(call.method, call.path, status, answer);
    return { status, body: answer ?? '', headers: { 'polar-version': version ?? '2026-04' } };
  }

  pages(call) {
    let match;
    const html = (body) => ({ status: 200, body: `<!doctype html><title>Fake Polar</title>${body}`, headers: { 'content-type': 'text/html' } });
    if ((match = /^\/checkout\/(.+)$/.exec(call.path)) && call.method === 'GET') return html(`<form method="post" action="${call.path}"><button name="pay">Pay</button></form>`);
    if (match) {
      const checkout = this.completeCheckout(this.get('checkouts', match[1]));
      return { status: 303, body: '', headers: { location: checkout.success_url.replace('{CHECKOUT_ID}', checkout.id) } };
    }
    if (call.path.startsWith('/portal/')) return html('<h1>Customer portal</h1>');
    return undefined;
  }

  list(items, query, { newest = true } = {}) {
    const page = Number(query.get('page') ?? 1), limit = Number(query.get('limit') ?? 10);
    if (!(page >= 1)) invalid(['page'], 'Input should be greater than 0');
    if (!(limit >= 1 && limit <= 100)) invalid(['limit'], 'Input should be less than or equal to 100');
    const sorting = query.getAll('sorting').flatMap((s) => s.split(','))[0];
    if (sorting) {
      const key = sorting.replace(/^-/, ''), sign = sorting.startsWith('-') ? -1 : 1;
      items = [...items].sort((a, b) => sign * String(a[key] ?? '').localeCompare(String(b[key] ?? '')));
    } else if (newest) items = [...items].reverse();
    return [200, { items: items.slice((page - 1) * limit, page * limit), pagination: { total_count: items.length, max_page: Math.ceil(items.length / limit) } }];
  }
  /** Filters by query members that may be repeated; absent is no filter. */
  filter(kind, query, names) {
    const wanted = names.map((n) => [n, query.getAll(n)]).filter(([, v]) => v.length);
    const after = query.get('created_after') ?? query.get('start_timestamp'), before = query.get('created_before') ?? query.get('end_timestamp');
    return this.all(kind).filter((o) => wanted.every(([n, v]) => v.includes(String(o[n]))) && (!after || o.created_at >= new Date(after).toISOString()) &&
      (!before || o.created_at <= new Date(before).toISOString()));
  }

  route(method, path, query, body) {
    const [, , a, b, c, d] = path.split('/');
    const slash = path.endsWith('/');
    const single = slash ? undefined : b;
    switch (`${method} ${a}`) {
      case 'GET customers':
        if (slash) return this.list(this.filter('customers', query, ['email']).filter((x) => !x.deleted_at), query);
        if (b === 'external') return d === 'state' ? [200, this.state(this.external(c))] : [200, this.external(c)];
        return c === 'state' ? [200, this.state(this.get('customers', b))] : [200, this.get('customers', b)];
      case 'POST customers': return slash ? [201, this.createCustomer(body)] : undefined;
      case 'PATCH customers': return [200, this.updateCustomer(b === 'external' ? this.external(c) : this.get('customers', b), body)];
      case 'DELETE customers': this.deleteCustomer(b === 'external' ? this.external(c) : this.get('customers', b)); return [204];
      case 'GET products': return slash ? this.list(this.filter('products', query, ['id', 'is_archived']), query) : [200, this.get('products', b)];
      case 'POST products': return slash ? [201, this.createProduct(body)] : undefined;
      case 'POST checkouts': return slash ? [201, this.createCheckout(body)] : undefined;
      case 'GET checkouts': return slash ? this.list(this.filter('checkouts', query, ['customer_id', 'status']), query) : [200, this.get('checkouts', b)];
      case 'POST customer-sessions': return slash ? [201, this.createSession(body)] : undefined;
      case 'GET subscriptions': return slash ? this.list(this.bigList('subscriptions', query), query) : [200, this.get('subscriptions', single)];
      case 'PATCH subscriptions': return [200, this.updateSubscription(this.get('subscriptions', b), body)];
      case 'DELETE subscriptions': return [200, this.revoke(this.get('subscriptions', b))];
      case 'GET orders': return slash ? this.list(this.filter('orders', query, ['customer_id', 'subscription_id', 'status', 'checkout_id']), query) : [200, this.get('orders', b)];
      case 'GET refunds': return slash ? this.list(this.filter('refunds', query, ['id', 'order_id', 'subscription_id', 'customer_id']), query) : undefined;
      case 'POST refunds': return slash ? [201, this.refundOrder(this.get('orders', body.order_id), body.amount, body)] : undefined;
      case 'GET disputes': return slash ? this.list(this.filter('disputes', query, ['order_id', 'status']).map((x) => this.fullDispute(x)), query) : [200, this.fullDispute(this.get('disputes', b))];
      case 'GET benefit-grants': return slash ? this.list(this.filter('grants', query, ['customer_id', 'is_granted']), query) : undefined;
      case 'POST events': return b === 'ingest' ? [200, this.ingest(body)] : undefined;
      case 'GET customer-seats': { const s = this.get('subscriptions', query.get('subscription_id')), seats = this.seatsOf(s); return [200, { seats, available_seats: (s.seats ?? 0) - seats.length, total_seats: s.seats ?? 0 }]; }
      case 'POST customer-seats': return c === 'resend' ? [200, this.get('seats', b)] : b ? undefined : [200, this.assignSeat(body)];
      case 'DELETE customer-seats': return [200, this.revokeSeat(this.get('seats', b))];
      case 'GET webhooks':
        if (b === 'endpoints') return c ? [200, this.get('endpoints', c)] : this.list(this.all('endpoints'), query);
        if (b === 'deliveries') return this.list(this.filter('deliveries', query, ['succeeded']).filter((x) => !query.has('event_type') || query.getAll('event_type').includes(x.webhook_event.type)), query);
        return undefined;
      case 'POST webhooks':
        if (b === 'endpoints') return [201, this.addEndpoint(body)];
        if (b === 'events' && d === 'redeliver') {
          const event = this.get('events', c), endpoint = this.all('endpoints')[0];
          this.webhooks.send({ id: event.id, url: endpoint.url, body: event.payload, secret: endpoint.secret });
          return [202];
        }
        return undefined;
      case 'PATCH webhooks': {
        const endpoint = this.get('endpoints', c);
        for (const k of ['url', 'events', 'enabled', 'name']) if (body?.[k] !== undefined) endpoint[k] = body[k];
        if (body?.enabled) this.failures = 0;
        return [200, endpoint];
      }
      default: return undefined;
    }
  }
  /** The list that may be long: filtered and sorted once per state of the table. */
  bigList(kind, query) {
    const names = ['customer_id', 'product_id', 'status', 'cancel_at_period_end'].filter((n) => query.has(n));
    if (query.has('external_customer_id')) return this.all(kind).filter((s) => s.customer.external_id === query.get('external_customer_id'));
    if (names.length) return this.filter(kind, query, names);
    if (this.cached?.size !== this.tables[kind].size) this.cached = { size: this.tables[kind].size, list: this.all(kind) };
    return this.cached.list;
  }
  external(id) { return this.all('customers').find((x) => x.external_id === decodeURIComponent(id) && !x.deleted_at) ?? notFound(); }
  state(customer) {
    const mine = (o) => o.customer_id === customer.id;
    return shape.state(customer, { subscriptions: this.all('subscriptions').filter(mine), grants: this.all('grants').filter(mine) });
  }

  createCustomer(body) {
    if (!/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(body.email ?? '')) invalid(['email'], 'value is not a valid email address');
    const others = this.all('customers').filter((x) => !x.deleted_at);
    if (body.external_id && others.some((x) => x.external_id === body.external_id)) invalid(['external_id'], 'A customer with this external ID already exists.');
    if (others.some((x) => x.email.toLowerCase() === body.email.toLowerCase())) invalid(['email'], 'A customer with this email address already exists.');
    const customer = this.put('customers', shape.customer({ ...this.base(), ...body }));
    this.emit('customer.created', customer);
    return customer;
  }
  updateCustomer(customer, body) {
    if (body.external_id && customer.external_id && body.external_id !== customer.external_id) invalid(['external_id'], "Customer external ID can't be updated.");
    for (const k of ['email', 'name', 'external_id', 'metadata']) if (body[k] !== undefined) customer[k] = body[k];
    customer.modified_at = this.stamp();
    this.emit('customer.updated', customer);
    this.stateChanged(customer);
    return customer;
  }
  createProduct(body) {
    const base = { id: body.id ?? this.id(), at: this.stamp() };
    const prices = body.prices.map((p) => shape.price({ id: this.id(), at: base.at, product_id: base.id, per_seat: p.amount_type === 'seat_based',
      amount: p.price_amount ?? p.seat_tiers?.tiers[0].price_per_seat, currency: p.price_currency }));
    return this.put('products', shape.product({ ...base, name: body.name, interval: body.recurring_interval, metadata: body.metadata, prices, benefits: body.benefits }));
  }
  createSession(body) {
    const customer = body.customer_id ? this.tables.customers.get(body.customer_id) ?? invalid(['customer_id'], 'Customer does not exist.') : this.external(body.external_customer_id);
    const base = this.base();
    return shape.customerSession({ ...base, customer, return_url: body.return_url, expires_at: this.time(this.last + 3600e6), url: `${this.pageBase}/portal/${base.id}` });
  }
  ingest(body) {
    let inserted = 0, duplicates = 0;
    for (const event of body.events) {
      const key = event.external_id ?? `n${this.usage.size}`;
      if (this.usage.has(key)) { ++duplicates; continue; }
      this.usage.set(key, event);
      ++inserted;
    }
    return { inserted, duplicates };
  }
  /** Sum of a usage metadata member: events are immutable, corrections are events of their own. */
  used(name, member = 'quantity') { return [...this.usage.values()].filter((e) => e.name === name).reduce((sum, e) => sum + Number(e.metadata?.[member] ?? 0), 0); }

  seatsOf(subscription) { return this.all('seats').filter((x) => x.subscription_id === subscription.id && x.status !== 'revoked'); }
  assignSeat(body) {
    const subscription = this.get('subscriptions', body.subscription_id);
    if (this.seatsOf(subscription).length >= (subscription.seats ?? 0)) refuse(400, 'SeatNotAvailable', 'No seats available');
    const seat = this.put('seats', shape.seat({ ...this.base(), subscription_id: subscription.id, email: body.email, metadata: body.metadata, claimed: body.immediate_claim }));
    this.emit('customer_seat.assigned', seat);
    if (body.immediate_claim) this.emit('customer_seat.claimed', seat);
    return seat;
  }
  revokeSeat(seat) {
    Object.assign(seat, { status: 'revoked', revoked_at: this.stamp() });
    this.emit('customer_seat.revoked', seat);
    return seat;
  }
}
Object.assign(FakePolar.prototype, life);
export { FakePolar as Fake };
