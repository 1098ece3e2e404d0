// Operators: a paying customer moves from Polar to Stripe without a gap although the server dies at every
// step; doctor explains what webhooks did not bring and repairs it; stored webhooks are replayed.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Shop } from './support/shop.mjs';
import { until } from './support/stack.mjs';

const day = 24 * 3600 * 1000;
const operate = (shop, args) => shop.stack.ccp([...args, '--json'], { env: { CCP_OPERATOR_KEY: shop.stack.operatorKey } });
const orgOf = async (shop) => (await shop.call('GET', '/v1/license/status')).body.org.id;

async function paysAtPolar(t) {
  const shop = await Shop.start({ billingDefault: 'polar' });
  t.after(() => shop.stop());
  await shop.member();
  const checkout = await shop.checkout('team-month', { quantity: 3 });
  assert.equal((await fetch(checkout.url, { method: 'POST', redirect: 'manual' })).status, 303);
  await until('the license', async () => (await shop.license()).state === 'active');
  return shop;
}

test('a customer moves from Polar to Stripe; the server dies at every step', { timeout: 300_000 }, async (t) => {
  const shop = await paysAtPolar(t);
  const { stack, polar, stripe } = shop;
  const org = await orgOf(shop);
  const sub = () => polar.all('subscriptions').at(-1);
  /** Exactly one entitlement: what was paid for, at every moment. */
  const entitled = async () => {
    const license = await shop.license();
    assert.deepEqual([license.state, license.plan, license.seats?.total ?? license.limits.seats], ['active', 'team', 3]);
  };

  const plan = await operate(shop, ['billing', 'migrate', '--org', org, '--to', 'stripe', '--dry-run']);
  assert.equal(plan.code, 0, plan.stderr);
  assert.deepEqual([plan.json.move.from, plan.json.move.to, plan.json.move.quantity], ['polar', 'stripe', 3]);
  assert.deepEqual(plan.json.unit_there, { amount_minor: 2500, currency: 'USD' });
  assert.equal(stripe.all('checkout.session').length, 0, 'asking changes nothing');

  /** Lets the server die at a point of the move, starts it again. */
  const dieAt = async (point, act) => {
    await stack.server.stop();
    await stack.startServer({ CCP_FAULT: point });
    const { server } = stack;
    await act();
    assert.equal((await server.exited).signal, 'SIGKILL', `${point} was reached`);
    await stack.startServer();
    await entitled();
  };
  const status = async () => (await operate(shop, ['billing', 'migrate', '--org', org, '--status'])).json?.move;
  await dieAt('move.after_begin', () => operate(shop, ['billing', 'migrate', '--org', org, '--to', 'stripe']));
  await until('the checkout', async () => (await status()).state === 'checkout_open');
  const again = await operate(shop, ['billing', 'migrate', '--org', org, '--to', 'stripe']);
  assert.match(again.stderr + again.stdout, /conflict/);

  // From the beginning, dying around the checkout: one checkout at Stripe comes of it.
  assert.equal((await operate(shop, ['billing', 'migrate', '--org', org, '--cancel'])).code, 0);
  const before = stripe.all('checkout.session').length;
  await dieAt('move.before_checkout', () => operate(shop, ['billing', 'migrate', '--org', org, '--to', 'stripe']));
  await until('the checkout', async () => (await status()).state === 'checkout_open');
  assert.equal((await operate(shop, ['billing', 'migrate', '--org', org, '--cancel'])).code, 0);
  await dieAt('move.after_checkout', () => operate(shop, ['billing', 'migrate', '--org', org, '--to', 'stripe']));
  const open = await until('the checkout', async () => { const m = await status(); return m.state === 'checkout_open' && m; });
  assert.equal(stripe.all('checkout.session').length, before + 2);
  await entitled();
  assert.equal(sub().cancel_at_period_end, false, 'nothing happens at Polar before the customer agrees');

  // The customer agrees; the server dies around telling Polar.
  await dieAt('move.before_end', async () => assert.equal((await fetch(open.url, { method: 'POST', redirect: 'manual' })).status, 303));
  await until('Polar to be told', async () => (await status()).state === 'scheduled');
  assert.equal(sub().cancel_at_period_end, true);
  const target = stripe.all('subscription').at(-1);
  assert.equal(target.status, 'trialing');
  assert.equal(target.trial_end, Math.floor(Date.parse(sub().current_period_end) / 1000), 'the first payment is due when the paid period ends');
  await entitled();
  const license = await shop.license();
  assert.notEqual(license.state, 'trial');

  // The period ends: Polar ends, Stripe takes the first payment.
  polar.advance(31 * day);
  await polar.webhooks.settled();
  await entitled();
  stripe.advance(31 * day);
  await stripe.webhooks.settled();
  await until('the move to be done', async () => (await status()).state === 'done', { timeout: 60_000 });
  await entitled();
  assert.equal(sub().status, 'canceled');
  assert.equal(stripe.all('subscription').filter((s) => s.status === 'active').length, 1);
  const paid = stripe.all('invoice').filter((i) => i.status === 'paid' && i.amount_paid > 0);
  assert.equal(paid.length, 1, 'one payment for one period');
  assert.equal(paid[0].amount_paid, 3 * 2500);
});

test('doctor explains what webhooks did not bring and repairs it', { timeout: 120_000 }, async (t) => {
  const shop = await paysAtPolar(t);
  const { polar } = shop;
  const sub = polar.all('subscriptions').at(-1);
  const clean = await operate(shop, ['billing', 'doctor', '--org', await orgOf(shop)]);
  assert.equal(clean.code, 0, clean.stdout + clean.stderr);
  // Every webhook is lost from here on: the customer ends the subscription, and gets the money back.
  polar.webhooks.stop();
  polar.updateSubscription(sub, { cancel_at_period_end: true });
  polar.refundOrder(polar.lastPaid(sub));
  const found = await operate(shop, ['billing', 'doctor']);
  assert.equal(found.code, 1);
  const codes = found.json.differences.map((d) => d.code);
  assert.ok(codes.includes('subscription_differs'), found.stdout);
  assert.ok(codes.includes('refund_full_unknown_here'), found.stdout);
  const differs = found.json.differences.find((d) => d.code === 'subscription_differs');
  assert.deepEqual([differs.here.cancel_at_period_end, differs.there.cancel_at_period_end], [false, true]);
  assert.equal((await shop.license()).state, 'active', 'asking changes nothing');

  const repaired = await operate(shop, ['billing', 'doctor', '--repair']);
  for (const code of ['subscription_differs', 'refund_full_unknown_here']) {
    assert.equal(repaired.json.differences.find((d) => d.code === code)?.repaired, true, repaired.stdout);
  }
  assert.equal((await shop.license()).plan, 'community');
  const after = await operate(shop, ['billing', 'doctor', '--org', await orgOf(shop)]);
  assert.equal(after.code, 0, after.stdout);
  // As a person sees it.
  const text = await shop.stack.ccp(['billing', 'doctor'], { env: { CCP_OPERATOR_KEY: shop.stack.operatorKey } });
  assert.match(text.stdout, /customers and \d+ subscriptions compared/);
});

test('stored webhooks are listed, shown and replayed', { timeout: 120_000 }, async (t) => {
  const shop = await Shop.start({ billingDefault: 'polar' });
  t.after(() => shop.stop());
  const { polar } = shop;
  // Somebody who is no customer of ours buys through the same account.
  const stranger = polar.createCustomer({ email: 'stranger@example.com' });
  polar.startSubscription({ customer: stranger, product: polar.all('products')[0] });
  await polar.webhooks.settled();
  const list = await until('parked webhooks', async () => {
    const answer = await operate(shop, ['admin', 'webhooks', 'list', '--state', 'parked']);
    return answer.json?.webhooks.length > 0 && answer.json;
  });
  const { id, error } = list.webhooks[0];
  assert.match(error, /is not ours/);
  const shown = await operate(shop, ['admin', 'webhooks', 'show', id]);
  assert.equal(shown.json.webhook.instance, 'polar');
  assert.ok(shown.json.webhook.body.type);
  assert.ok(!shown.stdout.includes(shop.stack.secrets['polar/webhook']));
  const replayed = await operate(shop, ['admin', 'webhooks', 'replay', id]);
  assert.equal(replayed.code, 1, 'it is still nobody we know');
  assert.equal(replayed.json.webhooks[0].state, 'parked');
  const none = await operate(shop, ['admin', 'webhooks', 'show', 'whk_01jzq3v8x4m2k9w7r5t1c6b0ae']);
  assert.match(none.stderr + none.stdout, /not_found/);
});
