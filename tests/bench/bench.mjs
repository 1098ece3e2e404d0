// make bench: the figures of the main paths, each beside its limit or peer where there is one.
import { Agent, request as httpRequest } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, mkdirSync, writeFileSync, cpSync, existsSync } from 'node:fs';
import { createHash, createPrivateKey, randomUUID, sign } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { performance } from 'node:perf_hooks';
import { Stack, root, dataDir, ccpBin, until } from '../e2e/support/stack.mjs';
import { signInAsDemo, decideDevice, login, upgrade } from '../e2e/support/flows.mjs';
import { jose, deviceFlow, tokenRequest, api } from '../e2e/support/dpop.mjs';
import { reconcileAccount, webhookIntake } from './billing.mjs';
import { durableWrites } from './durable.mjs';
import { front } from './front.mjs';

const connections = 64;
const emit = (figure) => console.log(JSON.stringify(figure));
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const round = (n, digits = 2) => Number(n.toFixed(digits));

/** Proofs made before the clock runs, so that the client's signatures are not measured. */
function proofFactory(key, keyJwk) {
  const privateKey = createPrivateKey({ key: keyJwk, format: 'jwk' });
  const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', typ: 'dpop+jwt', jwk: key.jwk })).toString('base64url');
  return (method, url, token) => {
    const claims = Buffer.from(JSON.stringify({ htm: method, htu: url, jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ...(token ? { ath: createHash('sha256').update(token).digest('base64url') } : {}) })).toString('base64url');
    return `${header}.${claims}.${sign(null, Buffer.from(`${header}.${claims}`), privateKey).toString('base64url')}`;
  };
}

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
const rssMiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

/** Sends prepared requests over keep-alive connections; {perSecond, p50, p99, cpuUs}. */
async function load(stack, requests, ok = (status) => status === 200) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies = [];
  let next = 0, failed = 0;
  const one = (r) => new Promise((done) => {
    const begin = performance.now();
    const call = httpRequest(stack.url + r.path, { method: r.method, agent, headers: { ...r.headers, ...(r.body ? { 'content-length': Buffer.byteLength(r.body) } : {}) } }, (answer) => {
      answer.on('data', () => {}).on('end', () => { latencies.push(performance.now() - begin); if (!ok(answer.statusCode)) ++failed; done(); });
    });
    call.on('error', () => { ++failed; done(); });
    call.end(r.body);
  });
  const cpu = cpuSeconds(stack.server.child.pid), begin = performance.now();
  await Promise.all(Array.from({ length: connections }, async () => { while (next < requests.length) await one(requests[next++]); }));
  const seconds = (performance.now() - begin) / 1000;
  agent.destroy();
  if (failed > requests.length / 100) throw new Error(`${failed} of ${requests.length} requests failed`);
  latencies.sort((a, b) => a - b);
  return { perSecond: requests.length / seconds, p50: latencies[Math.floor(latencies.length / 2)], p99: latencies[Math.floor(latencies.length * 0.99)], cpuUs: (cpuSeconds(stack.server.child.pid) - cpu) * 1e6 / requests.length };
}

async function member(stack) {
  const browser = await signInAsDemo(stack);
  const pair = await jose.generateKeyPair('Ed25519', { extractable: true });
  const jwk = await jose.exportJWK(pair.publicKey);
  const key = { ...pair, jwk, jkt: await jose.calculateJwkThumbprint(jwk) };
  const tokens = await deviceFlow(stack, key, (code) => decideDevice(browser, code));
  const refresh = async () => (await tokenRequest(stack, key, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: 'ccp-cli' })).body.access_token;
  return { key, tokens, refresh, proof: proofFactory(key, await jose.exportJWK(pair.privateKey)) };
}

async function validation(stack, who, count = 4000, rounds = 3) {
  for (const [name, method, path] of [['status', 'GET', '/v1/license/status'], ['refresh', 'POST', '/v1/license/refresh']]) {
    const results = [];
    for (let r = 0; r < rounds; ++r) {
      const token = who.tokens.access_token;
      const requests = Array.from({ length: count }, () => ({
        method, path, body: method === 'POST' ? '{}' : undefined,
        headers: { authorization: `DPoP ${token}`, dpop: who.proof(method, stack.url + path, token), ...(method === 'POST' ? { 'content-type': 'application/json' } : {}) },
      }));
      results.push(await load(stack, requests));
    }
    emit({ name: `${name}_per_second_64`, value: round(median(results.map((r) => r.perSecond)), 0), unit: '1/s' });
    emit({ name: `${name}_p99_64`, value: round(median(results.map((r) => r.p99))), unit: 'ms' });
    emit({ name: `${name}_cpu_per_request`, value: round(median(results.map((r) => r.cpuUs)), 0), unit: 'us' });
  }
}

/** Blocks per second with one durable answer per request of `size` blocks. */
async function ingest(stack, who, size, count, base) {
  const path = '/v1/ingest/rollups', token = who.tokens.access_token;
  const start = Date.UTC(2020, 0, 1);
  const requests = Array.from({ length: count }, (_, i) => ({
    method: 'POST', path,
    headers: { authorization: `DPoP ${token}`, dpop: who.proof('POST', stack.url + path, token), 'content-type': 'application/json' },
    body: JSON.stringify({ rollups: Array.from({ length: size }, (_, k) => ({ period: 'hour', start_at: new Date(start + ((base + i) * size + k) % 50_000 * 3600e3).toISOString().replace('.000', ''), model: `model-${Math.floor(((base + i) * size + k) / 50_000)}`, lane: 'anthropic', requests: 1, errors: 0, input_tokens: 10, output_tokens: 5, cache_read_tokens: 0, cache_write_tokens: 0, revision: 1 })) }),
  }));
  const result = await load(stack, requests);
  return { ...result, blocks: result.perSecond * size };
}

/** The limit: rows of the same size, committed in groups with synchronous=FULL, nothing else done. */
function rawSqlite(dir, batch) {
  const db = new DatabaseSync(join(dir, `raw-${randomUUID()}.db`));
  db.exec('pragma journal_mode=wal; pragma synchronous=full; create table t (id text primary key, a text, b text, c bigint, d bigint)');
  const insert = db.prepare('insert into t values (?, ?, ?, ?, ?)');
  const begin = performance.now();
  let rows = 0;
  while (performance.now() - begin < 1500) {
    db.exec('begin immediate');
    for (let i = 0; i < batch; ++i) insert.run(randomUUID(), 'x'.repeat(60), 'y'.repeat(60), rows++, i);
    db.exec('commit');
  }
  const perSecond = rows / ((performance.now() - begin) / 1000);
  db.close();
  return perSecond;
}
function rawPostgres(stack, batch) {
  stack.postgres.psql('create table if not exists raw_t (id text primary key, a text, b text, c bigint, d bigint)', 'ccp');
  const begin = performance.now();
  const script = join(stack.dir, 'raw.sql');
  writeFileSync(script, `insert into raw_t select gen_random_uuid()::text, repeat('x', 60), repeat('y', 60), g, g from generate_series(1, ${batch}) g;\n`);
  const port = new URL(stack.postgres.url).port;
  const out = execFileSync('/usr/lib/postgresql/15/bin/pgbench', ['-n', '-h', '127.0.0.1', '-p', port, '-U', 'admin', '-f', script, '-T', '2', '-c', '4', '-j', '2', 'ccp'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return Number(/tps = ([\d.]+)/.exec(out)[1]) * batch;
}

async function ingestOn(database) {
  const stack = await Stack.start({ database, deviceConfig: '{interval_s: 1}' });
  try {
    const who = await member(stack);
    await pay(stack, who);
    const size = 100, ours = [], limits = [];
    for (let r = 0; r < 3; ++r) {
      ours.push((await ingest(stack, who, size, 200, r * 200)).blocks);
      limits.push(database === 'sqlite' ? rawSqlite(stack.dir, 256) : rawPostgres(stack, 256));
    }
    emit({ name: `ingest_rollups_per_second_${database}`, value: round(median(ours), 0), unit: '1/s', peer: 'raw group commit', peer_value: round(median(limits), 0), ratio: round(median(ours.map((o, i) => o / limits[i])), 3) });
  } finally { await stack.stop(); }
}

/** Pays for `solo-month` at the provider, without a browser. */
async function pay(stack, who) {
  const call = (method, path, body) => api(stack, who.key, who.tokens.access_token, method, path, body);
  const checkout = (await call('POST', '/v1/billing/checkout', { price: 'solo-month' })).body.checkout;
  const id = new URL(checkout.url).pathname.split('/').pop();
  await fetch(`${stack.providerUrl}/test/checkouts/${id}/pay`, { method: 'POST', headers: { authorization: `Bearer ${stack.secrets['sandbox/api-key']}`, 'content-type': 'application/json' }, body: '{}' });
  const paid = performance.now();
  await until('active', async () => (await call('GET', '/v1/license/status')).body.license.state === 'active', { every: 2 });
  return performance.now() - paid;
}

async function webhookToActive() {
  const times = [];
  for (let i = 0; i < 3; ++i) {
    const stack = await Stack.start({ deviceConfig: '{interval_s: 1}' });
    try {
      const who = await member(stack);
      times.push(await pay(stack, who));
    } finally { await stack.stop(); }
  }
  emit({ name: 'webhook_to_active_license', value: round(median(times), 1), unit: 'ms' });
}

/** `ccp import` beside `ccusage` on the same transcripts, alternating; copies make the data large enough to measure. */
function importBesideCcusage() {
  const source = join(dataDir, 'claude-usage');
  const dir = mkdtempSync(join(tmpdir(), 'ccp-bench-'));
  try {
    if (existsSync(source)) for (let i = 0; i < 20; ++i) cpSync(join(source, 'projects/spotter'), join(dir, `claude/projects/copy-${i}`), { recursive: true });
    else spawnSync(ccpBin, ['dev', 'sample-transcripts', join(dir, 'claude'), '--days', '30']);
    const ccusage = join(root, 'tests/e2e/node_modules/@ccusage/ccusage-linux-x64/bin/ccusage');
    chmodSync(ccusage, 0o755);
    const ours = [], theirs = [];
    const time = (command, args, env) => {
      const begin = performance.now();
      const { status, stderr } = spawnSync(command, args, { env: { ...process.env, ...env }, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${command}: ${stderr}`);
      return performance.now() - begin;
    };
    for (let i = 0; i < 5; ++i) {
      const home = join(dir, `home-${i}`);
      mkdirSync(home);
      ours.push(time(ccpBin, ['import', join(dir, 'claude'), '--json'], { HOME: home, XDG_CONFIG_HOME: join(home, 'c'), XDG_DATA_HOME: join(home, 'd') }));
      theirs.push(time(ccusage, ['daily', '--json', '--offline'], { HOME: home, CLAUDE_CONFIG_DIR: join(dir, 'claude'), TZ: 'UTC'}));
    }
    emit({ name: 'import_transcripts', value: round(median(ours), 0), unit: 'ms', peer: 'ccusage daily', peer_value: round(median(theirs), 0), ratio: round(median(ours.map((o, i) => o / theirs[i])), 3) });
  } finally { rmSync(dir, { recursive: true, force: true }); }
}

async function startAndSize() {
  const stack = await Stack.start({ deviceConfig: '{interval_s: 1}' });
  try {
    const starts = [];
    for (let i = 0; i < 5; ++i) {
      await stack.server.stop();
      const begin = performance.now();
      await stack.startServer();
      starts.push(performance.now() - begin);
    }
    emit({ name: 'cold_start', value: round(median(starts), 0), unit: 'ms' });
    emit({ name: 'resident_memory_idle', value: round(rssMiB(stack.server.child.pid), 1), unit: 'MiB' });
    const who = await member(stack);
    await validation(stack, who);
    emit({ name: 'resident_memory_after_load', value: round(rssMiB(stack.server.child.pid), 1), unit: 'MiB' });
    await login(stack);
    await upgrade(stack, 'solo-month');
    const walls = [];
    for (let i = 0; i < 9; ++i) {
      const begin = performance.now();
      const { code } = await stack.ccp(['status', '--json']);
      if (code !== 0) throw new Error(`ccp status: exit ${code}`);
      walls.push(performance.now() - begin);
    }
    emit({ name: 'ccp_status_wall', value: round(median(walls), 1), unit: 'ms' });
  } finally { await stack.stop(); }
}

/** Calls into plugins: a program of its own, which prints its figures itself. */
function pluginCalls() {
  execFileSync(join(process.env.CCP_BUILD_DIR, 'bench/plugin_calls'), { stdio: ['ignore', 'inherit', 'inherit'] });
}

/**
 * Policy decisions beside engines that nobody here wrote: the same ten rules, the same 2000 inputs, from JSON text to the
 * answer; every engine agrees with the oracle before it is measured. Rounds in shuffled order; ratios are medians of rounds.
 */
async function policyDecide() {
  const program = join(process.env.CCP_BUILD_DIR, 'bench/policy_decide');
  const inputs = join(mkdtempSync(join(tmpdir(), 'ccp-policy-')), 'inputs');
  execFileSync(program, ['inputs', inputs]);
  const peers = ['casbin', 'cedar_wasm', 'cel_js', 'marcbachmann_cel'];
  const sides = Object.fromEntries([...['floor', 'ccp', 'ccp_recording', 'ccp_programs_100', 'ccp_programs_10000'].map((name) => [name, spawn(program, [name, inputs])]),
    ...peers.map((name) => [name, spawn(process.execPath, ['--no-warnings', join(root, 'tests/bench/policy/peers.mjs'), name, inputs])])]);
  const rounds = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (const side of Object.values(sides)) {
    side.stderr.pipe(process.stderr);
    side.lines = createInterface({ input: side.stdout })[Symbol.asyncIterator]();
  }
  const ask = async (name, seconds) => { sides[name].stdin.write(`${seconds}\n`); const { value, done } = await sides[name].lines.next(); if (done) throw new Error(`${name} ended`); return JSON.parse(value); };
  for (const name of Object.keys(sides)) await ask(name, 0.3);  // warm
  for (let round = 0; round < 9; ++round) {
    for (const name of Object.keys(sides).map((n) => [Math.random(), n]).sort().map(([, n]) => n)) rounds[name].push(await ask(name, 0.2));
  }
  for (const side of Object.values(sides)) side.stdin.end();
  rmSync(dirname(inputs), { recursive: true });
  const of = (name, figure) => median(rounds[name].map((r) => r[figure]));
  const times = (a, b, figure = 'perSecond') => round(median(rounds[a].map((r, i) => r[figure] / rounds[b][i][figure])));
  emit({ name: 'policy_decisions_per_second', value: round(of('ccp', 'perSecond'), 0), unit: '1/s of one core' });
  emit({ name: 'policy_decision_p50', value: round(of('ccp', 'p50')), unit: 'us' });
  emit({ name: 'policy_decision_p99', value: round(of('ccp', 'p99')), unit: 'us' });
  for (const peer of peers) emit({ name: `policy_decisions_beside_${peer}`, value: round(of('ccp', 'perSecond'), 0), unit: '1/s of one core', peer: round(of(peer, 'perSecond'), 0), ratio: times('ccp', peer) });
  emit({ name: 'policy_decision_beside_plain_cpp', value: round(1e6 / of('ccp', 'perSecond')), unit: 'us', peer: round(1e6 / of('floor', 'perSecond')), ratio: times('floor', 'ccp') });
  emit({ name: 'policy_decision_recording_fields', value: round(1e6 / of('ccp_recording', 'perSecond')), unit: 'us', peer: round(1e6 / of('ccp', 'perSecond')), ratio: times('ccp', 'ccp_recording') });
  for (const count of [100, 10000]) emit({ name: `policy_decision_of_${count}_programs_in_turn`, value: round(1e6 / of(`ccp_programs_${count}`, 'perSecond')), unit: 'us', peer: round(1e6 / of('ccp', 'perSecond')), ratio: times('ccp', `ccp_programs_${count}`) });
}

/** What the runtime adds to the engine: decisions through it, swaps, offers, a cold start. */
function policyRuntime() {
  execFileSync(join(process.env.CCP_BUILD_DIR, 'bench/policy_runtime'), { stdio: ['ignore', 'inherit', 'inherit'] });
}

const parts = { front: () => front({ emit, member, pay }), policyDecide, policyRuntime, pluginCalls, startAndSize, webhookToActive, sqlite: () => ingestOn('sqlite'), postgresql: () => ingestOn('postgresql'), importBesideCcusage,
  webhooksSqlite: () => webhookIntake('sqlite', { emit }), webhooksPostgresql: () => webhookIntake('postgresql', { emit }), reconcile: () => reconcileAccount({ emit }),
  durableSqlite: () => durableWrites('sqlite', { emit }), durablePostgresql: () => durableWrites('postgresql', { emit }) };
for (const [name, part] of Object.entries(parts)) {
  if (process.argv[2] && process.argv[2] !== name) continue;
  await part();
}
