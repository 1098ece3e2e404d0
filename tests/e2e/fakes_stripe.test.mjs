// The fake Stripe is held against what nobody here wrote: Stripe's own package and CLI as clients, and
// Stripe's description as the judge of every object that it answers or sends.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Stripe from 'stripe';
import { FakeStripe } from './fakes/stripe.mjs';
import { makeJudge, skip } from './fakes/stripe_judge.mjs';
import { root } from './support/stack.mjs';

const cli = join(root, 'tests/e2e/node_modules/@stripe/cli-linux-x64/bin/stripe');

/** Collects webhooks; `answer` decides the status. */
async function sink(t) {
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
  t.after(() => { server.close(); server.closeAllConnections(); });
  got.url = `http://127.0.0.1:${server.address().port}/hook`;
  return got;
}

async function setup(t, options = {}) {
  const judge = makeJudge();
  const hook = await sink(t);
  const fake = await FakeStripe.start({ judge: judge.judge, webhookUrl: hook.url, ...options });
  t.after(() => fake.stop());
  const { hostname: host, port } = new URL(fake.url);
  const client = (key = fake.options.apiKey, more = {}) => new Stripe(key, { host, port: Number(port), protocol: 'http', maxNetworkRetries: 0, telemetry: false, ...more });
  return { fake, hook, judge, stripe: client(), client };
}
const types = (hook) => hook.events.map((e) => e.event.type);

async function catalog(stripe) {
  const product = await stripe.products.create({ name: 'Team' });
  const price = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 2500, recurring: { interval: 'month' }, lookup_key: 'team' });
  const customer = await stripe.customers.create({ email: 'ada@example.com', metadata: { org: 'org_1' } });
  return { product, price, customer };
}
async function buy(fake, stripe, { customer, price, ...data }) {
  const session = await stripe.checkout.sessions.create({ mode: 'subscription', customer: customer.id, line_items: [{ price: price.id, quantity: 3 }],
    success_url: `${fake.url}/ok?sid={CHECKOUT_SESSION_ID}`, client_reference_id: 'org_1', metadata: { a: 'b' }, subscription_data: { metadata: { org: 'org_1' }, ...data } });
  const page = await fetch(session.url, { method: 'POST', redirect: 'manual' });
  assert.equal(page.status, 303);
  assert.match(page.headers.get('location'), new RegExp(`sid=${session.id}`));
  return stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription.latest_invoice'] });
}

test("Stripe's package buys, changes, pays and reads everything", { skip }, async (t) => {
  const { fake, hook, judge, stripe } = await setup(t);
  const { price, customer } = await catalog(stripe);
  assert.equal((await stripe.prices.list({ lookup_keys: ['team'] })).data[0].id, price.id);
  assert.equal((await stripe.customers.search({ query: "metadata['org']:'org_1'" })).data[0].id, customer.id);
  const done = await buy(fake, stripe, { customer, price });
  assert.deepEqual([done.status, done.payment_status, done.subscription.status, done.subscription.latest_invoice.status], ['complete', 'paid', 'active', 'paid']);
  assert.equal(done.subscription.latest_invoice.amount_paid, 7500);
  assert.equal(done.subscription.metadata.org, 'org_1');
  const item = done.subscription.items.data[0];
  assert.ok(item.current_period_end > item.current_period_start && done.subscription.current_period_end === undefined);

  const more = await stripe.subscriptions.update(done.subscription.id, { items: [{ id: item.id, quantity: 8 }], proration_behavior: 'always_invoice' });
  assert.equal(more.items.data[0].quantity, 8);
  assert.equal((await stripe.invoices.retrieve(more.latest_invoice)).amount_paid, 5 * 2500);
  await stripe.subscriptions.update(more.id, { cancel_at_period_end: true });
  assert.equal((await stripe.subscriptions.update(more.id, { cancel_at_period_end: false })).cancel_at, null);
  fake.advance(31 * 86400e3);
  const renewed = await stripe.subscriptions.retrieve(more.id, { expand: ['latest_invoice.payments'] });
  assert.equal(renewed.latest_invoice.amount_paid, 20000);
  fake.advance(31 * 86400e3, { fails: () => true });
  const late = await stripe.subscriptions.retrieve(more.id);
  assert.equal(late.status, 'past_due');
  await stripe.invoices.pay(late.latest_invoice);
  assert.equal((await stripe.subscriptions.retrieve(more.id)).status, 'active');
  assert.equal((await stripe.subscriptions.pause(more.id)).status, 'paused');
  assert.equal((await stripe.subscriptions.resume(more.id)).status, 'active');

  const intent = renewed.latest_invoice.payments.data[0].payment.payment_intent;
  await stripe.refunds.create({ payment_intent: intent, amount: 100 });
  await stripe.refunds.create({ payment_intent: intent });
  const [charge] = (await stripe.charges.list({ payment_intent: intent })).data;
  assert.ok(charge.refunded && charge.amount_refunded === 20000);
  await assert.rejects(stripe.refunds.create({ charge: charge.id }), { code: 'charge_already_refunded' });
  const dispute = fake.openDispute(fake.lastCharge(fake.get(more.id)));
  assert.equal((await stripe.disputes.retrieve(dispute.id)).status, 'needs_response');
  fake.closeDispute(fake.get(dispute.id), 'won');
  const portal = await stripe.billingPortal.sessions.create({ customer: customer.id, return_url: 'https://ccp.example/billing' });
  assert.match(await (await fetch(portal.url)).text(), /Billing portal/);
  assert.equal((await stripe.subscriptions.cancel(more.id)).status, 'canceled');
  assert.equal((await stripe.subscriptions.list({ customer: customer.id })).data.length, 0);
  assert.equal((await stripe.subscriptions.list({ customer: customer.id, status: 'all' })).data.length, 1);
  assert.equal((await stripe.customers.del(customer.id)).deleted, true);

  await fake.webhooks.settled();
  assert.equal(hook.events.length, fake.sent.length);
  for (const { text, headers } of hook.events) stripe.webhooks.constructEvent(text, headers['stripe-signature'], fake.secret);
  for (const type of ['checkout.session.completed', 'customer.subscription.created', 'customer.subscription.updated', 'customer.subscription.paused', 'customer.subscription.resumed',
    'customer.subscription.deleted', 'invoice.paid', 'invoice.payment_failed', 'charge.refunded', 'charge.dispute.created', 'charge.dispute.closed', 'customer.deleted']) assert.ok(types(hook).includes(type), type);
  assert.deepEqual(judge.complaints, []);
  t.diagnostic(`${judge.judged} objects judged`);
});

test('trial, entitlements, meters and the event list', { skip }, async (t) => {
  const { fake, hook, judge, stripe } = await setup(t);
  const { price, product, customer } = await catalog(stripe);
  const feature = await stripe.entitlements.features.create({ lookup_key: 'dashboards', name: 'Dashboards' });
  await stripe.products.createFeature(product.id, { entitlement_feature: feature.id });
  await assert.rejects(buy(fake, stripe, { customer, price, trial_end: fake.clock.seconds() + 3600 }), /at least 2 days/);
  const { subscription } = await buy(fake, stripe, { customer, price, trial_period_days: 14 });
  assert.deepEqual([subscription.status, subscription.items.data[0].current_period_end], ['trialing', subscription.trial_end]);
  assert.deepEqual((await stripe.entitlements.activeEntitlements.list({ customer: customer.id })).data.map((e) => e.lookup_key), ['dashboards']);
  fake.advance(15 * 86400e3);
  assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, 'active');

  const meter = await stripe.billing.meters.create({ display_name: 'Tokens', event_name: 'tokens', default_aggregation: { formula: 'sum' }, event_time_window: 'hour',
    customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' }, value_settings: { event_payload_key: 'value' } });
  const hour = Math.floor(fake.clock.seconds() / 3600) * 3600 - 3600;
  const report = (value, identifier, at = hour) => stripe.billing.meterEvents.create({ event_name: 'tokens', payload: { stripe_customer_id: customer.id, value: String(value) }, identifier, timestamp: at });
  await report(10, 'w1-1');
  await report(25, 'w1-2', hour + 1);
  await assert.rejects(report(25, 'w1-2'), { code: 'resource_already_exists' });
  await assert.rejects(report(1, 'old', hour - 36 * 86400), { code: 'timestamp_too_far' });
  const [summary] = (await stripe.billing.meters.listEventSummaries(meter.id, { customer: customer.id, start_time: hour, end_time: hour + 3600 })).data;
  assert.equal(summary.aggregated_value, 25, 'the newest event of an hour counts');

  const all = [];
  for await (const event of stripe.events.list({ limit: 3, created: { gte: 1 }, types: ['customer.subscription.created', 'customer.subscription.updated', 'invoice.paid'] })) all.push(event);
  assert.ok(all.length > 4 && all.every((e, i) => i === 0 || e.created <= all[i - 1].created));
  assert.deepEqual(await stripe.events.retrieve(all[0].id), all[0]);
  const thin = fake.emitThin('v1.billing.meter.error_report_triggered', { id: meter.id, type: 'billing.meter', url: `/v1/billing/meters/${meter.id}` });
  assert.ok((await stripe.v2.core.events.retrieve(thin.id)).data);
  await fake.webhooks.settled();
  assert.ok(types(hook).includes('entitlements.active_entitlement_summary.updated'));
  assert.deepEqual(judge.complaints, []);
});

test('a version before basil gets the old shape, which is the description as it stands', { skip }, async (t) => {
  const { fake, hook, judge, client } = await setup(t, { version: '2024-06-20' });
  const stripe = client(undefined, { apiVersion: '2024-06-20' });
  const { price, customer } = await catalog(stripe);
  const { subscription } = await buy(fake, stripe, { customer, price });
  assert.ok(subscription.current_period_end > 0 && subscription.items.data[0].current_period_end === undefined);
  assert.equal(subscription.latest_invoice.subscription, subscription.id);
  await fake.webhooks.settled();
  const paid = hook.events.find((e) => e.event.type === 'invoice.paid').event;
  assert.deepEqual([paid.api_version, paid.data.object.subscription, paid.data.object.paid], ['2024-06-20', subscription.id, true]);
  assert.deepEqual(judge.complaints, []);
});

test('keys, idempotency, retries and pages as Stripe has them', { skip }, async (t) => {
  const { fake, stripe, client } = await setup(t);
  await assert.rejects(client('sk_test_wrong').customers.list(), { type: 'StripeAuthenticationError' });
  const once = { idempotencyKey: 'k1' };
  const a = await stripe.customers.create({ email: 'a@example.com' }, once), b = await stripe.customers.create({ email: 'a@example.com' }, once);
  assert.equal(a.id, b.id);
  assert.equal(b.lastResponse.headers['idempotent-replayed'], 'true');
  await assert.rejects(stripe.customers.create({ email: 'b@example.com' }, once), { type: 'StripeIdempotencyError' });
  for (let i = 0; i < 24; ++i) await stripe.customers.create({ email: `c${i}@example.com` });
  const seen = [];
  for await (const c of stripe.customers.list({ limit: 10 })) seen.push(c.id);
  assert.equal(new Set(seen).size, 25);
  fake.plan({ status: 429, before: true, headers: { 'retry-after': '1', 'stripe-should-retry': 'true' } });
  fake.plan({ status: 500, before: true });
  const patient = client(undefined, { maxNetworkRetries: 3 });
  const before = fake.kinds.customer.length;
  await patient.customers.create({ email: 'd@example.com' });
  assert.equal(fake.kinds.customer.length, before + 1);
  fake.plan({ truncate: true });
  const again = { idempotencyKey: 'k2' };
  await assert.rejects(patient.customers.create({ email: 'e@example.com' }, again), { type: 'StripeConnectionError' });
  await patient.customers.create({ email: 'e@example.com' }, again);
  assert.equal(fake.kinds.customer.length, before + 2, 'the work of the broken answer is not done twice');
  fake.plan({ status: 400, before: true, headers: { 'stripe-should-retry': 'false' } });
  await assert.rejects(patient.customers.list(), { statusCode: 400 });
});

test('webhooks that are refused come again; faults drop, double and reorder them', { skip }, async (t) => {
  const { fake, hook, stripe } = await setup(t);
  let refusals = 3;
  hook.status = () => refusals-- > 0 ? 500 : 200;
  for (let i = 0; i < 4; ++i) await stripe.customers.create({ email: `${i}@example.com` });
  await fake.webhooks.settled();
  assert.equal(hook.events.length, 4);
  hook.status = () => 200;
  Object.assign(fake.webhooks.faults, { drop: 1, duplicate: 1 });
  for (let i = 0; i < 3; ++i) await stripe.customers.create({ email: `x${i}@example.com` });
  await fake.webhooks.settled();
  assert.equal(hook.events.length, 7);
  fake.webhooks.concurrency = 1;
  fake.webhooks.faults.reorder = 3;
  for (let i = 0; i < 3; ++i) await stripe.customers.create({ email: `y${i}@example.com` });
  await fake.webhooks.settled();
  assert.deepEqual(hook.events.slice(-3).map((e) => e.event.data.object.email), ['y2@example.com', 'y1@example.com', 'y0@example.com']);
});

const folder = join(root, 'sdk/conformance/scenarios');
test("every story's actions leave objects that Stripe's description knows", { skip: skip || (existsSync(folder) ? false : 'no stories') }, async (t) => {
  const { fake, judge } = await setup(t);
  const made = {};
  for (const [name, amount] of [['solo-month', 2900], ['solo-full-month', 4900], ['team-month', 2500]]) {
    const product = fake.saveProduct(undefined, { name });
    made[name] = { product_id: product.id, price_id: fake.savePrice(undefined, { product: product.id, currency: 'usd', unit_amount: String(amount), recurring: { interval: 'month' } }).id };
  }
  for (const file of readdirSync(folder).filter((f) => f.endsWith('.json'))) {
    const story = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const customer = fake.saveCustomer(undefined, { email: 'ada@example.com' }).id;
    for (const step of story.steps) await fake.act(step.do, { customer, catalog: made });
  }
  assert.deepEqual(judge.complaints, []);
  // The judge is awake.
  judge.judge({ ...fake.all('subscription')[0], status: 'asleep' });
  judge.judge({ ...fake.all('invoice')[0], parent: undefined });
  assert.equal(judge.complaints.length, 2);
});

test("Stripe's own CLI triggers events through the fake", { skip }, async (t) => {
  const { fake, hook } = await setup(t);
  const run = (args) => new Promise((done) => {
    const child = spawn(cli, [...args, '--api-base', fake.url, '--api-key', fake.options.apiKey], { env: { ...process.env, HOME: '/nonexistent', STRIPE_CLI_TELEMETRY_OPTOUT: '1' } });
    let out = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { out += d; });
    child.on('exit', (code) => done({ code, out }));
  });
  for (const type of ['customer.created', 'product.created', 'price.created', 'customer.updated', 'customer.deleted']) {
    const { code, out } = await run(['trigger', type]);
    assert.equal(code, 0, `${type}: ${out}`);
    await fake.webhooks.settled();
    assert.ok(types(hook).includes(type), `${type} arrived`);
  }
  const { out } = await run(['customers', 'list', '--limit', '1']);
  assert.equal(JSON.parse(out).data.length, 1, out);
});
