// kill -9 in a stream of webhooks and rollups, at named points and at seeded random moments, on both
// databases: what was acknowledged is there after the restart, and nothing counts twice.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { Stack, until } from './support/stack.mjs';
import { signInAsDemo, decideDevice } from './support/flows.mjs';
import { newKey, deviceFlow, api } from './support/dpop.mjs';

const rounds = Number(process.env.CCP_CRASH_ROUNDS ?? 25);
const points = ['webhook.before_store', 'webhook.after_store', 'webhook.after_commit', 'webhook.before_reply',
  'rollups.before_store', 'rollups.after_store', 'rollups.after_commit', 'rollups.before_reply'];

/** mulberry32: the moments are random but the same in every run. */
function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Reads what is stored, past the server. */
function rows(stack, sql) {
  if (stack.postgres) {
    const text = stack.postgres.psql(`select coalesce(json_agg(t), '[]') from (${sql}) t`, 'ccp');
    return JSON.parse(text);
  }
  const db = new DatabaseSync(`${stack.stateDir}/ccp.db`, { readOnly: true });
  try { return db.prepare(sql).all(); } finally { db.close(); }
}

class Stream {
  constructor(stack, key, tokens, subscription) {
    Object.assign(this, { stack, key, tokens, subscription, next: 0, ackedEvents: new Set(), ackedBlocks: new Map(), open: [] });
    this.start = Date.now() - 5000 * 3600_000;
    this.start -= this.start % 3600_000;
  }

  async webhook(n) {
    const id = `evt_crash_${String(n).padStart(6, '0')}`;
    const modified = new Date(Date.now() - 3600_000 + n * 1000).toISOString();
    const body = JSON.stringify({ id, type: 'subscription.updated', created_at: modified, livemode: false,
      data: { object: { ...this.subscription, quantity: 1, modified_at: modified } } });
    const ts = Math.floor(Date.now() / 1000);
    const secret = Buffer.from(this.stack.secrets['sandbox/webhook'].slice(6), 'base64');
    const answer = await fetch(`${this.stack.url}/webhooks/sandbox`, {
      method: 'POST', body, signal: AbortSignal.timeout(20_000),
      headers: { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(ts),
        'webhook-signature': `v1,${createHmac('sha256', secret).update(`${id}.${ts}.${body}`).digest('base64')}` },
    });
    if (answer.status !== 200) throw new Error(`webhook answered ${answer.status}: ${await answer.text()}`);
    this.ackedEvents.add(id);
  }

  async rollup(n) {
    const block = { period: 'hour', start_at: new Date(this.start + n * 3600_000).toISOString().replace('.000Z', 'Z'), model: 'claude-opus-4-6', lane: 'anthropic',
      requests: 1, errors: 0, input_tokens: 1000 + n, output_tokens: n, cache_read_tokens: 0, cache_write_tokens: 0, revision: 1 };
    const answer = await api(this.stack, this.key, this.tokens.access_token, 'POST', '/v1/ingest/rollups', { rollups: [block] });
    if (answer.status !== 200) throw new Error(`ingest answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    const status = answer.body.results[0].status;
    assert.ok(['accepted', 'duplicate'].includes(status), JSON.stringify(answer.body.results[0]));
    this.ackedBlocks.set(n, block.input_tokens);
  }

  /** One webhook and one rollup; what fails because the server died stays open and is sent again. */
  async step(n) {
    for (const kind of ['webhook', 'rollup']) {
      try { await this[kind](n); } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        if (this.stack.server.running && !/fetch failed|terminated|aborted/.test(`${error.message} ${error.cause}`)) {
          // Dying servers answer 503 while they drain; a living one must not refuse.
          await Promise.race([this.stack.server.exited, new Promise((r) => setTimeout(r, 2000))]);
          if (this.stack.server.running) throw error;
        }
        this.open.push([kind, n]);
      }
    }
  }

  async untilDeath(limit = 60) {
    for (let i = 0; i < limit && this.stack.server.running; ++i) await this.step(this.next++);
  }

  async resend() {
    const open = this.open;
    this.open = [];
    for (const [kind, n] of open) await this[kind](n);
  }

  verifyAcknowledged(what) {
    const stored = new Set(rows(this.stack, "select event_id from webhook_inbox").map((r) => r.event_id));
    for (const id of this.ackedEvents) assert.ok(stored.has(id), `${what}: acknowledged webhook ${id} is lost`);
    const tokens = new Map(rows(this.stack, 'select start_at, input_tokens from usage_rollups').map((r) => [Number(r.start_at) / 1000, Number(r.input_tokens)]));
    for (const [n, input] of this.ackedBlocks) assert.equal(tokens.get(this.start + n * 3600_000), input, `${what}: acknowledged rollup ${n} is lost`);
  }
}

for (const database of ['sqlite', 'postgresql']) {
  test(`nothing acknowledged is lost, nothing counts twice: ${database}`, { timeout: 3_000_000 }, async (t) => {
    const stack = await Stack.start({ database, deviceConfig: '{interval_s: 1}', yaml: 'license: {access_ttl: 12h}' });
    t.after(() => stack.stop());
    const browser = await signInAsDemo(stack);
    const key = await newKey();
    const tokens = await deviceFlow(stack, key, (code) => decideDevice(browser, code));
    const checkout = await api(stack, key, tokens.access_token, 'POST', '/v1/billing/checkout', { price: 'solo-month' });
    assert.equal(checkout.status, 201, JSON.stringify(checkout.body));
    const bearer = { authorization: `Bearer ${stack.secrets['sandbox/api-key']}`, 'content-type': 'application/json' };
    const providerCheckout = new URL(checkout.body.checkout.url).pathname.split('/').pop();
    const paid = await fetch(`${stack.providerUrl}/test/checkouts/${providerCheckout}/pay`, { method: 'POST', headers: bearer, body: '{}' });
    assert.equal(paid.status, 200, await paid.text());
    const list = await (await fetch(`${stack.providerUrl}/v1/subscriptions`, { headers: bearer })).json();
    const stream = new Stream(stack, key, tokens, list.items[0]);
    await until('the license to become active', async () =>
      (await api(stack, key, tokens.access_token, 'GET', '/v1/license/status')).body.license.state === 'active');

    for (const point of points) {
      await stack.server.stop();
      await stack.startServer({ CCP_FAULT: `${point}:3` });
      await stream.untilDeath();
      const exit = await stack.server.exited;
      assert.equal(exit.signal, 'SIGKILL', `${point} was reached`);
      await stack.startServer();
      stream.verifyAcknowledged(point);
      await stream.resend();
    }

    const random = seeded(20261121);
    for (let round = 0; round < rounds; ++round) {
      const killer = setTimeout(() => stack.server.kill(), 20 + random() * 400);
      await stream.untilDeath(10_000);
      clearTimeout(killer);
      await stack.server.exited;
      await stack.startServer();
      stream.verifyAcknowledged(`random kill ${round}`);
      await stream.resend();
    }

    stream.verifyAcknowledged('at the end');
    const waiting = () => rows(stack, "select event_id, state, error from webhook_inbox where state <> 'processed'");
    await until('every webhook to be processed', () => waiting().length === 0, { timeout: 60_000 }).catch((e) => { throw new Error(`${e.message}: ${JSON.stringify(waiting().slice(0, 3))}`); });
    const events = rows(stack, 'select event_id from webhook_inbox').map((r) => r.event_id);
    assert.equal(new Set(events).size, events.length, 'an event stands twice');
    const blocks = rows(stack, 'select start_at, input_tokens from usage_rollups');
    const expected = Array.from({ length: stream.next }, (_, n) => 1000 + n).reduce((a, b) => a + b, 0);
    assert.equal(blocks.length, stream.next);
    assert.equal(blocks.reduce((sum, b) => sum + Number(b.input_tokens), 0), expected);
    assert.equal(rows(stack, 'select id from billing_subscriptions').length, 1);
    const status = await api(stack, key, tokens.access_token, 'GET', '/v1/license/status');
    assert.equal(status.body.license.state, 'active');
    t.diagnostic(`${stream.next} webhooks and rollups, ${points.length + rounds} kills`);
  });
}
