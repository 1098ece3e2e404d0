// The front door: online validation (POST /oauth/introspect) beside nginx, which only says `return 200`, and beside a
// Node service that does the same job; at 64, 1,000 and 8,000 connections, in interleaved rounds of one run.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program, Stack, buildDir, freePort, root, until } from '../e2e/support/stack.mjs';
import { familyOf, haveWrk, wrkLoad, wrkReplay } from './wrk.mjs';

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const round = (n, digits = 2) => Number(n.toFixed(digits));
const rounds = Number(process.env.CCP_BENCH_ROUNDS ?? 5);
const sizes = (process.env.CCP_BENCH_CONNECTIONS ?? '64,1000,8000').split(',').map(Number);

/** What must hold; the goals are what we aim for. */
const gates = { node: { least: 8, goal: 12 }, nginxAt64: { least: 0.6, goal: 0.8 }, rssOfNode: { most: 1 / 5 }, p99OfNginx: { most: 1.5 } };

function certificate(dir) {
  const files = { cert: join(dir, 'bench.crt'), key: join(dir, 'bench.key') };
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' });
  return files;
}

/** nginx with a configuration of its own; answers `body` to everything, in clear text and over TLS. */
async function startNginx(dir, body, files) {
  const [port, tlsPort] = [await freePort(), await freePort()];
  mkdirSync(join(dir, 'nginx'));
  writeFileSync(join(dir, 'nginx/nginx.conf'), `
user root; worker_processes 2; worker_rlimit_nofile 20000; daemon off; pid ${dir}/nginx/pid; error_log ${dir}/nginx/error.log crit;
events { worker_connections 12000; multi_accept on; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600; default_type application/json; client_body_buffer_size 16k;
  ${['client_body', 'proxy', 'fastcgi'].map((name) => `${name}_temp_path ${dir}/nginx/${name};`).join(' ')}
  server {
    listen 127.0.0.1:${port} reuseport backlog=8192;
    listen 127.0.0.1:${tlsPort} ssl reuseport backlog=8192;
    ssl_certificate ${files.cert}; ssl_certificate_key ${files.key}; ssl_protocols TLSv1.2 TLSv1.3;
    location / { add_header Cache-Control no-store; return 200 '${body}'; }
  }
}`);
  const program = new Program('nginx', '/usr/sbin/nginx', ['-c', join(dir, 'nginx/nginx.conf')], { dir });
  const url = `http://127.0.0.1:${port}`;
  await until('nginx', async () => { if (!program.running) throw Object.assign(new Error(program.output()), { fatal: true }); return (await fetch(url)).ok; });
  return { program, url, tlsUrl: `https://127.0.0.1:${tlsPort}` };
}

async function startNode(dir, config) {
  const home = join(dir, 'node');
  mkdirSync(home);
  writeFileSync(join(home, 'config.json'), JSON.stringify(config));
  const program = new Program('node-peer', process.execPath, [join(root, 'tests/bench/node/server.mjs'), home], { dir, env: { NODE_ENV: 'production' } });
  const port = await until('the Node server', () => {
    if (!program.running) throw Object.assign(new Error(program.output()), { fatal: true });
    return /\{"port":(\d+)\}/.exec(program.output())?.[1];
  });
  return { program, url: `http://127.0.0.1:${port}` };
}

/** Access tokens as this server would sign them. */
function mint(stack, token, count) {
  const { status, stdout, stderr } = spawnSync(join(buildDir, 'bench/mint_tokens'), [stack.config, String(count)], { input: `${token}\n`, encoding: 'utf8', maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim().split('\n');
}

/** One of our servers with a paying organization: what it takes to ask it. */
async function ours({ member, pay }, options = {}) {
  const stack = await Stack.start({ deviceConfig: '{interval_s: 1}', yaml: 'license: {access_ttl: 24h}',
    server: 'max_connections: 12000, max_connections_per_address: 12000, verifications_per_second_per_address: 0, idle_timeout: 10m', ...options });
  const who = await member(stack);
  await pay(stack, who);
  const key = readFileSync(join(stack.stateDir, 'introspection.key'), 'utf8').trim();
  const ask = (token) => ({ method: 'POST', path: '/oauth/introspect', body: `token=${token}`,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-www-form-urlencoded' } });
  const post = async (url, token) => {
    const { headers, body } = ask(token);
    const answer = await fetch(`${url}/oauth/introspect`, { method: 'POST', headers, body });
    assert.equal(answer.status, 200);
    return answer.json();
  };
  // A fresh token: the login's is of the license version before the payment.
  const fresh = await who.refresh();
  return { stack, key, ask, post, token: fresh, mint: (count) => mint(stack, fresh, count) };
}

function describe(side, connections, results) {
  const of = (figure) => median(results.map((r) => r[figure]));
  return { side, connections, perSecond: round(of('perSecond'), 0), p50: round(of('p50')), p99: round(of('p99')), cpuUs: round(of('cpuUs'), 1), rssMiB: round(of('rssMiB'), 1), failed: results.reduce((n, r) => n + r.failed, 0) };
}

export async function front({ emit, member, pay }) {
  if (!haveWrk()) throw new Error('wrk is not installed; run: scripts/install-deps tests');
  const programs = [], stacks = [];
  try {
    const plain = await ours({ member, pay });
    stacks.push(plain.stack);
    const tokens = plain.mint(512), requests = tokens.map(plain.ask);
    const answer = await plain.post(plain.stack.url, tokens[0]);
    assert.equal(answer.active, true);
    const files = certificate(plain.stack.dir);
    const jwks = await (await fetch(`${plain.stack.url}/.well-known/jwks.json`)).json();
    const nginx = await startNginx(plain.stack.dir, JSON.stringify(answer), files);
    programs.push(nginx.program);
    const node = await startNode(plain.stack.dir, { apiKey: plain.key, jwks, issuer: plain.stack.url, audience: 'acme-cli', licenses: [{ org: answer.org, ...answer.license }] });
    programs.push(node.program);
    assert.deepEqual(await plain.post(node.url, tokens[0]), answer);  // the same job
    assert.equal((await plain.post(node.url, `${tokens[0].slice(0, -8)}AAAAAAAA`)).active, false);

    // A server of its own: ten thousands of remembered tokens are no part of what the others' memory is compared with.
    const unknown = await ours({ member, pay });
    stacks.push(unknown.stack);
    // Long enough for thousands of handshakes to be the smaller part of it.
    const load = (url, pid, asked = requests) => (connections) => wrkLoad(url, asked, { connections,
      seconds: connections < 8000 ? 2 : url.startsWith('https') ? 15 : 4, pids: familyOf(pid) });
    const sides = {
      nginx: load(nginx.url, nginx.program.child.pid),
      node: load(node.url, node.program.child.pid),
      cached: load(plain.stack.url, plain.stack.server.child.pid),
      cold: (connections) => wrkReplay(unknown.stack.url, unknown.mint(12_000).map(unknown.ask), { connections, pids: familyOf(unknown.stack.server.child.pid) }),
    };
    if (process.env.CCP_BENCH_TLS !== '0') {
      sides.nginx_tls = load(nginx.tlsUrl, nginx.program.child.pid);
      sides.cached_tls = null;
    }
    if (sides.cached_tls === null) {
      const secure = await ours({ member, pay }, { tls: files });
      stacks.push(secure.stack);
      sides.cached_tls = load(secure.stack.url.replace('localhost', '127.0.0.1'), secure.stack.server.child.pid, secure.mint(512).map(secure.ask));
    }
    const only = process.env.CCP_BENCH_SIDES?.split(',');
    const names = Object.keys(sides).filter((name) => !only || only.includes(name));
    for (const name of names) await sides[name](64);  // warm
    const table = [];
    for (const connections of sizes) {
      const results = Object.fromEntries(names.map((name) => [name, []]));
      for (let r = 0; r < rounds; ++r) {
        for (const name of names.map((n) => [Math.random(), n]).sort().map(([, n]) => n)) results[name].push(await sides[name](connections));
      }
      const ratio = (a, b, figure = 'perSecond') => round(median(results[a].map((x, i) => x[figure] / results[b][i][figure])), 3);
      for (const name of names) {
        const d = describe(name, connections, results[name]);
        table.push(d);
        emit({ name: `validation_${name}_${connections}`, value: d.perSecond, unit: '1/s', p50_ms: d.p50, p99_ms: d.p99, cpu_us: d.cpuUs, rss_mib: d.rssMiB, failed: d.failed });
      }
      const gate = (name, value, { least, most, goal }) => emit({ name, value, unit: 'ratio', ...(least ? { least } : { most: round(most, 3) }), ...(goal ? { goal } : {}), gate: (least ? value >= least : value <= most) ? 'pass' : 'FAIL' });
      const has = (...wanted) => wanted.every((name) => names.includes(name));
      if (has('cached', 'node')) gate(`cached_beside_node_${connections}`, ratio('cached', 'node'), gates.node);
      if (has('cached', 'nginx')) (connections === 64 ? (n, v) => gate(n, v, gates.nginxAt64) : (n, v) => emit({ name: n, value: v, unit: 'ratio' }))(`cached_beside_nginx_${connections}`, ratio('cached', 'nginx'));
      if (has('cached_tls', 'nginx_tls')) emit({ name: `cached_tls_beside_nginx_tls_${connections}`, value: ratio('cached_tls', 'nginx_tls'), unit: 'ratio' });
      if (has('cached', 'node')) emit({ name: `cached_cpu_beside_node_${connections}`, value: ratio('cached', 'node', 'cpuUs'), unit: 'ratio' });
      if (has('cold', 'node')) emit({ name: `cold_cpu_beside_node_${connections}`, value: ratio('cold', 'node', 'cpuUs'), unit: 'ratio' });
      if (connections === 8000 && has('cached', 'node')) gate('memory_beside_node_8000', ratio('cached', 'node', 'rssMiB'), gates.rssOfNode);
      if (connections === 1000 && has('cached', 'nginx')) gate('p99_beside_nginx_1000', ratio('cached', 'nginx', 'p99'), gates.p99OfNginx);
    }
    console.error('side        conns      req/s   p50 ms   p99 ms  CPU us   RSS MiB  failed');
    for (const d of table) console.error(`${d.side.padEnd(11)}${String(d.connections).padStart(6)}${String(d.perSecond).padStart(11)}${String(d.p50).padStart(9)}${String(d.p99).padStart(9)}${String(d.cpuUs).padStart(8)}${String(d.rssMiB).padStart(10)}${String(d.failed).padStart(8)}`);
  } finally {
    for (const program of programs) await program.kill('SIGTERM');
    for (const stack of stacks) await stack.stop();
  }
}
