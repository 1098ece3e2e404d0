// Swapping billing_polar for another billing plugin through the configuration, while webhooks arrive at
// 200 per second: every webhook that was sent is acknowledged and processed once, by its event id.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHmac, randomUUID, randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { Stack, buildDir, until } from './support/stack.mjs';

const perSecond = 200;
const seconds = Number(process.env.CCP_SWAP_SECONDS ?? 12);
// A connection for each webhook: on a kept one, the server's end of an idle connection may cross a request.
const agent = new Agent({ keepAlive: false, maxSockets: 64 });

/** Polar's signature: the key is the whole secret as displayed. */
function signed(secret, id, body) {
  const ts = Math.floor(Date.now() / 1000);
  const mac = createHmac('sha256', secret).update(`${id}.${ts}.${body}`).digest('base64');
  return { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(ts), 'webhook-signature': `v1,${mac}` };
}

function post(port, path, headers, body) {
  return new Promise((done) => {
    const r = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (answer) => {
      answer.resume().on('end', () => done(answer.statusCode));
    });
    r.on('error', (error) => done(error.code ?? 'error'));
    r.end(body);
  });
}

let broken = 0;

/** As providers do: a delivery whose connection broke before any answer is sent again, under the same id. */
async function deliver(port, path, headers, body) {
  let answer = await post(port, path, headers, body);
  for (let n = 0; typeof answer === 'string' && n < 3; ++n) {
    ++broken;
    answer = await post(port, path, headers, body);
  }
  return answer;
}

/** Sends webhooks at a steady rate until `ended()`; every tenth one a second time, as providers do. */
async function stream(stack, secret, ended) {
  const sent = [], answers = [];
  const begin = Date.now();
  for (let n = 0; !ended(); ++n) {
    const late = begin + (n * 1000) / perSecond - Date.now();
    if (late > 0) await new Promise((r) => setTimeout(r, late));
    const id = `msg_${randomUUID()}`;
    const body = JSON.stringify({ type: 'customer.updated', timestamp: new Date().toISOString(), data: { id: randomUUID(), external_id: null, email: 'a@example.com' } });
    sent.push(id);
    answers.push(deliver(stack.port, '/webhooks/polar', signed(secret, id, body), body));
    if (n % 10 === 0) answers.push(deliver(stack.port, '/webhooks/polar', signed(secret, id, body), body));
  }
  return { sent, answers: await Promise.all(answers), took: (Date.now() - begin) / 1000 };
}

for (const isolation of ['inproc', 'process']) {
  test(`webhooks at ${perSecond} per second survive swaps of the billing plugin (${isolation})`, async (t) => {
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    const stack = await Stack.start({ polarSecret: secret, pluginDir: (dir) => {
      // The release's plugins and the twin, as one installation.
      cpSync(join(buildDir, 'lib/ccp/plugins'), dir, { recursive: true });
      cpSync(join(buildDir, 'tests/plugins/test_billing_twin'), join(dir, 'test_billing_twin'), { recursive: true });
    } });
    t.after(() => stack.stop());

    const written = readFileSync(stack.config, 'utf8');
    const configure = (plugin) => {
      // As an editor or a config map does it: a new file is renamed over the old one.
      const next = written.replace('plugin: ccp.billing-polar', `plugin: ${plugin}\n    isolation: ${isolation}`);
      writeFileSync(`${stack.config}.new`, next);
      renameSync(`${stack.config}.new`, stack.config);
    };
    const serving = async () => {
      const answer = await stack.admin('GET', '/v1/admin/plugins');
      return answer.body.plugins.find((p) => p.name === 'polar');
    };

    let over = false;
    broken = 0;
    const load = stream(stack, secret, () => over);
    const end = Date.now() + seconds * 1000;
    let swaps = 0;
    while (Date.now() < end || swaps < 2) {
      const next = swaps % 2 === 0 ? 'ccp.test-billing-twin' : 'ccp.billing-polar';
      configure(next);
      if (swaps % 3 === 1) stack.server.child.kill('SIGHUP');  // else the watch finds it
      await until(`the swap to ${next}`, async () => (await serving()).plugin === next && (await serving()).isolation === isolation, { timeout: 30_000 });
      ++swaps;
      await new Promise((r) => setTimeout(r, 500));
    }
    over = true;
    const { sent, answers, took } = await load;

    const refused = answers.filter((status) => status !== 200);
    assert.deepEqual(refused, [], `of ${answers.length} answers ${refused.length} were not 200`);
    const rows = () => {
      const db = new DatabaseSync(join(stack.stateDir, 'ccp.db'), { readOnly: true });
      try { return db.prepare('select event_id, state from webhook_inbox').all(); } finally { db.close(); }
    };
    await until('every webhook to be processed', () => rows().every((row) => row.state === 'processed'), { timeout: 60_000, every: 500 });
    const stored = rows().map((row) => row.event_id).sort();
    assert.deepEqual(stored, [...sent].sort(), 'sent = stored, each once');
    t.diagnostic(`${sent.length} webhooks in ${took.toFixed(1)} s (${(sent.length / took).toFixed(0)}/s), ${answers.length - sent.length} of them twice, ${swaps} swaps, ${broken} connections broke without an answer`);
    assert.ok(broken <= sent.length / 100, `${broken} connections broke without an answer`);
    assert.ok(sent.length / took > perSecond * 0.8, `the test itself only managed ${(sent.length / took).toFixed(0)} per second`);
  });
}
