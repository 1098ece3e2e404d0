// What policies decided: a denied feature is missing in the pack and can be explained; a draft says who
// would newly be denied; decisions leave through an exporter; the log proves itself.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { Stack, until } from './support/stack.mjs';
import { signInAsDemo, decideDevice } from './support/flows.mjs';
import { newKey, deviceFlow, api } from './support/dpop.mjs';

let stack, key, tokens;
const call = (method, path, body) => api(stack, key, tokens.access_token, method, path, body);
const ccp = (...args) => stack.ccp(args, { env: { CCP_OPERATOR_KEY: stack.operatorKey } });
const draft = (name, source) => {
  const folder = join(stack.dir, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'pack.json'), JSON.stringify({ format: 1, org: 'operator', name: 'gate', version: 1, channels: ['dev'],
    engine: { min: 1, max: 1 }, entry: { 'feature.gate': 'gate.lua' } }));
  writeFileSync(join(folder, 'gate.lua'), source);
  return folder;
};

before(async () => {
  stack = await Stack.start({ deviceConfig: '{interval_s: 1}', yaml: 'policy: {replay_store: {enabled: true}}',
    plugins: (s) => `\n  - {name: warehouse, plugin: ccp.export-sql, config: {connector: sqlite, connection: "${s.dir}/warehouse.db", streams: [decisions]}}` });
  const browser = await signInAsDemo(stack);
  key = await newKey();
  tokens = await deviceFlow(stack, key, (code) => decideDevice(browser, code));
  // The fallback plan has no features, and its data stays at home.
  const checkout = await call('POST', '/v1/billing/checkout', { price: 'solo-month' });
  const id = new URL(checkout.body.checkout.url).pathname.split('/').pop();
  const bearer = { authorization: `Bearer ${stack.secrets['sandbox/api-key']}`, 'content-type': 'application/json' };
  await fetch(`${stack.providerUrl}/test/checkouts/${id}/pay`, { method: 'POST', headers: bearer, body: '{}' });
  await until('the license to become active', async () => (await call('GET', '/v1/license/status')).body.license.state === 'active');
});
after(() => stack?.stop());

test('each feature of a pack is a decision that says which rule answered, line by line', async () => {
  assert.equal((await call('POST', '/v1/license/issue', {})).status, 200);
  const found = await until('decisions in the log', async () => {
    const { body } = await call('GET', '/v1/policy/decisions?point=feature.gate');
    return body.decisions?.length > 0 && body.decisions;
  });
  const one = found[0];
  assert.equal(one.outcome, 'allow');
  assert.equal(one.rule, 'plan.includes');
  assert.match(one.seat, /^[0-9a-f]{32}$/);
  assert.ok(one.fields_read['/feature']);
  const explained = await ccp('policy', 'explain', one.id, '--operator', '--json');
  assert.equal(explained.code, 0, explained.stderr);
  const { decision, again } = explained.json;
  assert.equal(decision.id, one.id);
  assert.equal(again.reproduced, true);
  assert.ok(again.packs[0].lines.some((l) => l.text.includes('input.entitled')));
  const text = await ccp('policy', 'explain', one.id, '--operator');
  assert.match(text.stdout, /plan\.includes/);
});

test('a draft tells who would newly be denied, and the exit code says whether that is too many', async () => {
  const folder = draft('closed', 'function decide(input)\n  return { allow = false, rule = "all.closed", reason = "Closed." }\nend\n');
  const replayed = await ccp('policy', 'replay', folder, '--operator', '--since', '1d', '--json');
  const report = replayed.json;
  const decided = report.total - report.indeterminate;
  assert.ok(decided > 0);
  assert.equal(replayed.code, 1, replayed.stderr);
  // What other points decided stays as it was.
  assert.ok(report.newly_denied > 0);
  assert.equal(report.newly_denied + report.same, decided);
  for (const flip of report.flips.filter((f) => f.flip === 'newly_denied')) assert.equal(flip.now.rule, 'all.closed');
  const shown = await ccp('policy', 'replay', folder, '--operator', '--max-flip', '1');
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /newly_denied/);
  // Nothing has changed.
  assert.equal((await call('GET', '/v1/license/status')).body.license.denied.length, 0);
});

test('a draft is explained on an input without a server', async () => {
  const folder = draft('dash', 'function decide(input)\n  if input.feature == "dashboards" then\n    return { allow = false, rule = "no.dashboards" }\n  end\n  return { allow = true }\nend\n');
  const input = join(stack.dir, 'input.json');
  writeFileSync(input, JSON.stringify({ feature: 'dashboards' }));
  const run = await ccp('policy', 'explain', folder, '--input', input, '--json');
  assert.equal(run.code, 0, run.stderr);
  const answer = run.json;
  assert.equal(answer.decision.rule, 'no.dashboards');
  assert.deepEqual(answer.fields_read, ['/feature']);
  assert.ok(answer.packs[0].lines.some((l) => l.line === 3));
  assert.ok(!answer.packs[0].lines.some((l) => l.line === 5));
});

test('the log proves itself, and shows what was changed in it', async () => {
  const good = await ccp('policy', 'decisions', '--verify', '--operator', '--json');
  assert.equal(good.code, 0, good.stderr);
  assert.ok(good.json.records > 0);
  const list = await ccp('policy', 'decisions', '--operator');
  assert.match(list.stdout, /feature\.gate/);
  const db = new DatabaseSync(join(stack.dir, 'state/ccp.db'));
  db.exec('pragma busy_timeout = 5000');
  db.exec("update policy_decisions set rule = 'nothing' where id = (select min(id) from policy_decisions)");
  db.close();
  const bad = await ccp('policy', 'decisions', '--verify', '--operator');
  assert.equal(bad.code, 1, bad.stdout);
  assert.match(bad.stdout, /is not what was written/);
});

test('decisions leave through an exporter', async () => {
  await until('decisions in the warehouse', () => {
    const db = new DatabaseSync(join(stack.dir, 'warehouse.db'), { readOnly: true });
    try { return db.prepare("select count(*) as n from ccp_events where event_type = 'policy.decision'").get().n > 0; } finally { db.close(); }
  });
});
