// billing_stripe in the real server, between Stripe's own package, a checkout page of a third party in a
// real browser, and the fake Stripe that Stripe's description judges.
import test from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import Stripe from 'stripe';
import { startEmulate } from './fakes/emulate.mjs';
import { makeJudge, skip } from './fakes/stripe_judge.mjs';
import { parseForm } from './fakes/wire.mjs';
import { buildDir, until } from './support/stack.mjs';
import { Shop } from './support/shop.mjs';

const stripe = new Stripe('sk_test_unused');
const now = () => Math.floor(Date.now() / 1000);
const someEvent = (more = {}) => JSON.stringify({ id: `evt_${randomUUID().replaceAll('-', '')}`, object: 'event', api_version: '2026-07-29.dahlia', created: now(), livemode: false,
  pending_webhooks: 1, request: { id: null, idempotency_key: null }, type: 'product.created', data: { object: { id: 'prod_x', object: 'product' } }, ...more });

test("verdicts on webhooks agree with Stripe's own package", async (t) => {
  const shop = await Shop.start();
  t.after(() => shop.stop());
  const secret = shop.stack.secrets['stripe/webhook'], other = 'whsec_another0123456789abcdef01234567';
  const send = async (header, body) => {
    const answer = await fetch(`${shop.stack.url}/webhooks/stripe`, { method: 'POST', headers: { 'content-type': 'application/json', ...(header === undefined ? {} : { 'stripe-signature': header }) }, body });
    const text = await answer.text();
    assert.ok([200, 401].includes(answer.status), `status ${answer.status}: ${text}`);
    return { accepted: answer.status === 200, text };
  };
  const signed = (payload, options = {}) => stripe.webhooks.generateTestHeaderString({ payload, secret, ...options });
  const v1 = (payload, timestamp, key = secret) => signed(payload, { timestamp, secret: key }).split('v1=')[1];
  const cases = {
    'as sent': (b) => signed(b),
    'wrong key': (b) => signed(b, { secret: other }),
    'key without its prefix': (b) => signed(b, { secret: secret.slice('whsec_'.length) }),
    'second of two signatures': (b) => `t=${now()},v1=${v1(b, now(), other)},v1=${v1(b, now())}`,
    'first of two signatures': (b) => `t=${now()},v1=${v1(b, now())},v1=${v1(b, now(), other)}`,
    'two forged signatures': (b) => `t=${now()},v1=${v1(b, now(), other)},v1=${'0'.repeat(64)}`,
    'only the test scheme': (b) => `t=${now()},v0=${v1(b, now())}`,
    'beside the test scheme': (b) => `t=${now()},v0=${'1'.repeat(64)},v1=${v1(b, now())}`,
    'another timestamp': (b) => `t=${now() - 10},v1=${v1(b, now())}`,
    'old within the tolerance': (b) => signed(b, { timestamp: now() - 290 }),
    'too old': (b) => signed(b, { timestamp: now() - 310 }),
    'no header': () => undefined,
    'empty header': () => '',
    'no timestamp': (b) => `v1=${v1(b, now())}`,
    'no signature': () => `t=${now()}`,
    'a timestamp that is no number': (b) => `t=soon,v1=${v1(b, 'soon')}`,
    'upper case': (b) => `t=${now()},v1=${v1(b, now()).toUpperCase()}`,
    'cut short': (b) => `t=${now()},v1=${v1(b, now()).slice(0, 32)}`,
    'body altered by one byte': (b) => ({ header: signed(b), body: b.replace('prod_x', 'prod_y') }),
    'body with a trailing space': (b) => ({ header: signed(b), body: `${b} ` }),
  };
  for (const [what, make] of Object.entries(cases)) {
    const event = someEvent();
    const made = make(event);
    const { header, body } = typeof made === 'object' ? made : { header: made, body: event };
    let official = true;
    try { stripe.webhooks.constructEvent(body, header ?? '', secret); } catch { official = false; }
    const ours = await send(header, body);
    assert.equal(ours.accepted, official, `${what}: Stripe's package says ${official}`);
  }
  // Stricter than the package: time from the future, and events of the other mode.
  assert.equal((await send(...((b) => [signed(b, { timestamp: now() + 310 }), b])(someEvent()))).accepted, false);
  const live = someEvent({ livemode: true });
  const refused = await send(signed(live), live);
  assert.equal(refused.accepted, false);
});

test('a checkout in Chromium makes the license active; the portal opens', { skip }, async (t) => {
  const judge = makeJudge();
  const pages = { checkoutPage: (...args) => emulate.checkoutPage(...args) };
  const shop = await Shop.start({ billingDefault: 'stripe', stripe: { judge: judge.judge, checkoutPage: (...args) => pages.checkoutPage(...args) } });
  t.after(() => shop.stop());
  const emulate = await startEmulate(shop.stack.dir);
  t.after(() => emulate.stop());
  await shop.member();
  const checkout = await shop.checkout('team-month', { quantity: 3 });
  const chrome = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  t.after(() => chrome.close());
  const page = await chrome.newPage();
  await page.goto(checkout.url);
  assert.match(await page.textContent('body'), /\$75\.00/);
  await page.getByRole('button', { name: /pay/i }).click();
  await page.waitForURL(/\/billing\/success/);
  await page.waitForLoadState('networkidle');
  mkdirSync(join(buildDir, 'screenshots'), { recursive: true });
  await page.screenshot({ path: join(buildDir, 'screenshots/stripe-success.png'), fullPage: true });
  const license = await until('the license to be active', async () => { const l = await shop.license(); return l.state === 'active' && l; });
  assert.deepEqual([license.plan, license.seats?.purchased ?? license.seats], ['team', license.seats?.purchased === undefined ? license.seats : 3]);
  const portal = await shop.call('POST', '/v1/billing/portal', {});
  assert.equal(portal.status, 200, JSON.stringify(portal.body));
  await page.goto(portal.body.url ?? portal.body.portal.url);
  assert.match(await page.textContent('body'), /Billing portal/);
  // What the plugin asked is what Stripe's description takes; what it got and what was sent is Stripe's.
  const unknown = shop.stripe.requests.filter((r) => r.path.startsWith('/v1/')).flatMap((r) =>
    judge.judgeRequest(r.method, r.path, parseForm(r.method === 'POST' ? new URLSearchParams(r.body) : new URLSearchParams(r.query))));
  assert.deepEqual(unknown, []);
  assert.deepEqual(judge.complaints, []);
  for (const r of shop.stripe.requests.filter((x) => x.method === 'POST')) assert.ok(r.headers['idempotency-key'], `${r.path} has no Idempotency-Key`);
  assert.ok(shop.stripe.requests.filter((r) => r.path.startsWith('/v1/')).every((r) => r.headers['stripe-version'] === '2026-07-29.dahlia'));
});

test('the license follows the money: renewal, failure, grace, suspension, payment, refund, dispute', async (t) => {
  const shop = await Shop.start({ billingDefault: 'stripe' });
  t.after(() => shop.stop());
  await shop.member();
  const { stripe: fake } = shop;
  const becomes = (state, reason) => until(`${state} ${reason ?? ''}`, async () => {
    const l = await shop.license();
    if (l.state !== state || (reason !== undefined && l.reason !== reason)) throw new Error(`it is ${l.state} ${l.reason}`);
    return l;
  }, { timeout: 20_000 });
  const buy = async (price, extra) => {
    // The same person twice within 200 ms gets the same checkout.
    await new Promise((r) => setTimeout(r, 250));
    const { url } = await shop.checkout(price, extra);
    await fetch(url, { method: 'POST', redirect: 'manual' });
    return fake.all('subscription').at(-1);
  };
  const sub = await buy('team-month', { quantity: 3 });
  await becomes('active');
  fake.turn(sub);
  await fake.webhooks.settled();
  await becomes('active');
  fake.turn(sub, { paid: false });
  const grace = await becomes('grace', 'past_due');
  assert.ok(Math.abs(Date.parse(grace.ends_at) - Date.now() - 7 * 86400e3) < 120_000, `grace ends at ${grace.ends_at}`);
  // The same, late for eight days.
  const invoice = fake.get(sub.latest_invoice);
  invoice.status_transitions.finalized_at -= 8 * 86400;
  fake.change(sub, () => { sub.metadata = { touched: '1' }; });
  await becomes('suspended', 'past_due');
  const paid = Date.now();
  fake.payInvoice(invoice);
  await becomes('active');
  t.diagnostic(`paid to active in ${Date.now() - paid} ms`);
  fake.refundCharge(fake.lastCharge(sub), 100);
  await fake.webhooks.settled();
  await until('the partial refund to be recorded', () => shop.rows('select refund_partial_at from billing_subscriptions where refund_partial_at is not null').length === 1);
  await becomes('active');
  const dispute = fake.openDispute(fake.lastCharge(sub));
  await until('the dispute to be recorded', () => shop.rows('select dispute_opened_at from billing_subscriptions where dispute_opened_at is not null').length === 1);
  fake.closeDispute(dispute, 'won');
  await until('the won dispute to be recorded', () => shop.rows('select dispute_won_at from billing_subscriptions where dispute_won_at is not null').length === 1);
  await becomes('active');
  fake.cancelSubscription(sub);
  await becomes('revoked', 'canceled');
  const refunded = await buy('solo-month');
  await becomes('active');
  fake.refundCharge(fake.lastCharge(refunded));
  await becomes('revoked');
  fake.cancelSubscription(refunded);
  const again = await buy('solo-month');
  await becomes('active');
  fake.closeDispute(fake.openDispute(fake.lastCharge(again)), 'lost');
  await becomes('revoked');
  const third = await buy('solo-month');
  await becomes('active');
  fake.updateSubscription(third, { cancel_at_period_end: 'true' });
  await becomes('active', 'cancels');
  fake.deleteCustomer(third.customer);
  await becomes('revoked');
  await fake.webhooks.settled();
  await until('every webhook to be processed', () => shop.rows("select state, error from webhook_inbox where state <> 'processed'").length === 0, { timeout: 30_000 })
    .catch((e) => { throw new Error(`${e.message}: ${JSON.stringify(shop.rows("select event_type, state, error from webhook_inbox where state <> 'processed'"))}`); });
});
