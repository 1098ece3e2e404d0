// Policies from a key to a decision: the ceremony, dev, prod with two people, three nodes on one PostgreSQL,
// clients without a server, an edited database, and kill -9 in the middle of a publication.
import test from 'node:test';
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { Stack, Program, buildDir, freePort, until } from './support/stack.mjs';
import { login } from './support/flows.mjs';

const allow = 'function decide(input)\n  return { allow = true, rule = "open" }\nend\n';
const deny = 'function decide(input)\n  return { allow = false, rule = "frozen", reason = "Plugins are frozen." }\nend\n';

/** `ccp policy …` with the operator key; fails with what it said. */
async function ccp(stack, args, { code = 0, ...options } = {}) {
  const result = await stack.ccp(['policy', ...args], { env: { CCP_OPERATOR_KEY: `@${join(stack.stateDir, 'operator.key')}` }, ...options });
  assert.equal(result.code, code, `ccp policy ${args.join(' ')}: exit ${result.code}\n${result.stdout}\n${result.stderr}`);
  return result;
}

/** Keys of two people and a signed root of the operator's set. */
async function ceremony(stack) {
  const file = (name) => join(stack.dir, name);
  for (const person of ['ada', 'bob']) await ccp(stack, ['keygen', file(`${person}.key`), '--person', `${person}@example.com`]);
  await ccp(stack, ['root', 'init', '--key', file('ada.key.pub'), '--key', file('bob.key.pub'), '--sign-with', file('ada.key'), '--sign-with', file('bob.key'), '--out', file('root-1.json')]);
  return file;
}

/** A signed pack that answers plugin.change. */
async function sign(stack, file, version, lua, keys = ['ada']) {
  const folder = file(`pack-${version}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'pack.json'), JSON.stringify({ format: 1, org: 'operator', name: 'ops', version, channels: ['dev', 'prod'], engine: { min: 1, max: 1 }, entry: { 'plugin.change': 'change.lua' } }));
  writeFileSync(join(folder, 'change.lua'), lua);
  const out = file(`ops-${version}.policy`);
  await ccp(stack, ['sign', folder, '--key', file(`${keys[0]}.key`), '--out', out], { code: keys.length === 1 ? undefined : 0 }).catch(() => {});
  for (const key of keys.slice(1)) await ccp(stack, ['sign', out, '--add', '--key', file(`${key}.key`)]);
  return out;
}

/** May the instance be swapped? The decision point plugin.change, asked for real. */
async function mayChange(node) {
  const answer = await fetch(`${node.url}/v1/admin/plugins/device/swap`, { method: 'POST', headers: { authorization: `Bearer ${node.operatorKey}`, 'content-type': 'application/json' }, body: '{"reason":"test"}' });
  const body = await answer.json();
  if (answer.status === 200) return true;
  assert.equal(body.code, 'policy_denied', JSON.stringify(body));
  return false;
}

const nodeStatus = async (node) => {
  const answer = await fetch(`${node.url}/v1/admin/policy/status`, { headers: { authorization: `Bearer ${node.operatorKey}` } });
  assert.equal(answer.status, 200);
  return answer.json();
};
const running = async (node) => (await nodeStatus(node)).node.sets.find((s) => s.set === 'operator');

/** Milliseconds until check() is true. */
async function within(what, limit, check) {
  const begun = performance.now();
  await until(what, check, { timeout: 30_000, every: 10 });
  const ms = Math.round(performance.now() - begun);
  assert.ok(ms < limit, `${what} took ${ms} ms, more than ${limit} ms`);
  return ms;
}

test('from a key to a decision, and on without a server', { timeout: 120_000 }, async (t) => {
  const stack = await Stack.start({ database: 'sqlite' });
  t.after(() => stack.stop());
  const file = await ceremony(stack);
  assert.equal(await mayChange(stack), true);

  await t.test('nothing is published without a root', async () => {
    await sign(stack, file, 1, deny);
    const refused = await ccp(stack, ['push', file('ops-1.policy'), '--json', '--operator-key', join(stack.stateDir, 'operator.key')], { code: 3 });
    assert.match(refused.stdout + refused.stderr, /policy_root_missing/);
  });
  await ccp(stack, ['root', 'push', file('root-1.json')]);

  await t.test('a push to dev changes decisions within 2 s', async () => {
    await ccp(stack, ['push', file('ops-1.policy')]);
    const ms = await within('the node to take version 1', 2000, async () => (await running(stack)).version === 1);
    assert.equal(await mayChange(stack), false);
    t.diagnostic(`a push was visible in decisions after ${ms} ms`);
  });

  await t.test('what does not compile never goes live, and the answer says where', async () => {
    const folder = file('broken');
    mkdirSync(folder);
    writeFileSync(join(folder, 'pack.json'), JSON.stringify({ format: 1, org: 'operator', name: 'ops', version: 2, channels: ['dev'], engine: { min: 1, max: 1 }, entry: { 'plugin.change': 'change.lua' } }));
    writeFileSync(join(folder, 'change.lua'), 'function decide(input)\n  return { allow = \nend\n');
    await stack.ccp(['policy', 'sign', folder, '--key', file('ada.key'), '--out', file('broken.policy')]);
    const answer = await fetch(`${stack.url}/v1/admin/policy/push`, { method: 'POST', headers: { authorization: `Bearer ${stack.operatorKey}`, 'content-type': 'application/json' }, body: readFileSync(file('broken.policy')) });
    const body = await answer.json();
    assert.equal(answer.status, 422, JSON.stringify(body));
    assert.equal(body.code, 'policy_compile_failed');
    assert.deepEqual(body.errors[0], { pointer: '/stage', rule: 'compiled' });
    assert.equal((await running(stack)).version, 1);
  });

  await t.test('prod needs two people', async () => {
    const alone = await stack.ccp(['policy', 'promote', 'ops@1', '--set', 'operator', '--yes', '--json'], { env: { CCP_OPERATOR_KEY: stack.operatorKey } });
    assert.equal(alone.code, 3, alone.stdout + alone.stderr);
    assert.match(alone.stdout + alone.stderr, /policy_threshold_not_met/);
    await ccp(stack, ['sign', file('ops-1.policy'), '--add', '--key', file('bob.key')]);
    await ccp(stack, ['push', file('ops-1.policy')]);
    const done = await ccp(stack, ['promote', 'ops@1', '--set', 'operator', '--yes', '--json', '--reason', 'freeze'], {});
    assert.equal(done.json.publication.channel, 'prod');
    assert.deepEqual(done.json.signers, ['ada@example.com', 'bob@example.com']);
  });

  const { result } = await login(stack);
  await t.test('log-in pins the root, and status shows what is in force', async () => {
    assert.match(result.stdout, /"policy_roots":\{"operator":"[0-9a-f]{64}"/);
    const shown = (await stack.ccp(['policy', 'status', '--json'])).json;
    const operator = shown.sets.find((s) => s.set === 'operator');
    assert.equal(operator.state, 'active', JSON.stringify(shown));
    assert.equal(operator.source, 'server');
    assert.equal(operator.version, 1);
    assert.deepEqual(operator.packs[0].signers, ['ada@example.com', 'bob@example.com']);
  });

  await t.test('a client that waits hears of a push at once', async () => {
    const waiting = stack.ccp(['policy', 'status', '--watch', '--rounds', '2', '--json']);
    await until('the client to wait', async () => (await stack.admin('GET', '/v1/admin/policy/status')).status === 200);
    await new Promise((r) => setTimeout(r, 300));
    await sign(stack, file, 3, allow);
    await ccp(stack, ['push', file('ops-3.policy')]);
    await within('the node to take version 2', 2000, async () => (await running(stack)).version === 2);
    assert.equal(await mayChange(stack), true);
    await waiting;
    const shown = (await stack.ccp(['policy', 'status', '--json'])).json;
    assert.equal(shown.sets.find((s) => s.set === 'operator').version, 2);
  });

  await t.test('an edited database is refused, and what runs goes on', async () => {
    const db = new DatabaseSync(join(stack.stateDir, 'ccp.db'));
    db.exec('pragma busy_timeout = 5000');
    const { envelope } = db.prepare("select envelope from policy_packs where name = 'ops' and version = 1").get();
    db.prepare("update policy_packs set envelope = ? where name = 'ops' and version = 3").run(envelope);
    db.prepare("update policy_channels set envelope = replace(envelope, '\"sig\":\"', '\"sig\":\"AAAA')").run();
    db.close();
    const answer = await stack.admin('POST', '/v1/admin/policy/reload', {});
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const set = answer.body.node.sets.find((s) => s.set === 'operator');
    assert.equal(set.version, 2);
    assert.equal(set.refusal?.stage, 'verified', JSON.stringify(set));
    assert.equal(await mayChange(stack), true);
  });

  await t.test('without a server the cache still proves what it has', async () => {
    await stack.server.stop();
    const offline = await stack.ccp(['policy', 'status', '--json']);
    const operator = offline.json.sets.find((s) => s.set === 'operator');
    assert.equal(offline.code, 0, offline.stdout + offline.stderr);
    assert.equal(offline.json.reachable, false);
    assert.equal(operator.source, 'cache');
    assert.equal(operator.state, 'active');
  });

  await t.test('a node that starts decides with its cache when the database was edited', async () => {
    await stack.startServer();
    const set = await running(stack);
    assert.equal(set.source, 'cache', JSON.stringify(set));
    assert.equal(set.version, 2);
    assert.equal(await mayChange(stack), true);
  });

  await t.test('a server cannot talk a client down from prod to dev', async () => {
    const known = join(stack.dir, 'home/.config/ccp/policy.json');
    const accounts = JSON.parse(readFileSync(known, 'utf8'));
    for (const account of Object.values(accounts)) Object.assign(account, { channel: 'prod', mode: 'prod' });
    writeFileSync(known, JSON.stringify(accounts));
    const shown = await stack.ccp(['policy', 'status', '--json']);
    assert.equal(shown.json.channel, 'prod', shown.stdout + shown.stderr);
    assert.equal(Object.values(JSON.parse(readFileSync(known, 'utf8')))[0].mode, 'prod');
  });

  await t.test('a cache that was edited on disk proves nothing', async () => {
    const cache = join(stack.dir, 'home/.config/ccp/policy');
    for (const name of readdirSync(cache, { recursive: true }).filter((n) => /packs\/.*\.json$/.test(n))) {
      const text = readFileSync(join(cache, name), 'utf8');
      writeFileSync(join(cache, name), text.replace(/"payload":"(....)/, '"payload":"AAAA'));
    }
    const shown = await stack.ccp(['policy', 'status', '--offline', '--channel', 'dev', '--json']);
    assert.equal(shown.code, 3, shown.stdout + shown.stderr);
    const operator = shown.json.sets.find((s) => s.set === 'operator');
    assert.equal(operator.state, 'refused', shown.stdout);
    assert.equal(operator.last_error.stage, 'verified');
  });
});

test('three nodes on one PostgreSQL agree, also after kill -9 of the one that publishes', { timeout: 180_000 }, async (t) => {
  const stack = await Stack.start({ database: 'postgresql', yaml: 'policy: {channel: prod, shadow_dev: true}' });
  t.after(() => stack.stop());
  const nodes = [{ url: stack.url, get operatorKey() { return stack.operatorKey; } }];
  for (const n of [2, 3]) {
    const port = await freePort(), adminPort = await freePort(), state = join(stack.dir, `state${n}`);
    mkdirSync(state, { mode: 0o700 });
    for (const name of ['master.key', 'root.key', 'operator.key']) {
      copyFileSync(join(stack.stateDir, name), join(state, name));
      chmodSync(join(state, name), 0o600);
    }
    mkdirSync(join(state, 'secrets/sandbox'), { recursive: true, mode: 0o700 });
    mkdirSync(join(state, 'secrets/polar'), { recursive: true, mode: 0o700 });
    for (const id of ['sandbox/api-key', 'sandbox/webhook', 'polar/token', 'polar/webhook']) {
      writeFileSync(join(state, 'secrets', id), stack.secrets[id], { mode: 0o600 });
    }
    const config = join(stack.dir, `ccp${n}.yaml`);
    writeFileSync(config, readFileSync(stack.config, 'utf8')
      .replace(`state_dir: ${stack.stateDir}`, `state_dir: ${state}`)
      .replace(`listen: "127.0.0.1:${stack.port}"`, `listen: "127.0.0.1:${port}"`)
      .replace(`admin_listen: "127.0.0.1:${stack.adminPort}"`, `admin_listen: "127.0.0.1:${adminPort}"`));
    const program = new Program(`ccpd${n}`, join(buildDir, 'bin/ccpd'), ['--config', config], { dir: stack.dir });
    t.after(() => program.stop());
    await until(`node ${n}`, async () => {
      if (!program.running) throw new Error(program.output().slice(-2000));
      return (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok;
    }, { timeout: 60_000 });
    nodes.push({ url: `http://127.0.0.1:${port}`, get operatorKey() { return stack.operatorKey; } });
  }
  const file = await ceremony(stack);
  await ccp(stack, ['root', 'push', file('root-1.json')]);
  await sign(stack, file, 1, deny, ['ada', 'bob']);
  await ccp(stack, ['push', file('ops-1.policy')]);
  for (const node of nodes) assert.equal(await mayChange(node), true, 'dev is not what these nodes enforce');

  /** Every node runs this version of prod, and decides so. */
  const agree = async (version, may) => {
    const ms = await within(`three nodes to run version ${version}`, 2000, async () => (await Promise.all(nodes.map(running))).every((set) => set.version === version));
    for (const node of nodes) assert.equal(await mayChange(node), may);
    return ms;
  };
  await ccp(stack, ['promote', 'ops@1', '--set', 'operator', '--yes']);
  t.diagnostic(`all nodes agreed ${await agree(1, false)} ms after a promotion`);
  const digests = await Promise.all(nodes.map(async (node) => (await running(node)).sha256));
  assert.equal(new Set(digests).size, 1);

  await sign(stack, file, 2, allow, ['ada', 'bob']);
  await ccp(stack, ['push', file('ops-2.policy')]);
  await ccp(stack, ['promote', 'ops@2', '--set', 'operator', '--yes']);
  await agree(2, true);
  await ccp(stack, ['rollback', '--channel', 'prod', '--set', 'operator', '--reason', 'too open']);
  t.diagnostic(`all nodes agreed ${await agree(3, false)} ms after a rollback`);

  await t.test('what stands on dev decides in shadow beside prod', async () => {
    // Version 2 is on dev and allows; prod denies.
    const draft = await until('the draft to answer', async () => { await mayChange(nodes[1]); return (await running(nodes[1])).shadow; });
    await until('its answers to be counted', async () => (await running(nodes[1])).shadow.differing > 0);
    assert.equal(draft.version, 2);
    const { decisions } = await (await fetch(`${nodes[1].url}/v1/admin/policy/decisions?shadow=true`, { headers: { authorization: `Bearer ${stack.operatorKey}` } })).json();
    assert.equal(decisions[0].allow, true);
    const obeyed = await fetch(`${nodes[1].url}/v1/admin/policy/decisions/${decisions[0].shadow_of}`, { headers: { authorization: `Bearer ${stack.operatorKey}` } });
    assert.equal((await obeyed.json()).decision.allow, false);
  });

  await t.test('kill -9 before or after the commit of a publication leaves one history', async () => {
    for (const point of ['policy.before_publish', 'policy.after_publish']) {
      await stack.server.stop();
      await stack.startServer({ CCP_FAULT: point });
      const before = (await running(nodes[1])).version;
      const result = await stack.ccp(['policy', 'promote', 'ops@2', '--set', 'operator', '--yes'], { env: { CCP_OPERATOR_KEY: stack.operatorKey } });
      assert.notEqual(result.code, 0);
      await stack.server.exited;
      await stack.startServer();
      // Whether it was published or not, doing it again leads to the same.
      await ccp(stack, ['promote', 'ops@2', '--set', 'operator', '--yes']);
      await agree(before + 1, true);
      await ccp(stack, ['rollback', '--channel', 'prod', '--set', 'operator', '--reason', 'again']);
      await agree(before + 2, false);
    }
    // A revoked pack leaves both channels and does not come back.
    await ccp(stack, ['revoke', 'ops@1', '--set', 'operator', '--reason', 'too strict']);
    await until('all nodes to decide with what CCP ships', async () => (await Promise.all(nodes.map(mayChange))).every(Boolean));
    const back = await stack.ccp(['policy', 'promote', 'ops@1', '--set', 'operator', '--yes', '--json'], { env: { CCP_OPERATOR_KEY: stack.operatorKey } });
    assert.match(back.stdout + back.stderr, /policy_revoked/);
    const versions = stack.postgres.psql("select count(*), count(distinct version), max(version) from policy_channels where channel = 'prod'", 'ccp').trim().split('|');
    assert.equal(new Set(versions).size, 1, versions.join());
  });
});
