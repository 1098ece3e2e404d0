// Starts the real programs for one test: ccpd, the sandbox provider and, if asked, a PostgreSQL cluster
// of its own. Everything lives in one temporary directory and ends with stop().
import { spawn, execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { mkdtempSync, mkdirSync, writeFileSync, readFileSync, existsSync, readdirSync, rmSync, openSync, chmodSync, chownSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomBytes } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const buildDir = process.env.CCP_BUILD_DIR ?? join(root, 'build/dev');
export const dataDir = process.env.CCP_TEST_DATA ?? join(root, '../shared/data');
export const ccpBin = join(buildDir, 'bin/ccp');

const portsDir = join(tmpdir(), 'ccp-test-ports');
const kept = new Set();
process.on('exit', () => { for (const file of kept) rmSync(file, { force: true }); });

/** Whether the port is this process's until it ends. A file tells the tests that run beside this one. */
function reserve(port) {
  // Named by the process: of one that is gone the file means nothing, and is left for whoever clears the folder.
  mkdirSync(portsDir, { recursive: true });
  const taken = (owner) => { try { process.kill(owner, 0); return true; } catch (error) { return error.code !== 'ESRCH'; } };
  const others = () => readdirSync(portsDir).some((name) => {
    const [of, owner] = name.split('-').map(Number);
    return of === port && owner !== process.pid && taken(owner);
  });
  const file = join(portsDir, `${port}-${process.pid}`);
  if (kept.has(file) || others()) return false;
  writeFileSync(file, '');
  kept.add(file);
  return !others();  // who came at the same moment sees us as well: both look further
}

/**
 * A port for a server that is started later: public_url must be known before the server listens. It is not
 * in the range that the system gives to connections (from 32768), and no other test gets it meanwhile.
 */
export async function freePort() {
  for (;;) {
    const port = 12000 + Math.floor(Math.random() * 20000);
    if (!reserve(port)) continue;
    const free = await new Promise((done) => {
      const server = createServer();
      server.on('error', () => done(false));
      server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
    });
    if (free) return port;
  }
}

/** Waits until check() gives a truthy value; fails with what it waited for. */
export async function until(what, check, { timeout = 30_000, every = 50 } = {}) {
  const end = Date.now() + timeout;
  let last;
  for (;;) {
    try { const value = await check(); if (value) return value; } catch (error) { if (error.fatal) throw error; last = error; }
    if (Date.now() > end) throw new Error(`timed out waiting for ${what}${last ? `: ${last.message}` : ''}`);
    await new Promise((r) => setTimeout(r, every));
  }
}

/** A process with its output in a log file; ends with the test run even when that dies. */
export class Program {
  constructor(name, command, args, { dir, env = {} }) {
    this.name = name;
    this.log = join(dir, `${name}.log`);
    const out = openSync(this.log, 'a');
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
      stdio: ['ignore', out, out], env: { ...process.env, ...env }, cwd: dir,
    });
    this.exited = new Promise((done) => this.child.on('exit', (code, signal) => { this.exit = { code, signal }; done(this.exit); }));
  }
  get running() { return this.exit === undefined; }
  output() { return existsSync(this.log) ? readFileSync(this.log, 'utf8') : ''; }
  kill(signal = 'SIGKILL') { if (this.running) this.child.kill(signal); return this.exited; }
  async stop() {
    if (!this.running) return this.exit;
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), 20_000);
    const exit = await this.exited;
    clearTimeout(late);
    return exit;
  }
}

/** A PostgreSQL 15 cluster owned by an unprivileged user, with a role that is no superuser. */
export async function startPostgres(dir, { fsync = false } = {}) {
  const bin = '/usr/lib/postgresql/15/bin';
  const home = join(dir, 'pg');
  mkdirSync(home, { recursive: true });
  let as = [];
  if (process.getuid() === 0) {
    const uid = Number(execFileSync('id', ['-u', 'postgres']));
    const gid = Number(execFileSync('id', ['-g', 'postgres']));
    for (let d = dir; d !== tmpdir() && d !== '/'; d = dirname(d)) chmodSync(d, 0o755);
    chownSync(home, uid, gid);
    as = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  }
  const run = (cmd, args) => {
    const all = [...as, cmd, ...args];
    execFileSync(all[0], all.slice(1), { stdio: 'ignore', cwd: home });
  };
  run(`${bin}/initdb`, ['-D', `${home}/data`, '-A', 'trust', '-U', 'admin', '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8']);
  const port = await freePort();
  const command = [...as, `${bin}/postgres`, '-D', `${home}/data`, '-c', 'listen_addresses=127.0.0.1', '-c', `port=${port}`,
    '-c', `unix_socket_directories=${home}`, '-c', `fsync=${fsync ? 'on' : 'off'}`, '-c', 'synchronous_commit=on', '-c', 'max_connections=200'];
  const begin = () => new Program('postgres', command[0], command.slice(1), { dir });
  const program = begin();
  const psql = (sql, db = 'postgres') => execFileSync('psql', ['-h', '127.0.0.1', '-p', String(port), '-U', 'admin', '-d', db, '-qAtc', sql], { encoding: 'utf8' });
  await until('PostgreSQL', () => psql('select 1').trim() === '1');
  psql('create role ccp login');
  psql('create database ccp owner ccp');
  const cluster = { url: `postgresql://ccp@127.0.0.1:${port}/ccp`, psql, program };
  /** As an upgrade does it: every connection ends, and the same data come back. */
  cluster.restart = async () => {
    await cluster.program.kill('SIGINT');
    cluster.program = begin();
    await until('PostgreSQL to come back', () => psql('select 1').trim() === '1');
  };
  return cluster;
}

const prices = `
  - {id: community, title: Community, limits: {seats: 1, devices: 3}}
  - id: solo
    title: Solo
    entitlements: [zai_offload, dashboards]
    limits: {seats: 1, devices: 3}
    prices:
      - {id: solo-month, per: seat, interval: month, amount_minor: 2900, currency: USD, providers: {sandbox: {price: solo-month}, polar: {product: 11111111-1111-4111-8111-111111111111}}}
      - {id: solo-trial, per: seat, interval: month, amount_minor: 2900, currency: USD, trial_days: 14, providers: {sandbox: {price: solo-trial}}}
  - id: team
    title: Team
    entitlements: [zai_offload, dashboards, reviewer_bot]
    limits: {seats: 20, devices: 5}
    prices:
      - {id: team-month, per: seat, interval: month, amount_minor: 2500, currency: USD, providers: {sandbox: {price: team-month}, polar: {product: 33333333-3333-4333-8333-333333333333}}}
`;

/** The catalog with Stripe's prices too: price_solo_month and so on. */
const withStripe = (yaml) => yaml.replace(/sandbox: \{price: ([a-z-]+)\}/g, (all, id) => `${all}, stripe: {price: price_${id.replaceAll('-', '_')}}`);

export class Stack {
  /**
   * options: database 'sqlite' | 'postgresql', yaml (text appended to ccp.yaml), env, polarBaseUrl, stripeBaseUrl,
   * billingDefault, billing (more of its section: ', calls_per_minute: 6000'),
   * fsync (PostgreSQL writes durably), signup, server (more of its section: 'threads: 8'), mail (yaml of the mail section), publicUrl, pluginDir (fills a folder to load plugins from),
   * tls ({cert, key, ca, settings}: files, and more of server.tls as yaml; the url becomes https://localhost, and this process trusts ca),
   * secrets ({id: value}), plugins (function of the stack: more instances, as yaml list items), start (false: no ccpd yet)
   */
  static async start(options = {}) {
    const stack = new Stack();
    stack.options = options;
    stack.dir = mkdtempSync(join(tmpdir(), 'ccp-e2e-'));
    stack.stateDir = join(stack.dir, 'state');
    stack.port = await freePort();
    stack.adminPort = await freePort();
    stack.providerPort = await freePort();
    stack.url = options.tls ? `https://localhost:${stack.port}` : `http://127.0.0.1:${stack.port}`;
    if (options.tls) setDefaultCACertificates([...getCACertificates('default'), readFileSync(stack.caFile = options.tls.ca ?? options.tls.cert, 'utf8')]);
    stack.adminUrl = `http://127.0.0.1:${stack.adminPort}`;
    stack.providerUrl = `http://127.0.0.1:${stack.providerPort}`;
    stack.secrets = {
      'sandbox/api-key': `sbx_${randomBytes(24).toString('hex')}`,
      'sandbox/webhook': `whsec_${randomBytes(32).toString('base64')}`,
      'polar/token': 'polar_oat_test0000000000000000',
      'stripe/key': 'sk_test_1234567890abcdefghij',
      'stripe/webhook': 'whsec_0123456789abcdef0123456789abcdef',
      'polar/webhook': options.polarSecret ?? `whsec_${randomBytes(32).toString('base64')}`,
      'mail/password': 'mail-password',
      ...options.secrets,
    };
    for (const [id, value] of Object.entries(stack.secrets)) {
      const path = join(stack.stateDir, 'secrets', id);
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(path, value, { mode: 0o600 });
    }
    chmodSync(stack.stateDir, 0o700);
    // CCP_TEST_ISOLATION=process runs any suite with its plugins in processes of their own.
    const wanted = options.isolation ?? process.env.CCP_TEST_ISOLATION;
    const isolation = wanted ? `\n    isolation: ${wanted}` : '';
    try {
      let storeUrl = `sqlite://${stack.stateDir}/ccp.db`;
      if (options.database === 'postgresql') {
        stack.postgres = await startPostgres(stack.dir, { fsync: options.fsync });
        storeUrl = stack.postgres.url;
      }
      stack.storeUrl = storeUrl;
      let pluginDir;
      if (options.pluginDir) {
        pluginDir = join(stack.dir, 'plugins');
        mkdirSync(pluginDir, { mode: 0o755 });
        options.pluginDir(pluginDir);
      }
      stack.config = join(stack.dir, 'ccp.yaml');
      writeFileSync(stack.config, `mode: dev
signup: ${options.signup ?? 'open'}
state_dir: ${stack.stateDir}
product: {id: acme-cli, name: Acme CLI}
server: {public_url: "${stack.url}", listen: "127.0.0.1:${stack.port}", admin_listen: "127.0.0.1:${stack.adminPort}"${options.tls ? `, tls: {cert_file: ${options.tls.cert}, key_file: ${options.tls.key}${options.tls.settings ?? ''}}` : ''}${options.server ? `, ${options.server}` : ''}}
store: {url: "${storeUrl}"}
${pluginDir ? `plugin_dir: ${pluginDir}` : ''}
billing: {default: ${options.billingDefault ?? 'sandbox'}, grace_days: 7${options.billing ?? ''}}
${options.mail ? `mail: ${options.mail}` : ''}
plugins:
  - {name: device, plugin: ccp.auth-deviceflow${wanted ? `, isolation: ${wanted}` : ''}${options.deviceConfig ? `, config: ${options.deviceConfig}` : ''}}
  - name: sandbox
    plugin: ccp.billing-sandbox${isolation}
    config: {base_url: "${stack.providerUrl}", api_key: {$secret: sandbox/api-key}, webhook_secret: {$secret: sandbox/webhook}}
    egress: ["${stack.providerUrl}"]
    egress_private: true
  - name: polar
    plugin: ccp.billing-polar${isolation}
    config: {${options.polarBaseUrl ? `base_url: "${options.polarBaseUrl}"` : 'server: sandbox'}, access_token: {$secret: polar/token}, webhook_secret: {$secret: polar/webhook}}
    ${options.polarBaseUrl ? `egress: ["${options.polarBaseUrl}"]\n    egress_private: true` : ''}
${options.stripeBaseUrl ? `  - name: stripe
    plugin: ccp.billing-stripe${isolation}
    config: {base_url: "${options.stripeBaseUrl}", livemode: false, api_key: {$secret: stripe/key}, webhook_secret: {$secret: stripe/webhook}}
    egress: ["${options.stripeBaseUrl}"]
    egress_private: true
` : ''}${options.plugins?.(stack) ?? ''}
plans:
  fallback: community
  catalog: ${(options.stripeBaseUrl ? withStripe(prices) : prices).replaceAll('\n', '\n  ')}
${options.yaml ?? ''}
`);
      await stack.startProvider();
      if (options.start === false) return stack;
      await stack.startServer();
      return stack;
    } catch (error) {
      await stack.stop({ keep: true });
      throw error;
    }
  }

  /** The sandbox provider speaks clear text on loopback only: with TLS somebody carries its webhooks on. */
  async carryWebhooks() {
    this.carrier = createHttpServer((request, response) => {
      const onward = httpsRequest(this.url + request.url, { method: request.method, headers: { ...request.headers, host: new URL(this.url).host }, ca: readFileSync(this.caFile) },
        (answer) => { response.writeHead(answer.statusCode, answer.headers); answer.pipe(response); });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
    await new Promise((done) => this.carrier.listen(0, '127.0.0.1', done));
    this.carrier.unref();
    return `http://127.0.0.1:${this.carrier.address().port}`;
  }

  async startProvider() {
    this.webhookUrl ??= this.caFile ? await this.carryWebhooks() : this.url;
    this.provider = new Program('provider', join(buildDir, 'bin/ccp-sandbox-provider'), [
      '--listen', `127.0.0.1:${this.providerPort}`, '--api-key-file', join(this.stateDir, 'secrets/sandbox/api-key'),
      '--webhook-url', `${this.webhookUrl}/webhooks/sandbox`, '--webhook-secret-file', join(this.stateDir, 'secrets/sandbox/webhook'),
      '--state', join(this.dir, 'provider.json'), '--port-file', join(this.dir, 'provider-port.json'),
    ], { dir: this.dir });
    await until('the sandbox provider', async () => {
      if (!this.provider.running) throw new Error(`it exited: ${this.provider.output().slice(-2000)}`);
      return (await fetch(`${this.providerUrl}/healthz`)).ok;
    });
  }

  async startServer(env = {}) {
    this.server = new Program('ccpd', join(buildDir, 'bin/ccpd'), ['--config', this.config], { dir: this.dir, env: { ...this.options.env, ...env } });
    const server = this.server;
    await until('ccpd', async () => {
      if (!server.running) throw Object.assign(new Error(`ccpd exited (${JSON.stringify(server.exit)}): ${server.output().slice(-3000)}`), { fatal: true });
      return (await fetch(`${this.adminUrl}/readyz`)).ok;
    }, { timeout: 60_000 });
  }

  get operatorKey() { return readFileSync(join(this.stateDir, 'operator.key'), 'utf8').trim(); }

  /** Operator API. */
  async admin(method, path, body) {
    const answer = await fetch(this.url + path, {
      method, headers: { authorization: `Bearer ${this.operatorKey}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
    return { status: answer.status, body: answer.headers.get('content-type')?.includes('json') ? await answer.json() : await answer.text() };
  }

  /** Runs `ccp` with its own home; returns {code, stdout, stderr, json}. */
  ccp(args, { home = join(this.dir, 'home'), env = {}, onLine } = {}) {
    mkdirSync(home, { recursive: true });
    return new Promise((done) => {
      const child = spawn(ccpBin, args, {
        env: { ...process.env, HOME: home, XDG_CONFIG_HOME: join(home, '.config'), XDG_DATA_HOME: join(home, '.local/share'), CCP_SERVER: this.url, NO_COLOR: '1', ...(this.caFile ? { CCP_CA_FILE: this.caFile } : {}), BROWSER: '/bin/true', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '', stderr = '', pending = '';
      child.stdout.on('data', (d) => {
        stdout += d;
        pending += d;
        for (let nl; (nl = pending.indexOf('\n')) >= 0; pending = pending.slice(nl + 1)) onLine?.(pending.slice(0, nl));
      });
      child.stderr.on('data', (d) => { stderr += d; });
      child.on('exit', (code) => {
        let json;
        try { json = JSON.parse(stdout); } catch { /* several lines, or text for people */ }
        done({ code, stdout, stderr, json });
      });
    });
  }

  async stop({ keep = false } = {}) {
    const exit = await this.server?.stop();
    await this.provider?.kill();
    this.carrier?.closeAllConnections();
    this.carrier?.close();
    await this.postgres?.program.kill('SIGINT');
    const output = this.server?.output() ?? '';
    // A sanitizer report is a failure even when every answer was right.
    const report = /ERROR: (Address|Leak)Sanitizer|runtime error:/.exec(output);
    if (!keep && !process.env.CCP_E2E_KEEP) rmSync(this.dir, { recursive: true, force: true });
    if (report) throw new Error(`sanitizer report from ccpd:\n${output.slice(output.indexOf(report[0]) - 200).slice(0, 4000)}`);
    return exit;
  }
}
