// The fake Polar is held against what nobody here wrote: both generations of Polar's SDK as clients (the
// older one refuses answers and webhooks of a wrong shape), and Polar's description as the judge.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Polar } from '@polar-sh/sdk';
import { validateEvent } from '@polar-sh/sdk/webhooks';
import { createPolar, webhooks as polarV1 } from 'polar-sdk-v1/2026-10';
import { FakePolar } from './fakes/polar.mjs';
import { makeJudge, skip } from './fakes/polar_judge.mjs';
import { root } from './support/stack.mjs';

/** Types that SDK 0.49.0 does not know. */
const newer = ['subscription.cycled', 'subscription.paused', 'subscription.resumed'];

async function setup(t, options = {}) {
  const got = { events: [], status: () => 200 };
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (d) => { text += d; }).on('end', () => {
      const status = got.status();
      if (status === 200) got.events.push({ text, headers: request.headers, event: JSON.parse(text) });
      response.writeHead(status).end();
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const judge = makeJudge();
  const fake = await FakePolar.start({ judge, webhookUrl: `http://127.0.0.1:${server.address().port}/hook`, ...options });
  t.after(() => { fake.stop(); server.close(); server.closeAllConnections(); });
  const sdk0 = new Polar({ serverURL: fake.url, accessToken: fake.options.token });
  const sdk1 = createPolar({ accessToken: fake.options.token, baseUrl: fake.url });
  const benefit = { id: '00000000-0000-4000-8000-0000000000bf', description: 'Dashboards' };
  const { benefit: makeBenefit } = await import('./fakes/polar_shapes.mjs');
  const solo = fake.createProduct({ name: 'Solo', recurring_interval: 'month', prices: [{ amount_type: 'fixed', price_amount: 2900, price_currency: 'usd' }],
    benefits: [makeBenefit({ ...benefit, at: fake.stamp(), metadata: { feature: 'dashboards' } })] });
  const team = fake.createProduct({ name: 'Team', recurring_interval: 'month', prices: [{ amount_type: 'seat_based', seat_tiers: { tiers: [{ price_per_seat: 2500 }] }, price_currency: 'usd' }] });
  return { fake, got, judge, sdk0, sdk1, solo, team };
}

test('SDK 0.49.0 buys, changes, refunds and accepts every answer and webhook', { skip }, async (t) => {
  const { fake, got, judge, sdk0, solo, team } = await setup(t);
  const customer = await sdk0.customers.create({ email: 'ada@example.com', externalId: 'org_1' });
  await assert.rejects(sdk0.customers.create({ email: 'ada@example.com', externalId: 'org_2' }), { name: 'HTTPValidationError' });
  const checkout = await sdk0.checkouts.create({ products: [team.id], customerId: customer.id, seats: 3, successUrl: `${fake.url}/ok?c={CHECKOUT_ID}` });
  const paid = await fetch(checkout.url, { method: 'POST', redirect: 'manual' });
  assert.match(paid.headers.get('location'), new RegExp(checkout.id));
  const done = await sdk0.checkouts.get({ id: checkout.id });
  assert.equal(done.status, 'succeeded');
  let sub = await sdk0.subscriptions.get({ id: done.subscriptionId });
  assert.deepEqual([sub.status, sub.seats, sub.amount], ['active', 3, 7500]);
  const change = (subscriptionUpdate) => sdk0.subscriptions.update({ id: sub.id, subscriptionUpdate });
  assert.equal((await change({ seats: 5, prorationBehavior: 'invoice' })).amount, 12500);
  assert.equal((await change({ cancelAtPeriodEnd: true })).cancelAtPeriodEnd, true);
  assert.equal((await change({ cancelAtPeriodEnd: false })).endsAt, null);
  await change({ productId: solo.id });
  const state = await sdk0.customers.getStateExternal({ externalId: 'org_1' });
  assert.equal(state.activeSubscriptions.length, 1);
  assert.equal(state.grantedBenefits[0].benefitMetadata.feature, 'dashboards');
  fake.advance(32 * 86400e3, { fails: () => true });
  sub = await sdk0.subscriptions.get({ id: sub.id });
  assert.deepEqual([sub.status, (await sdk0.customers.getState({ id: customer.id })).activeSubscriptions.length], ['past_due', 0]);
  fake.payOpen(fake.get('subscriptions', sub.id));
  const [order] = (await sdk0.orders.list({ subscriptionId: sub.id })).result.items;
  await sdk0.refunds.create({ orderId: order.id, amount: 900, reason: 'customer_request' });
  await sdk0.refunds.create({ orderId: order.id, amount: 2000, reason: 'customer_request' });
  assert.equal((await sdk0.orders.get({ id: order.id })).status, 'refunded');
  const session = await sdk0.customerSessions.create({ customerId: customer.id });
  assert.match(await (await fetch(session.customerPortalUrl)).text(), /portal/);
  const usage = { events: [{ name: 'tokens', externalCustomerId: 'org_1', externalId: 'w1', metadata: { quantity: 5 } }] };
  assert.deepEqual([(await sdk0.events.ingest(usage)).inserted, (await sdk0.events.ingest(usage)).duplicates], [1, 1]);
  await sdk0.subscriptions.revoke({ id: sub.id });
  await assert.rejects(change({ cancelAtPeriodEnd: true }), { name: 'AlreadyCanceledSubscription' });
  assert.equal((await sdk0.subscriptions.list({ customerId: customer.id })).result.pagination.totalCount, 1);
  await sdk0.customers.delete({ id: customer.id });
  await fake.webhooks.settled();
  assert.equal(got.events.length, fake.sent.length);
  for (const { text, headers, event } of got.events) if (!newer.includes(event.type)) validateEvent(text, headers, fake.secret);
  assert.deepEqual(judge.complaints, []);
  t.diagnostic(`${judge.judged} bodies judged, ${new Set(got.events.map((e) => e.event.type)).size} types of webhooks`);
});

test('SDK 1.0.1 speaks to it, and both forms of the key sign', { skip }, async (t) => {
  for (const keyForm of ['raw', 'standard']) {
    const { fake, got, judge, sdk1, solo } = await setup(t, { keyForm });
    const customer = await sdk1.customers.create({ email: 'ada@example.com', external_id: 'org_1' });
    const checkout = await sdk1.checkouts.create({ products: [solo.id], customer_id: customer.id, trial_interval: 'day', trial_interval_count: 14, success_url: `${fake.url}/ok` });
    fake.completeCheckout(fake.get('checkouts', checkout.id));
    const [sub] = (await sdk1.subscriptions.list({ customer_id: [customer.id] })).items;
    assert.equal(sub.status, 'trialing');
    assert.equal(fake.requests.at(-1).headers['polar-version'], '2026-10');
    await fake.webhooks.settled();
    for (const { text, headers } of got.events) await polarV1.validateEvent(text, headers, fake.secret);
    assert.deepEqual(judge.complaints, []);
  }
});

test('versions, keys, slashes and a disabled endpoint as Polar has them', { skip }, async (t) => {
  const { fake, got, sdk0 } = await setup(t);
  const get = (path, headers) => fetch(fake.url + path, { headers: { authorization: `Bearer ${fake.options.token}`, ...headers } });
  assert.deepEqual(await (await get('/v1/subscriptions/', { 'polar-version': '2020-01' })).json(), { detail: 'Not Found' });
  assert.equal((await get('/v1/customer-seats/')).status, 404);
  assert.equal((await get('/v1/subscriptions/', { authorization: 'Bearer x' })).status, 401);
  fake.webhooks.attempts = 1;
  got.status = () => 500;
  for (let i = 0; i < 12; ++i) await sdk0.customers.create({ email: `c${i}@example.com`, externalId: `org_${i}` });
  await fake.webhooks.settled();
  const [endpoint] = (await sdk0.webhooks.listWebhookEndpoints({})).result.items;
  assert.equal(endpoint.enabled, false);
  got.status = () => 200;
  await sdk0.customers.create({ email: 'late@example.com', externalId: 'org_late' });
  await fake.webhooks.settled();
  assert.equal(got.events.length, 0, 'what happens meanwhile is never sent');
  assert.ok(fake.all('events').at(-1).skipped);
});

const folder = join(root, 'sdk/conformance/scenarios');
test("every story's actions leave bodies that Polar's description knows", { skip: skip || (existsSync(folder) ? false : 'no stories') }, async (t) => {
  const { fake, judge, solo, team } = await setup(t);
  const full = fake.createProduct({ name: 'Solo full', recurring_interval: 'month', prices: [{ amount_type: 'fixed', price_amount: 4900, price_currency: 'usd' }] });
  const catalog = { 'solo-month': { product_id: solo.id }, 'solo-full-month': { product_id: full.id }, 'team-month': { product_id: team.id } };
  for (const [i, file] of readdirSync(folder).filter((f) => f.endsWith('.json')).entries()) {
    const story = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const customer = fake.createCustomer({ email: `ada${i}@example.com`, external_id: `org_${i}` }).id;
    for (const step of story.steps) await fake.act({ ...step.do, ...(step.do.email ? { email: `new${i}@example.com` } : {}) }, { customer, catalog });
  }
  assert.deepEqual(judge.complaints, []);
  judge.webhook('order.paid', { type: 'order.paid', timestamp: 'now', data: {} });
  assert.equal(judge.complaints.length, 1, 'the judge is awake');
});
