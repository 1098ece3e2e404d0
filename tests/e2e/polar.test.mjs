// Polar's own SDKs, both generations, and the Standard Webhooks library agree with our verifier; what
// billing_polar sends is what Polar's official description asks for.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createHmac, randomUUID, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { validateEvent, WebhookVerificationError } from '@polar-sh/sdk/webhooks';
import { webhooks as polarV1 } from 'polar-sdk-v1/2026-10';
import { Webhook } from 'standardwebhooks';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { Stack, dataDir, until } from './support/stack.mjs';
import { signInAsDemo, decideDevice } from './support/flows.mjs';
import { newKey, deviceFlow, api } from './support/dpop.mjs';

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

/** Polar as its description has it: every request is validated, every answer is made from the schema. */
class FakePolar {
  static async start() {
    const fake = new FakePolar();
    fake.spec = JSON.parse(readFileSync(description, 'utf8'));
    fake.ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
    addFormats(fake.ajv);
    fake.ajv.addSchema({ $id: 'polar', components: fake.spec.components });
    fake.requests = [];
    fake.violations = [];
    fake.server = createServer((request, response) => {
      let text = '';
      request.on('data', (d) => { text += d; }).on('end', () => fake.answer(request, text, response));
    });
    await new Promise((done) => fake.server.listen(0, '127.0.0.1', done));
    fake.url = `http://127.0.0.1:${fake.server.address().port}`;
    return fake;
  }
  stop() { this.server.close(); this.server.closeAllConnections(); }
  operation(method, path) {
    for (const [pattern, item] of Object.entries(this.spec.paths)) {
      // Trailing slashes are part of the path exactly as listed.
      const expression = new RegExp(`^${pattern.replace(/\{[^}]+\}/g, '([^/]+)')}$`);
      if (expression.test(path) && item[method.toLowerCase()]) return { pattern, operation: item[method.toLowerCase()] };
    }
    return undefined;
  }
  check(schema, value, what) {
    const validate = this.ajv.compile({ ...JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"polar#/components')) });
    if (!validate(value)) this.violations.push(`${what}: ${this.ajv.errorsText(validate.errors).slice(0, 500)}`);
  }
  answer(request, text, response) {
    const url = new URL(request.url, this.url);
    const found = this.operation(request.method, url.pathname);
    this.requests.push({ method: request.method, path: url.pathname, query: url.search, headers: request.headers, body: text });
    const send = (status, body) => { response.writeHead(status, { 'content-type': 'application/json' }); response.end(JSON.stringify(body)); };
    if (!found) { this.violations.push(`no such operation: ${request.method} ${url.pathname}`); return send(404, { detail: 'Not Found' }); }
    if (request.headers.authorization !== 'Bearer polar_oat_test0000000000000000') return send(401, { detail: 'unauthorized' });
    const what = `${request.method} ${found.pattern}`;
    const bodySchema = found.operation.requestBody?.content?.['application/json']?.schema;
    if (bodySchema && text) this.check(bodySchema, JSON.parse(text), what);
    for (const parameter of found.operation.parameters ?? []) {
      if (parameter.in === 'query' && parameter.required && !url.searchParams.has(parameter.name)) this.violations.push(`${what}: query ${parameter.name} is missing`);
    }
    for (const name of url.searchParams.keys()) {
      if (!(found.operation.parameters ?? []).some((p) => p.in === 'query' && (p.name === name || name.startsWith(`${p.name}[`)))) this.violations.push(`${what}: unknown query ${name}`);
    }
    const id = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
    if (/customers\/external\/[^/]+(\/state)?$/.test(url.pathname) && request.method === 'GET') return this.customer ? send(200, this.customer) : send(404, { error: 'ResourceNotFound', detail: 'Not found' });
    if (url.pathname === '/v1/customers/' && request.method === 'POST') {
      const body = JSON.parse(text);
      this.customer = { id: id(1), email: body.email, external_id: body.external_id, name: body.name ?? null, metadata: body.metadata ?? {}, active_subscriptions: [], granted_benefits: [] };
      return send(201, this.customer);
    }
    if (url.pathname === '/v1/checkouts/' && request.method === 'POST') return send(201, { id: id(2), url: `${this.url}/checkout/${id(2)}`, status: 'open', client_secret: 'x', customer_id: id(1), subscription_id: null, expires_at: new Date(Date.now() + 86400e3).toISOString() });
    if (/^\/v1\/checkouts\//.test(url.pathname)) return send(200, { id: id(2), url: `${this.url}/checkout/${id(2)}`, status: 'open', customer_id: id(1), subscription_id: null });
    if (url.pathname === '/v1/customer-sessions/') return send(201, { token: 'polar_cst_x', customer_portal_url: `${this.url}/portal`, customer_id: id(1), expires_at: new Date(Date.now() + 3600e3).toISOString() });
    if (url.pathname === '/v1/subscriptions/') return send(200, { items: [], pagination: { total_count: 0, max_page: 0 } });
    return send(404, { error: 'ResourceNotFound', detail: 'Not found' });
  }
}

test("requests of billing_polar match Polar's official description", { skip: existsSync(description) ? false : `needs ${description}` }, async (t) => {
  const fake = await FakePolar.start();
  const stack = await Stack.start({ polarBaseUrl: fake.url, deviceConfig: '{interval_s: 1}', env: { CCP_BILLING_DEFAULT: 'polar' } });
  t.after(async () => { await stack.stop(); fake.stop(); });
  const browser = await signInAsDemo(stack);
  const key = await newKey();
  const { access_token: token } = await deviceFlow(stack, key, (code) => decideDevice(browser, code));
  const checkout = await api(stack, key, token, 'POST', '/v1/billing/checkout', { price: 'team-month', quantity: 3 });
  assert.equal(checkout.status, 201, JSON.stringify(checkout.body));
  assert.match(checkout.body.checkout.url, /\/checkout\//);
  const again = await api(stack, key, token, 'GET', `/v1/billing/checkout/${checkout.body.checkout.id}`);
  assert.equal(again.status, 200);
  const portal = await api(stack, key, token, 'POST', '/v1/billing/portal', {});
  assert.equal(portal.status, 200, JSON.stringify(portal.body));
  await until('the reconciler to list subscriptions', () => fake.requests.some((r) => r.path === '/v1/subscriptions/') || fake.requests.length > 3);
  assert.deepEqual(fake.violations, []);
  const sent = fake.requests.find((r) => r.path === '/v1/checkouts/');
  const body = JSON.parse(sent.body);
  assert.deepEqual(body.products, ['33333333-3333-4333-8333-333333333333']);
  assert.match(body.success_url, new RegExp(`^${stack.url}/billing/success`));
  assert.ok(!('organization_id' in body));
  assert.equal(body.seats ?? 3, 3);
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
