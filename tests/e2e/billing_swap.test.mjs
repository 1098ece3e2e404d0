// billing.default moves from Polar to Stripe in the configuration, without a restart, while both providers
// send 200 events per second each and people buy: every event is stored and processed once, every order
// ends as a subscription, and who pays at Polar stays a customer.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Shop, clientOf } from './support/shop.mjs';
import { until } from './support/stack.mjs';
import { signInByCode, decideDevice } from './support/flows.mjs';
import { newKey, deviceFlow } from './support/dpop.mjs';

const perSecond = Number(process.env.CCP_SWAP_RATE ?? 200);
const seconds = Number(process.env.CCP_BILLING_SWAP_SECONDS ?? 5);

/** People with an organization each. */
async function people(stack, count) {
  const all = [];
  for (let i = 0; i < count; ++i) {
    const browser = await signInByCode(stack, `buyer${i}@example.com`);
    const key = await newKey();
    const tokens = await deviceFlow(stack, key, (code) => decideDevice(browser, code));
    all.push({ name: `buyer${i}`, call: clientOf(stack, key, tokens) });
  }
  return all;
}

function configure(stack, provider) {
  // As an editor or a config map does it: a new file is renamed over the old one.
  writeFileSync(`${stack.config}.new`, readFileSync(stack.config, 'utf8').replace(/billing: \{default: \w+/, `billing: {default: ${provider}`));
  renameSync(`${stack.config}.new`, stack.config);
  stack.server.child.kill('SIGHUP');
}

test(`billing.default from polar to stripe at ${perSecond} events per second of each`, { timeout: 600_000 }, async (t) => {
  const shop = await Shop.start({ billingDefault: 'stripe', polar: { quietState: true } });
  t.after(() => shop.stop());
  const { stack, stripe, polar } = shop;
  const pid = stack.server.child.pid;
  const [old, early, during, late, stripeFirst] = await people(stack, 5);
  const open = async (who) => {
    const answer = await who.call('POST', '/v1/billing/checkout', { price: 'team-month', quantity: 2 });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return { who, ...answer.body.checkout, provider: answer.body.checkout.url.startsWith(stripe.url) ? 'stripe' : 'polar' };
  };
  const pay = async (checkout) => assert.equal((await fetch(checkout.url, { method: 'POST', redirect: 'manual' })).status, 303);
  const state = async (who) => (await who.call('GET', '/v1/license/status')).body.license;
  const active = (who) => until(`${who.name} to be active`, async () => (await state(who)).state === 'active');

  // Somebody pays at Stripe already, and then Polar sells: both providers have customers.
  await pay(await open(stripeFirst));
  await active(stripeFirst);
  configure(stack, 'polar');
  await until('Polar to sell', async () => (await open(late)).provider === 'polar');
  const bought = await open(old);
  assert.equal(bought.provider, 'polar');
  await pay(bought);
  await active(old);
  const unpaid = await open(early);
  assert.equal(unpaid.provider, 'polar');

  for (const fake of [stripe, polar]) Object.assign(fake.webhooks, { concurrency: 32, keepLog: false });
  const mineAtStripe = stripe.all('subscription').at(-1), mineAtPolar = polar.all('subscriptions').at(-1);
  let over = false, sent = 0;
  const flood = (async () => {
    const begin = Date.now();
    for (let n = 0; !over; ++n) {
      const wait = begin + (n * 1000) / perSecond - Date.now();
      if (wait > 0) await new Promise((r) => setTimeout(r, wait));
      stripe.change(mineAtStripe, () => { mineAtStripe.metadata = { n: String(n) }; });
      polar.change(mineAtPolar, () => { mineAtPolar.metadata = { n }; }, 'updated');
      sent = n + 1;
    }
    return (Date.now() - begin) / 1000;
  })();
  const half = (seconds * 1000) / 2;
  await new Promise((r) => setTimeout(r, half));
  const before = await open(during);
  configure(stack, 'stripe');
  const [first] = await Promise.all([
    until('Stripe to sell', async () => { const c = await open(late); return c.provider === 'stripe' && c; }),
    pay(unpaid), pay(before),  // orders that were open at Polar when it stopped being the default
  ]);
  await pay(first);
  await new Promise((r) => setTimeout(r, half));
  over = true;
  const took = await flood;
  await stripe.webhooks.settled();
  await polar.webhooks.settled();

  for (const who of [old, early, during, late, stripeFirst]) await active(who);
  assert.equal(stack.server.child.pid, pid);
  assert.ok(stack.server.running, 'no restart');
  const waiting = () => shop.rows("select event_type, state, error from webhook_inbox where state <> 'processed'");
  await until('every webhook to be processed', () => waiting().length === 0, { timeout: Math.max(60_000, seconds * 6_000), every: 250 }).catch((e) => { throw new Error(`${e.message}: ${waiting().length}, ${JSON.stringify(waiting().slice(0, 3))}`); });
  for (const [name, fake] of [['stripe', stripe], ['polar', polar]]) {
    const stored = shop.rows(`select event_id from webhook_inbox where instance = '${name}'`).map((r) => r.event_id).sort();
    assert.deepEqual(stored, fake.sent.map((d) => d.id).sort(), `${name}: sent = stored, each once`);
  }
  // No order in limbo: what was paid is a subscription of the one who paid, once.
  const orders = shop.rows('select org_id, instance, provider_checkout_id, provider_subscription_id, state from billing_checkouts');
  const subscriptions = shop.rows('select org_id, instance, provider_subscription_id, status from billing_subscriptions');
  const paid = [...stripe.all('checkout.session').filter((s) => s.status === 'complete').map((s) => ['stripe', s.id, s.subscription]),
    ...polar.all('checkouts').filter((c) => c.status === 'succeeded').map((c) => ['polar', c.id, c.subscription_id])];
  assert.equal(paid.length, 5);
  for (const [instance, checkout, subscription] of paid) {
    const order = orders.find((o) => o.instance === instance && o.provider_checkout_id === checkout);
    const held = subscriptions.filter((s) => s.instance === instance && s.provider_subscription_id === subscription);
    assert.deepEqual([held.length, held[0]?.org_id, held[0]?.status], [1, order.org_id, 'active'], `${instance} ${checkout}`);
  }
  assert.equal(subscriptions.length, 5, 'nothing is doubled');
  // The old subscription is honoured: it renews at Polar, and its end there counts.
  polar.turn(mineAtPolar);
  await polar.webhooks.settled();
  assert.equal((await state(old)).state, 'active');
  polar.revoke(mineAtPolar);
  await until('the end at Polar to count', async () => (await state(old)).state === 'revoked');
  assert.ok(sent / took > perSecond * 0.8, `the test itself only managed ${(sent / took).toFixed(0)} per second`);
  t.diagnostic(`${sent} events of each provider in ${took.toFixed(1)} s (${(sent / took).toFixed(0)}/s each), ${paid.length} orders`);
});
