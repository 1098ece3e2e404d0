// The stories on the fake Stripe, as billing_stripe sees them.
import { FakeStripe } from './stripe.mjs';
import * as shape from './stripe_shapes.mjs';

const amounts = { 'solo-month': ['prod_solo', 2900], 'solo-full-month': ['prod_solo', 4900], 'team-month': ['prod_team', 2500] };
export const description = {
  customer_id: 'cus_conformance',
  catalog: Object.fromEntries(Object.entries(amounts).map(([name, [product]]) => [name, { product_id: product, price_id: `price_${name.replaceAll('-', '_')}` }])),
  signing: { secret: 'stripe/webhook', key: 'utf8', signed: '{unix}.{body}', headers: { 'stripe-signature': 't={unix},v1={hex}' } },
};
/** What the plugin's README asks the endpoint to send. */
const wanted = ['customer.subscription.created', 'customer.subscription.updated', 'customer.subscription.deleted', 'customer.subscription.paused',
  'customer.subscription.resumed', 'checkout.session.completed', 'checkout.session.expired', 'invoice.paid', 'invoice.payment_failed',
  'charge.refunded', 'charge.dispute.created', 'charge.dispute.closed', 'customer.updated', 'customer.deleted'];
/** What list_events asks for. */
const repair = ['customer.subscription.created', 'customer.subscription.updated', 'customer.subscription.deleted', 'customer.subscription.paused',
  'customer.subscription.resumed', 'checkout.session.completed', 'checkout.session.expired', 'charge.refunded', 'charge.dispute.created',
  'charge.dispute.updated', 'charge.dispute.closed', 'charge.dispute.funds_withdrawn', 'charge.dispute.funds_reinstated', 'customer.deleted'];

export async function make(story) {
  const fake = await FakeStripe.start({ pageBase: 'https://checkout.stripe.com' });
  const { catalog, customer_id: customer } = description;
  fake.clock.set(Date.parse(story.start) - 3600e3);
  for (const [name, [product, amount]] of Object.entries(amounts)) {
    if (!fake.objects.has(product)) fake.saveProduct(undefined, { id: product, name: product.slice(5) });
    fake.savePrice(undefined, { id: catalog[name].price_id, product, currency: 'usd', unit_amount: String(amount), recurring: { interval: 'month' } });
  }
  fake.put(shape.customer({ id: customer, created: fake.clock.seconds(), livemode: false, email: 'ada@example.com', metadata: { ccp_org: 'org_conformance' } }));
  fake.addEndpoint({ url: 'http://127.0.0.1:9/', enabled_events: wanted, api_version: '2026-07-29.dahlia' });
  fake.webhooks.faults.hold = true;
  const get = async (path, query = {}) => {
    const url = new URL(path, fake.url);
    for (const [k, v] of Object.entries(query)) url.searchParams.set(k, v);
    const answer = await fetch(url, { headers: { authorization: `Bearer ${fake.options.apiKey}` } });
    return { status: answer.status, body: await answer.json() };
  };
  const answer = async (path, query, asked = query) => {
    const { status, body } = await get(path, { ...query, ...asked });
    return { method: 'GET', path, ...(query && Object.keys(query).length ? { query } : {}), ...(status === 200 ? {} : { status }), body };
  };
  let hint = false;
  return {
    at: (ms) => fake.clock.set(ms),
    act: async (action) => { await fake.act(action, { customer, catalog }); },
    deliveries: () => fake.sent.splice(0).map(({ id, event }) => {
      hint ||= /^customer\.(?!subscription)|^entitlements/.test(event.type);
      return { id, body: event };
    }),
    async answers(last) {
      const all = [];
      for (const sub of fake.all('subscription')) all.push(await answer(`/v1/subscriptions/${sub.id}`, {}, { 'expand[0]': 'latest_invoice' }));
      // Whose money went back: from the payment to its invoice.
      const back = new Set([...fake.all('refund'), ...fake.all('dispute')].map((o) => o.payment_intent));
      for (const intent of back) {
        all.push(await answer('/v1/invoice_payments', { 'payment[payment_intent]': intent }, { 'payment[type]': 'payment_intent', 'expand[0]': 'data.invoice' }));
        const charge = fake.all('charge').find((c) => c.payment_intent === intent && c.paid);
        all.push(await answer(`/v1/charges/${charge.id}`, {}));
      }
      // After a hint the host lists the customer's subscriptions.
      if (hint || last) all.push(await answer('/v1/subscriptions', { customer }, { status: 'all', limit: 100, 'expand[0]': 'data.latest_invoice' }));
      if (last) {
        all.push(await answer('/v1/subscriptions', { status: 'all' }, { limit: 100, 'expand[0]': 'data.latest_invoice' }));
        const types = Object.fromEntries(repair.map((t, i) => [`types[${i}]`, t]));
        all.push(await answer('/v1/events', {}, { ...types, limit: 100, 'created[gte]': String(Math.floor(Date.parse(story.start) / 1000)) }));
      }
      return all;
    },
    stop: () => fake.stop(),
  };
}
