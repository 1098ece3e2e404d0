// The stories on the fake Polar, as billing_polar sees them.
import { FakePolar } from './polar.mjs';
import * as shape from './polar_shapes.mjs';

const products = { 'solo-month': ['11111111-1111-4111-8111-111111111111', 2900], 'solo-full-month': ['22222222-2222-4222-8222-222222222222', 4900], 'team-month': ['33333333-3333-4333-8333-333333333333', 2500] };
export const description = {
  customer_id: '0c0c0c0c-0000-4000-8000-000000000001',
  catalog: Object.fromEntries(Object.entries(products).map(([name, [id]]) => [name, { product_id: id, price_id: '' }])),
  signing: { secret: 'polar/webhook', key: 'utf8', signed: '{id}.{unix}.{body}', headers: { 'webhook-id': '{id}', 'webhook-timestamp': '{unix}', 'webhook-signature': 'v1,{base64}' } },
};
/** What the plugin's README asks the endpoint to send. */
const wanted = ['subscription.created', 'subscription.updated', 'subscription.active', 'subscription.canceled', 'subscription.uncanceled', 'subscription.cycled', 'subscription.revoked',
  'subscription.past_due', 'subscription.paused', 'subscription.resumed', 'order.paid', 'order.refunded', 'refund.created', 'refund.updated', 'checkout.expired', 'customer.updated', 'customer.deleted'];

export async function make(story) {
  const fake = await FakePolar.start({ pageBase: 'https://sandbox.polar.sh' });
  const { catalog, customer_id: customer } = description;
  fake.clock.set(Date.parse(story.start) - 3600e3);
  for (const [name, [id, amount]] of Object.entries(products)) {
    const price = name === 'team-month' ? { amount_type: 'seat_based', seat_tiers: { tiers: [{ price_per_seat: amount }] } } : { amount_type: 'fixed', price_amount: amount };
    fake.createProduct({ id, name: name.split('-')[0], recurring_interval: 'month', prices: [{ ...price, price_currency: 'usd' }] });
  }
  fake.put('customers', shape.customer({ id: customer, at: fake.stamp(), email: 'ada@example.com', external_id: 'org_conformance', metadata: { ccp_org: 'org_conformance' } }));
  fake.addEndpoint({ url: 'http://127.0.0.1:9/', events: wanted });
  fake.webhooks.faults.hold = true;
  const answer = async (path, query = {}, asked = {}) => {
    const url = new URL(path, fake.url);
    for (const [k, v] of Object.entries({ ...query, ...asked })) for (const each of [v].flat()) url.searchParams.append(k, each);
    const response = await fetch(url, { headers: { authorization: `Bearer ${fake.options.token}` } });
    return { method: 'GET', path, ...(Object.keys(query).length ? { query } : {}), ...(response.status === 200 ? {} : { status: response.status }), body: await response.json() };
  };
  const page = { limit: 100, page: 1 };
  let hint = false;
  return {
    at: (ms) => fake.clock.set(ms),
    act: async (action) => { await fake.act(action, { customer, catalog }); },
    deliveries: () => fake.sent.splice(0).map(({ id, event, attempted }) => {
      attempted(200);
      hint ||= /^(customer|benefit_grant|customer_seat)\./.test(event.type);
      return { id, body: event };
    }),
    async answers(last) {
      const all = [];
      for (const sub of fake.all('subscriptions')) all.push(await answer(`/v1/subscriptions/${sub.id}`));
      // After a hint the host lists the customer's subscriptions.
      if (hint || last) all.push(await answer('/v1/subscriptions/', { customer_id: customer }, { ...page, sorting: 'started_at' }));
      if (last) {
        all.push(await answer('/v1/subscriptions/', {}, { ...page, sorting: 'started_at' }));
        // list_events: failed deliveries, refunds, disputes; then their orders.
        all.push(await answer('/v1/webhooks/deliveries', {}, { ...page, succeeded: 'false', start_timestamp: story.start }));
        all.push(await answer('/v1/refunds/', {}, { ...page, succeeded: 'true', sorting: '-created_at' }));
        all.push(await answer('/v1/disputes/', {}, { ...page, sorting: '-created_at' }));
        const disputed = new Set(fake.all('disputes').map((d) => d.order_id));
        for (const order of fake.all('orders')) {
          if (!order.refunded_amount && !disputed.has(order.id)) continue;
          all.push(await answer(`/v1/orders/${order.id}`));
          all.push(await answer('/v1/refunds/', { order_id: order.id }, { ...page, succeeded: 'true', sorting: '-created_at' }));
        }
      }
      return all;
    },
    stop: () => fake.stop(),
  };
}
