// Polar's own SDKs, both generations, and the Standard Webhooks library agree with our verifier; what
// billing_polar sends is what Polar's official description asks for.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHmac, randomUUID, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { validateEvent, WebhookVerificationError } from '@polar-sh/sdk/webhooks';
import { webhooks as polarV1 } from 'polar-sdk-v1/2026-10';
import { Webhook } from 'standardwebhooks';
import { Stack, dataDir, until } from './support/stack.mjs';
import { Shop } from './support/shop.mjs';
import { makeJudge, skip as judgeSkip } from './fakes/polar_judge.mjs';

const description = join(dataDir, 'openapi/polar-2026-10.json');
const event = JSON.stringify({ type: 'customer.updated', timestamp: new Date().toISOString(), data: { id: randomUUID(), external_id: null, email: 'a@example.com' } });
const now = () => Math.floor(Date.now() / 1000);
const rawKey = (secret) => Buffer.from(secret);
const standardKey = (secret) => Buffer.from(secret.slice('whsec_'.length), 'base64');
const mac = (key, id, ts, body) => createHmac('sha256', key).update(`${id}.${ts}.${body}`).digest('base64');

/** What each judge says of the signature; a complaint about the event's shape is not one about the signature. */
async function verdicts(secret, headers, body) {
  const sdk0 = (() => {
    try { validateEvent(body, headers, secret); return true; } catch (e) { return !(e instanceof WebhookVerificationError); }
  })();
  const sdk1 = await polarV1.validateEvent(body, headers, secret).then(() => true, (e) => !(e instanceof polarV1.PolarWebhookVerificationError));
  const standard = (() => {
    try { new Webhook(secret).verify(body, headers); return true; } catch { return false; }
  })();
  return { sdk0, sdk1, standard };
}

for (const [name, secret] of [['a generated secret', `whsec_${randomBytes(32).toString('base64')}`], ['a secret of the new form', `polar_whs_${randomBytes(24).toString('hex')}`]]) {
  test(`verdicts on webhooks agree: ${name}`, async (t) => {
    const stack = await Stack.start({ polarSecret: secret });
    t.after(() => stack.stop());
    const send = async (headers, body) => {
      const answer = await fetch(`${stack.url}/webhooks/polar`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
      assert.ok([200, 401].includes(answer.status), `status ${answer.status}: ${await answer.text()}`);
      return answer.status === 200;
    };
    const keys = { raw: rawKey(secret), ...(secret.startsWith('whsec_') ? { standard: standardKey(secret) } : {}) };
    const wrongMac = (id, ts, body) => mac(Buffer.from('not the key'), id, ts, body);
    for (const [form, key] of Object.entries(keys)) {
      const cases = {
        'as sent': (id, ts) => ({ signature: `v1,${mac(key, id, ts, event)}` }),
        'second of several signatures': (id, ts) => ({ signature: `v1,${wrongMac(id, ts, event)} v1,${mac(key, id, ts, event)}` }),
        'beside another version': (id, ts) => ({ signature: `v1a,AAAA v1,${mac(key, id, ts, event)}` }),
        'only another version': (id, ts) => ({ signature: `v1a,${mac(key, id, ts, event)}` }),
        'wrong key': (id, ts) => ({ signature: `v1,${wrongMac(id, ts, event)}` }),
        'another id': (id, ts) => ({ signature: `v1,${mac(key, 'other', ts, event)}` }),
        'body altered by one byte': (id, ts) => ({ signature: `v1,${mac(key, id, ts, event)}`, body: event.replace('updated', 'updatee') }),
        'body with a trailing space': (id, ts) => ({ signature: `v1,${mac(key, id, ts, event)}`, body: `${event} ` }),
        'too old': (id) => ({ ts: now() - 310, signature: `v1,${mac(key, id, now() - 310, event)}` }),
        'too new': (id) => ({ ts: now() + 310, signature: `v1,${mac(key, id, now() + 310, event)}` }),
        'old within the tolerance': (id) => ({ ts: now() - 290, signature: `v1,${mac(key, id, now() - 290, event)}` }),
        'no signature': () => ({ signature: undefined }),
        'empty signature': () => ({ signature: '' }),
        'timestamp that is no number': (id) => ({ ts: 'soon', signature: `v1,${mac(key, id, 'soon', event)}` }),
      };
      for (const [what, make] of Object.entries(cases)) {
        const id = `msg_${randomUUID()}`, ts = now();
        const made = make(id, ts);
        const headers = { 'webhook-id': id, 'webhook-timestamp': String(made.ts ?? ts), ...(made.signature === undefined ? {} : { 'webhook-signature': made.signature }) };
        const body = made.body ?? event;
        const judged = await verdicts(secret, headers, body);
        const ours = await send(headers, body);
        const label = `${form} key, ${what}: ${JSON.stringify(judged)}, ours ${ours}`;
        // SDK 1.0.1 knows both forms of the key: it is the reference. The others know one form each.
        assert.equal(ours, judged.sdk1, label);
        if (form === 'raw') assert.equal(ours, judged.sdk0, label);
        if (form === 'standard') assert.equal(ours, judged.standard, label);
      }
    }
  });
}

test('a webhook with a header twice is refused', async (t) => {
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const stack = await Stack.start({ polarSecret: secret });
  t.after(() => stack.stop());
  const id = `msg_${randomUUID()}`, ts = now(), good = `v1,${mac(rawKey(secret), id, ts, event)}`;
  const raw = (lines) => new Promise((done, fail) => {
    const socket = connect(stack.port, '127.0.0.1', () => socket.write(
      `POST /webhooks/polar HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(event)}\r\n${lines.join('\r\n')}\r\n\r\n${event}`));
    let text = '';
    socket.on('data', (d) => { text += d; }).on('end', () => done(Number(text.split(' ')[1]))).on('error', fail);
  });
  const once = [`webhook-id: ${id}`, `webhook-timestamp: ${ts}`, `webhook-signature: ${good}`];
  assert.equal(await raw(once), 200);
  assert.equal(await raw([...once, `Webhook-Signature: ${good}`]), 401);
  assert.equal(await raw([...once, 'WEBHOOK-ID: other']), 401);
});

test("requests of billing_polar match Polar's official description, and the license follows the money", { skip: judgeSkip }, async (t) => {
  const judge = makeJudge();
  const shop = await Shop.start({ billingDefault: 'polar', polar: { judge } });
  t.after(() => shop.stop());
  await shop.member();
  const { polar: fake, stack } = shop;
  const becomes = (state, reason) => until(`${state} ${reason ?? ''}`, async () => {
    const l = await shop.license();
    if (l.state !== state || (reason !== undefined && l.reason !== reason)) throw new Error(`it is ${l.state} ${l.reason}`);
    return l;
  }, { timeout: 20_000 });
  const checkout = await shop.checkout('team-month', { quantity: 3 });
  const sent = JSON.parse(fake.requests.find((r) => r.path === '/v1/checkouts/').body);
  assert.deepEqual(sent.products, ['33333333-3333-4333-8333-333333333333']);
  assert.match(sent.success_url, new RegExp(`^${stack.url}/billing/success`));
  assert.ok(!('organization_id' in sent));
  assert.equal(sent.seats, 3);
  await fetch(checkout.url, { method: 'POST', redirect: 'manual' });
  await becomes('active');
  assert.equal((await shop.call('GET', `/v1/billing/checkout/${checkout.id}`)).body.checkout.status, 'succeeded');
  const portal = await shop.call('POST', '/v1/billing/portal', {});
  assert.match(await (await fetch(portal.body.url ?? portal.body.portal.url)).text(), /portal/);
  const sub = fake.all('subscriptions').at(-1);
  fake.turn(sub, { paid: false });
  const grace = await becomes('grace', 'past_due');
  assert.ok(Math.abs(Date.parse(grace.ends_at) - Date.now() - 7 * 86400e3) < 120_000, `grace ends at ${grace.ends_at}`);
  fake.change(sub, () => { sub.past_due_at = new Date(Date.now() - 8 * 86400e3).toISOString(); }, 'updated');
  await becomes('suspended', 'past_due');
  const paid = Date.now();
  fake.payOpen(sub);
  await becomes('active');
  t.diagnostic(`paid to active in ${Date.now() - paid} ms`);
  fake.updateSubscription(sub, { pause_at_period_end: true });
  fake.turn(sub);
  await becomes('suspended', 'paused');
  fake.resume(sub);
  await becomes('active');
  fake.updateSubscription(sub, { cancel_at_period_end: true });
  await becomes('active', 'cancels');
  fake.turn(sub);
  await becomes('revoked', 'canceled');
  await fake.webhooks.settled();
  await until('every webhook to be processed', () => shop.rows("select state from webhook_inbox where state <> 'processed'").length === 0);
  assert.deepEqual(judge.complaints, []);
  assert.ok(fake.requests.filter((r) => r.path.startsWith('/v1/')).every((r) => r.headers['polar-version'] === '2026-10'));
});

test("webhooks made from Polar's description reach the license by whole snapshots", { skip: existsSync(description) ? false : `needs ${description}` }, async (t) => {
  const spec = JSON.parse(readFileSync(description, 'utf8'));
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const stack = await Stack.start({ polarSecret: secret });
  t.after(() => stack.stop());
  // One minimal valid payload per event type of the description: each is acknowledged, known or not.
  const sample = (schema, depth = 0) => {
    if (!schema || depth > 14) return null;
    if (schema.$ref) return sample(schema.$ref.slice(2).split('/').reduce((o, k) => o[k], spec), depth + 1);
    if ('const' in schema) return schema.const;
    if (schema.enum) return schema.enum[0];
    const any = schema.anyOf ?? schema.oneOf;
    if (any) return any.some((s) => s.type === 'null') ? null : sample(any[0], depth + 1);
    if (schema.allOf) return Object.assign({}, ...schema.allOf.map((s) => sample(s, depth + 1)));
    switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
      case 'object': return Object.fromEntries((schema.required ?? []).map((k) => [k, sample(schema.properties?.[k] ?? {}, depth + 1)]));
      case 'array': return [];
      case 'integer': case 'number': return Math.max(1, schema.minimum ?? 1);
      case 'boolean': return false;
      case 'string': return schema.format === 'date-time' ? new Date().toISOString() : randomUUID();
      default: return null;
    }
  };
  for (const [type, item] of Object.entries(spec.webhooks)) {
    const body = JSON.stringify(sample(item.post.requestBody.content['application/json'].schema));
    const id = `msg_${randomUUID()}`, ts = now();
    const answer = await fetch(`${stack.url}/webhooks/polar`, {
      method: 'POST', body,
      headers: { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(ts), 'webhook-signature': `v1,${mac(rawKey(secret), id, ts, body)}` },
    });
    assert.equal(answer.status, 200, `${type}: ${await answer.text()}`);
  }
});
