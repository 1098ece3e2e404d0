// What leaves for other systems: usage and events in tables (export_sql) and as webhooks (export_webhook),
// judged by the official Standard Webhooks library and by node's crypto; failures, a target that is gone,
// kill -9, a swap, and a plugin in a process of its own.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { Stack, buildDir, until } from './support/stack.mjs';
import { signInAsDemo, decideDevice } from './support/flows.mjs';
import { newKey, deviceFlow, api } from './support/dpop.mjs';

const oldSecret = `whsec_${randomBytes(32).toString('base64')}`;
const newSecret = `whsec_${randomBytes(32).toString('base64')}`;
const pair = generateKeyPairSync('ed25519');
const seed = Buffer.from(pair.privateKey.export({ format: 'jwk' }).d, 'base64url');
const secrets = { 'exports/old': oldSecret, 'exports/new': newSecret, 'exports/ed': `whsk_${seed.toString('base64')}` };

/** An endpoint of ours: keeps what comes, answers what `answer(delivery, n)` says. */
class Receiver {
  static async start(answer = () => 200) {
    const self = new Receiver();
    Object.assign(self, { answer, deliveries: [] });
    self.server = createServer((request, response) => {
      const chunks = [];
      request.on('data', (d) => chunks.push(d));
      request.on('end', () => {
        const delivery = { path: request.url, headers: request.headers, body: Buffer.concat(chunks).toString(), at: Date.now() };
        const said = self.answer(delivery, self.deliveries.length);
        const { status, headers = {} } = typeof said === 'number' ? { status: said } : said;
        delivery.status = status;
        self.deliveries.push(delivery);
        response.writeHead(status, headers).end('noted');
      });
    });
    await new Promise((done) => self.server.listen(0, '127.0.0.1', done));
    self.origin = `http://127.0.0.1:${self.server.address().port}`;
    return self;
  }
  get taken() { return this.deliveries.filter((d) => d.status < 300); }
  get ids() { return this.taken.map((d) => d.headers['webhook-id']); }
  events(type) { return this.taken.map((d) => JSON.parse(d.body)).filter((e) => e.type === type); }
  stop() { this.server.closeAllConnections(); return new Promise((done) => this.server.close(done)); }
}

const hook = (receiver, more = '') => `
  - name: hook
    plugin: ccp.export-webhook
    ${more}
    config: {url: "${receiver.origin}/in", secrets: [{$secret: exports/new}, {$secret: exports/old}], ed25519_keys: [{$secret: exports/ed}], streams: [events, rollups]}
    egress: ["${receiver.origin}"]`;
const sqlite = (stack, name = 'warehouse') => `
  - {name: ${name}, plugin: ccp.export-sql, config: {connector: sqlite, connection: "${stack.dir}/${name}.db"}}`;

async function signIn(stack) {
  const browser = await signInAsDemo(stack);
  const key = await newKey();
  const tokens = await deviceFlow(stack, key, (code) => decideDevice(browser, code));
  // Usage is accepted from paying organizations: the fallback plan keeps it on its machines.
  const checkout = await api(stack, key, tokens.access_token, 'POST', '/v1/billing/checkout', { price: 'solo-month' });
  assert.equal(checkout.status, 201, JSON.stringify(checkout.body));
  const bearer = { authorization: `Bearer ${stack.secrets['sandbox/api-key']}`, 'content-type': 'application/json' };
  const id = new URL(checkout.body.checkout.url).pathname.split('/').pop();
  const paid = await fetch(`${stack.providerUrl}/test/checkouts/${id}/pay`, { method: 'POST', headers: bearer, body: '{}' });
  assert.equal(paid.status, 200, await paid.text());
  await until('the license to become active', async () =>
    (await api(stack, key, tokens.access_token, 'GET', '/v1/license/status')).body.license.state === 'active');
  const start = Date.now() - 2000 * 3600_000;
  const first = start - (start % 3600_000);
  const rollup = (n, input = 1000 + n, revision = 1) => ({
    period: 'hour', start_at: new Date(first + n * 3600_000).toISOString().replace('.000Z', 'Z'), model: 'claude-opus-4-6', lane: 'anthropic',
    requests: 1, errors: 0, input_tokens: input, output_tokens: n, cache_read_tokens: 0, cache_write_tokens: 0, revision });
  const send = async (rollups) => {
    const answer = await api(stack, key, tokens.access_token, 'POST', '/v1/ingest/rollups', { rollups });
    if (answer.status !== 200) throw new Error(`ingest answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return { rollup, send };
}

function rows(file, sql) {
  const db = new DatabaseSync(file, { readOnly: true });
  try { return db.prepare(sql).all(); } finally { db.close(); }
}

const lane = async (stack, instance, stream) =>
  (await stack.admin('GET', '/v1/admin/exports')).body.exports.find((e) => e.instance === instance && e.stream === stream);
const settled = (stack) => until('every export to be acknowledged', async () => {
  const { exports } = (await stack.admin('GET', '/v1/admin/exports')).body;
  return exports.length > 0 && exports.every((e) => e.queued === 0);
}, { timeout: 60_000 });

function assertGenuine(delivery) {
  for (const secret of [oldSecret, newSecret]) new Webhook(secret).verify(delivery.body, delivery.headers);
  assert.throws(() => new Webhook(`whsec_${randomBytes(32).toString('base64')}`).verify(delivery.body, delivery.headers));
  assert.throws(() => new Webhook(newSecret).verify(`${delivery.body} `, delivery.headers));
  const signatures = delivery.headers['webhook-signature'].split(' ');
  assert.deepEqual(signatures.map((s) => s.split(',')[0]), ['v1', 'v1', 'v1a']);
  const content = Buffer.from(`${delivery.headers['webhook-id']}.${delivery.headers['webhook-timestamp']}.${delivery.body}`);
  assert.ok(verify(null, content, pair.publicKey, Buffer.from(signatures[2].slice(4), 'base64')), 'the Ed25519 signature verifies');
}

for (const database of ['sqlite', 'postgresql']) {
  test(`usage and events reach tables and a webhook receiver: ${database}`, { timeout: 300_000 }, async (t) => {
    const receiver = await Receiver.start();
    t.after(() => receiver.stop());
    const stack = await Stack.start({
      database, secrets, deviceConfig: '{interval_s: 1}',
      plugins: (s) => {
        let text = hook(receiver) + sqlite(s);
        if (s.postgres) {
          s.postgres.psql('create database exports owner ccp');
          const port = new URL(s.postgres.url).port;
          text += `
  - {name: stats, plugin: ccp.export-sql, config: {connector: postgresql, connection: "host=127.0.0.1 port=${port} user=ccp dbname=exports", table_prefix: x_, streams: [rollups]}}`;
        }
        return text;
      },
    });
    t.after(() => stack.stop());
    const { rollup, send } = await signIn(stack);
    const blocks = Array.from({ length: 40 }, (_, n) => rollup(n));
    assert.equal((await send(blocks)).accepted, 40);
    assert.equal((await send([rollup(3)])).duplicate, 1);
    assert.equal((await send([rollup(3, 5, 2)])).accepted, 1);
    await until('usage in the receiver', () => receiver.events('usage.rollup').length >= 41, { timeout: 60_000 });
    await settled(stack);

    const file = join(stack.dir, 'warehouse.db');
    const expected = blocks.reduce((sum, b) => sum + b.input_tokens, 0) - 1003 + 5;
    assert.deepEqual({ ...rows(file, 'select count(*) n, sum(input_tokens) input, sum(requests) requests from ccp_rollups')[0] }, { n: 40, input: expected, requests: 40 });
    const types = rows(file, 'select distinct event_type from ccp_events').map((r) => r.event_type);
    assert.ok(types.includes('usage.accepted') && types.includes('seat.claimed'), JSON.stringify(types));
    assert.equal(rows(file, "select count(*) n from ccp_events where event_type = 'usage.accepted'")[0].n, 2);
    if (stack.postgres) {
      assert.equal(stack.postgres.psql('select count(*), sum(input_tokens) from x_rollups', 'exports').trim(), `40|${expected}`);
      assert.equal(stack.postgres.psql('select count(*) from x_events', 'exports').trim(), '0');
      assert.equal((await lane(stack, 'stats', 'events')).state, 'declined');
    }

    for (const delivery of receiver.deliveries) assertGenuine(delivery);
    assert.equal(new Set(receiver.ids).size, receiver.ids.length, 'nothing came twice');
    const newest = new Map();
    for (const { data } of receiver.events('usage.rollup')) newest.set(data.rollup, data.input_tokens);
    assert.equal([...newest.values()].reduce((a, b) => a + b, 0), expected);
    // The same events on both ways, under the same ids.
    const stored = new Set(rows(file, 'select id from ccp_events').map((r) => r.id));
    for (const delivery of receiver.deliveries) {
      const event = JSON.parse(delivery.body);
      assert.equal(event.id, delivery.headers['webhook-id']);
      assert.match(event.timestamp, /^\d{4}-\d\d-\d\dT.*Z$/);
      if (event.type !== 'usage.rollup') assert.ok(stored.has(event.id), `${event.type} stands in the table too`);
    }

    const metrics = await (await fetch(`${stack.adminUrl}/metrics`)).text();
    assert.match(metrics, /ccp_export_records_total\{[^}]*instance="warehouse"[^}]*stream="rollups"[^}]*\} 41/);
    const listed = await stack.ccp(['admin', 'exports', 'list'], { env: { CCP_OPERATOR_KEY: stack.operatorKey } });
    assert.equal(listed.code, 0, listed.stdout + listed.stderr);
    assert.match(listed.stdout, /warehouse +rollups +active +0 .* 41 /);
  });
}

test('a receiver that fails gets the same record again, before any later one', { timeout: 120_000 }, async (t) => {
  const receiver = await Receiver.start((_, n) => (n < 2 ? { status: 500, headers: { 'retry-after': '1' } } : 200));
  t.after(() => receiver.stop());
  const stack = await Stack.start({ secrets, deviceConfig: '{interval_s: 1}', plugins: () => hook(receiver) });
  t.after(() => stack.stop());
  const { rollup, send } = await signIn(stack);
  await send([rollup(1), rollup(2)]);
  await until('the first failure', async () => (await lane(stack, 'hook', 'events')).failures + (await lane(stack, 'hook', 'rollups')).failures > 0);
  const failing = await stack.ccp(['admin', 'exports', 'list'], { env: { CCP_OPERATOR_KEY: stack.operatorKey } });
  assert.equal(failing.code, 1);
  assert.match(failing.stdout, /answered 500/);
  assert.doesNotMatch(failing.stdout, /\/in/, 'the path of a webhook may be a secret');
  await settled(stack);
  const streamOf = (d) => (JSON.parse(d.body).type === 'usage.rollup' ? 'rollups' : 'events');
  for (const stream of ['events', 'rollups']) {
    const all = receiver.deliveries.filter((d) => streamOf(d) === stream);
    for (const [n, delivery] of all.entries()) {
      if (delivery.status === 200) continue;
      assert.equal(all[n + 1].headers['webhook-id'], delivery.headers['webhook-id'], 'the next attempt is the same record');
      assert.ok(all[n + 1].at - delivery.at >= 900, 'and comes when the receiver asked for it');
    }
  }
  for (const delivery of receiver.deliveries) assertGenuine(delivery);
  assert.equal(new Set(receiver.ids).size, receiver.ids.length);
});

test('410 pauses a stream, visibly, until an operator retries; the other stream goes on', { timeout: 120_000 }, async (t) => {
  let gone = true;
  const receiver = await Receiver.start((d) => (gone && JSON.parse(d.body).type !== 'usage.rollup' ? 410 : 200));
  t.after(() => receiver.stop());
  const stack = await Stack.start({ secrets, deviceConfig: '{interval_s: 1}', plugins: (s) => hook(receiver) + sqlite(s) });
  t.after(() => stack.stop());
  const { rollup, send } = await signIn(stack);
  await until('the stream to be disabled', async () => (await lane(stack, 'hook', 'events')).state === 'disabled');
  const attempts = receiver.deliveries.length;
  await send([rollup(1)]);
  await until('usage to arrive all the same', () => receiver.events('usage.rollup').length === 1);
  assert.equal(receiver.deliveries.length, attempts + 1, 'nothing more was sent to the stream that is gone');
  assert.ok((await lane(stack, 'hook', 'events')).queued > 0);
  const doctor = await stack.admin('GET', '/v1/admin/doctor');
  assert.ok(doctor.body.parts.find((p) => p.part === 'exports').findings.some((f) => f.level === 'error' && f.code === 'export_disabled'));
  const audit = (await stack.admin('GET', '/v1/admin/audit')).body.entries;
  assert.ok(audit.some((e) => e.action === 'export.disable' && e.subject === 'hook/events'), JSON.stringify(audit.slice(0, 3)));
  await until('the event about it in the other exporter', () =>
    rows(join(stack.dir, 'warehouse.db'), "select count(*) n from ccp_events where event_type = 'export.disabled'")[0].n === 1);

  gone = false;
  const retried = await stack.ccp(['admin', 'exports', 'retry', 'hook', 'events'], { env: { CCP_OPERATOR_KEY: stack.operatorKey } });
  assert.equal(retried.code, 0, retried.stderr);
  await settled(stack);
  assert.equal(receiver.events('export.disabled').length, 1, 'what happened meanwhile arrives');
  assert.equal(new Set(receiver.ids).size, receiver.ids.length);
  assert.ok(receiver.events('usage.accepted').length === 1);
});

test('a redirect is a failure and is not followed', { timeout: 120_000 }, async (t) => {
  const elsewhere = await Receiver.start();
  const receiver = await Receiver.start(() => ({ status: 307, headers: { location: `${elsewhere.origin}/in` } }));
  t.after(() => Promise.all([receiver.stop(), elsewhere.stop()]));
  const stack = await Stack.start({ secrets, deviceConfig: '{interval_s: 1}', plugins: () => hook(receiver) });
  t.after(() => stack.stop());
  await signIn(stack);
  const failing = await until('the failure', async () => {
    const found = await lane(stack, 'hook', 'events');
    return found.failures > 0 && found;
  });
  assert.match(failing.last_error, /answered 307.*never followed/);
  assert.equal(elsewhere.deliveries.length, 0);
});

test('a target that the operator did not allow, or that is no public address, is refused', { timeout: 120_000 }, async (t) => {
  const start = async (egress) => {
    const stack = await Stack.start({ secrets, start: false, plugins: () => `
  - name: hook
    plugin: ccp.export-webhook
    config: {url: "http://10.1.2.3:8080/in", secrets: [{$secret: exports/new}]}
    ${egress}` });
    t.after(() => stack.stop());
    return stack;
  };
  const forbidden = await start('egress: ["https://hooks.example.com"]');
  const run = spawnSync(join(buildDir, 'bin/ccpd'), ['--config', forbidden.config], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /plugins\[hook\]\.config\/url.*http:\/\/10\.1\.2\.3:8080.*egress/);

  const secretlyPrivate = await start('egress: ["http://10.1.2.3:8080"]');
  await secretlyPrivate.startServer();
  const { rollup, send } = await signIn(secretlyPrivate);
  await send([rollup(1)]);
  const failing = await until('the refusal', async () => {
    const found = await lane(secretlyPrivate, 'hook', 'events');
    return found.failures > 0 && found;
  });
  assert.match(failing.last_error, /10\.1\.2\.3.*not a public address/);
});

for (const isolation of ['inproc', 'process']) {
  test(`nothing is lost by kill -9, by failures and by a swap of the exporter: ${isolation}`, { timeout: 600_000 }, async (t) => {
    let flaky = 0;
    const receiver = await Receiver.start(() => (++flaky % 97 === 0 ? { status: 503, headers: { 'retry-after': '1' } } : 200));
    t.after(() => receiver.stop());
    const stack = await Stack.start({ secrets, deviceConfig: '{interval_s: 1}', yaml: 'license: {access_ttl: 12h}',
      plugins: (s) => hook(receiver, `isolation: ${isolation}`) + sqlite(s) });
    t.after(() => stack.stop());
    const { rollup, send } = await signIn(stack);
    const accepted = new Set();
    let next = 0;
    const pour = async (limit) => {
      for (let i = 0; i < limit && stack.server.running; ++i) {
        const n = next++;
        for (;;) {
          try { await send([rollup(n)]); accepted.add(n); break; } catch (error) {
            if (stack.server.running && !/fetch failed|terminated|aborted|503/.test(`${error.message} ${error.cause}`)) throw error;
            await Promise.race([stack.server.exited, new Promise((r) => setTimeout(r, 200))]);
            if (!stack.server.running) { --next; return; }
          }
        }
      }
    };
    for (const point of ['exports.queueing', 'exports.after_send']) {
      await stack.server.stop();
      await stack.startServer({ CCP_FAULT: `${point}:3` });
      const dead = stack.server.exited;
      await Promise.race([pour(400), dead]);
      assert.equal((await dead).signal, 'SIGKILL', `${point} was reached`);
      await stack.startServer();
    }
    for (let round = 0; round < 5; ++round) {
      const killer = setTimeout(() => stack.server.kill(), 100 + round * 130);
      await pour(10_000);
      clearTimeout(killer);
      await stack.server.exited;
      await stack.startServer();
    }
    // A swap by reload while records flow: the same plugin with another configuration.
    const text = readFileSync(stack.config, 'utf8');
    const pouring = pour(60);
    for (const seconds of [8, 9, 10]) {
      writeFileSync(stack.config, text.replace('streams: [events, rollups]}', `streams: [events, rollups], timeout_s: ${seconds}}`));
      stack.server.child.kill('SIGHUP');
      await new Promise((r) => setTimeout(r, 300));
    }
    await pouring;
    await until('the swap', () => /plugin.swapped|plugin_swapped|"plugin\.swap/.test(stack.server.output()));
    await until('every accepted rollup to be queued and sent', async () => {
      const { exports } = (await stack.admin('GET', '/v1/admin/exports')).body;
      return exports.every((e) => e.queued === 0) &&
        rows(join(stack.dir, 'warehouse.db'), 'select count(*) n from ccp_rollups')[0].n >= accepted.size;
    }, { timeout: 120_000 }).catch(async (error) => {
      const { exports } = (await stack.admin('GET', '/v1/admin/exports')).body;
      throw new Error(`${error.message}; ${accepted.size} accepted; ${JSON.stringify(exports)}`);
    });

    const total = rows(join(stack.dir, 'warehouse.db'), 'select count(*) n, sum(input_tokens) input from ccp_rollups')[0];
    assert.equal(total.n, next, 'every rollup stands in the table once');
    assert.equal(total.input, Array.from({ length: next }, (_, n) => 1000 + n).reduce((a, b) => a + b, 0));
    const byId = new Map();
    let repeated = 0;
    for (const delivery of receiver.taken) {
      const id = delivery.headers['webhook-id'];
      if (byId.has(id)) { ++repeated; assert.equal(delivery.body, byId.get(id), 'a repeated record is the same record'); }
      byId.set(id, delivery.body);
    }
    const hours = [...byId.values()].map((b) => JSON.parse(b)).filter((e) => e.type === 'usage.rollup');
    assert.equal(hours.length, next, 'every rollup reached the receiver under one id');
    assert.equal(new Set(rows(join(stack.dir, 'warehouse.db'), 'select id from ccp_events').map((r) => r.id)).size,
      [...byId.values()].map((b) => JSON.parse(b)).filter((e) => e.type !== 'usage.rollup').length, 'both targets have the same events');
    t.diagnostic(`${next} rollups, ${byId.size} records, ${repeated} repeated deliveries after 7 kills and 3 swaps`);
  });
}
