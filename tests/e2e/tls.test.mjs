// TLS of the real server, judged by clients that nobody here wrote: openssl s_client, sslscan, curl, Node.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import https from 'node:https';
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, renameSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { Stack, until } from './support/stack.mjs';
import { signInAsDemo, login, upgrade } from './support/flows.mjs';
import { Authority, run } from './support/authority.mjs';

const long = process.env.CCP_LONG_HTTP !== undefined;  // scripts/check
const halfOpen = long ? 1000 : 150;

let dir, authority, clusters;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ccp-tls-'));
  authority = new Authority(dir, 'servers');
  clusters = new Authority(dir, 'clusters');
});
after(() => rmSync(dir, { recursive: true, force: true }));

let number = 0;
/** A stack whose ccpd ends TLS itself; `settings` is more of its section. */
async function secure(t, { settings = '', ...options } = {}) {
  const pair = authority.issue(`server-${++number}`, { names: 'DNS:localhost,IP:127.0.0.1' });
  const stack = await Stack.start({ ...options, tls: { ...pair, ca: authority.certFile, settings } });
  t.after(() => stack.stop());
  stack.pair = pair;
  return stack;
}

/** One request; resolves with status, body and the session's facts, rejects with the socket's error. */
function get(stack, path = '/.well-known/jwks.json', options = {}) {
  return new Promise((done, fail) => {
    const request = https.request({ host: 'localhost', port: stack.port, path, ca: authority.cert, ...options }, (answer) => {
      let body = '';
      const fingerprint = answer.socket.getPeerCertificate().fingerprint256;
      answer.on('data', (d) => { body += d; }).on('end', () => done({ status: answer.statusCode, body, headers: answer.headers, fingerprint, reused: request.reusedSocket }));
      answer.on('error', fail);
    });
    request.on('error', fail);
    request.end(options.body);
  });
}
const fingerprint = (file) => new X509Certificate(readFileSync(file)).fingerprint256;

/** openssl s_client with a request on stdin; its exit code is no verdict, the text is. */
function client(stack, args, input = 'GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n') {
  return run('openssl', ['s_client', '-connect', `localhost:${stack.port}`, '-servername', 'localhost', '-CAfile', authority.certFile, '-ign_eof', ...args], { input, timeout: 20_000 });
}

test('TLS 1.2 and 1.3 answer, with a verified certificate; nothing older does', async (t) => {
  const stack = await secure(t);
  for (const [option, version] of [['-tls1_2', 'TLSv1.2'], ['-tls1_3', 'TLSv1.3']]) {
    const { text } = await client(stack, [option]);
    assert.match(text, new RegExp(`New, ${version}, Cipher is (ECDHE-|TLS_)\\S+`));
    assert.match(text, /Verify return code: 0 \(ok\)/);
    assert.match(text, /Compression: NONE/);
    assert.match(text, /HTTP\/1\.1 200 OK/);
    assert.match(text, /"keys"/);
  }
  for (const option of ['-tls1', '-tls1_1']) {
    const { text } = await client(stack, [option, '-cipher', 'ALL:@SECLEVEL=0']);
    assert.match(text, /Cipher is \(NONE\)|no protocols available|alert protocol version/);
    assert.doesNotMatch(text, /HTTP\/1\.1/);
  }
  const curl = await run('curl', ['-sS', '--cacert', authority.certFile, '-o', '/dev/null', '-w', '%{http_code} %{http_version} %{ssl_verify_result}', `${stack.url}/.well-known/jwks.json`]);
  assert.equal(curl.text, '200 1.1 0');
});

test('ALPN chooses http/1.1, and tells who wants something else', async (t) => {
  const stack = await secure(t);
  assert.match((await client(stack, ['-alpn', 'h2,http/1.1'])).text, /ALPN protocol: http\/1\.1/);
  const { text } = await client(stack, ['-alpn', 'h2']);
  assert.match(text, /no application protocol/i);
  assert.doesNotMatch(text, /HTTP\/1\.1/);
});

test('sessions are resumed in both versions', async (t) => {
  const stack = await secure(t);
  for (const option of ['-tls1_2', '-tls1_3']) {
    const session = join(dir, `session${option}`);
    assert.match((await client(stack, [option, '-sess_out', session])).text, /New, TLSv1/);
    assert.ok(existsSync(session), 'a ticket came');
    const { text } = await client(stack, [option, '-sess_in', session]);
    assert.match(text, /Reused, TLSv1/);
    assert.match(text, /HTTP\/1\.1 200 OK/);
  }
  const metrics = await (await fetch(`${stack.adminUrl}/metrics`)).text();
  assert.match(metrics, /ccp_tls_handshakes_total\{resumed="true",version="1\.2"\} 1/);
  assert.match(metrics, /ccp_tls_handshakes_total\{resumed="true",version="1\.3"\} 1/);
});

test('renegotiation is refused', async (t) => {
  const stack = await secure(t);
  // "R" on a line of its own asks s_client to renegotiate.
  const { text } = await run('openssl', ['s_client', '-connect', `localhost:${stack.port}`, '-CAfile', authority.certFile, '-tls1_2'], { input: 'R\n', keepOpen: 1500, timeout: 20_000 });
  assert.match(text, /RENEGOTIATING/);
  assert.match(text, /no renegotiation/i);
});

test('sslscan finds no weak protocol, cipher, group or signature', async (t) => {
  const stack = await secure(t);
  const { text } = await run('sslscan', ['--no-colour', '--show-certificate', `localhost:${stack.port}`], { timeout: 60_000 });
  for (const old of ['SSLv2', 'SSLv3', 'TLSv1.0', 'TLSv1.1']) assert.match(text, new RegExp(`${old.replace('.', '\\.')} +disabled`));
  for (const now of ['TLSv1.2', 'TLSv1.3']) assert.match(text, new RegExp(`${now.replace('.', '\\.')} +enabled`));
  assert.match(text, /Session renegotiation not supported|Secure session renegotiation supported/);
  assert.doesNotMatch(text, /Insecure session renegotiation/);
  assert.match(text, /Compression disabled|does not support compression/);
  assert.doesNotMatch(text, /(?<!not )vulnerable to heartbleed/);
  const ciphers = [...text.matchAll(/^(?:Preferred|Accepted) +(TLSv1\.[0-9]) +(\d+) bits +(\S+)/gm)].map(([, version, bits, name]) => ({ version, bits: Number(bits), name }));
  assert.ok(ciphers.length >= 5, text);
  for (const { version, bits, name } of ciphers) {
    assert.ok(bits >= 128, name);
    assert.match(name, version === 'TLSv1.3' ? /^TLS_(AES_\d+_GCM|CHACHA20)/ : /^ECDHE-(ECDSA|RSA)-(AES\d+-GCM-SHA\d+|CHACHA20-POLY1305)$/);
  }
  const groups = [...text.matchAll(/^TLSv1\.[23] +(\d+) bits +(\S+)/gm)].map(([, , name]) => name);
  for (const group of groups.filter((name) => !/ECDHE|TLS_/.test(name))) assert.match(group, /x25519|secp256r1|secp384r1|NIST P-(256|384)/i);
});

test('http:// on the port of TLS gets an answer that says so', async (t) => {
  const stack = await secure(t);
  const answer = await fetch(`http://127.0.0.1:${stack.port}/`);
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /speaks TLS/);
});

test('certificates change under load without one failed request, and a bad one changes nothing', async (t) => {
  const stack = await secure(t);
  const seen = new Map();
  let failures = [], done = false, requests = 0;
  const kept = new https.Agent({ keepAlive: true, maxSockets: 4, ca: authority.cert });
  const worker = async (agent) => {
    while (!done) {
      try {
        const answer = await get(stack, '/.well-known/jwks.json', { agent });
        assert.equal(answer.status, 200);
        seen.set(answer.fingerprint, (seen.get(answer.fingerprint) ?? 0) + 1);
        ++requests;
      } catch (error) { failures.push(error); }
    }
  };
  const workers = [kept, kept, kept, kept, false, false, false].map(worker);
  const put = (pair) => {
    for (const kind of ['cert', 'key']) {
      writeFileSync(`${stack.pair[kind]}.new`, readFileSync(pair[kind]), { mode: 0o600 });
      renameSync(`${stack.pair[kind]}.new`, stack.pair[kind]);
    }
  };
  const old = fingerprint(stack.pair.cert);
  const second = authority.issue(`second-${number}`, { names: 'DNS:localhost,IP:127.0.0.1' });
  const third = authority.issue(`third-${number}`, { names: 'DNS:localhost,IP:127.0.0.1' });
  const wanted = [fingerprint(second.cert), fingerprint(third.cert)];
  put(second);
  await until('the second certificate', async () => seen.has(wanted[0]), { timeout: 15_000 });
  // The certificate of one pair with the key of another.
  put({ cert: third.cert, key: second.key });
  await until('the refusal', async () => /"event":"tls\.certificate_refused"/.test(stack.server.output()), { timeout: 15_000 });
  assert.match(await (await fetch(`${stack.adminUrl}/metrics`)).text(), /ccp_tls_certificate_current 0/);
  assert.equal((await get(stack, undefined, { agent: false })).fingerprint, wanted[0]);
  // At once, without waiting for the watch.
  put(third);
  stack.server.child.kill('SIGHUP');
  await until('the third certificate', async () => seen.has(wanted[1]), { timeout: 15_000 });
  done = true;
  await Promise.all(workers);
  kept.destroy();
  assert.deepEqual(failures, []);
  assert.ok(requests > 100, `${requests} requests`);
  assert.ok(seen.get(old) > 0 || requests > 0);
  assert.deepEqual([...seen.keys()].filter((print) => print !== old && !wanted.includes(print)), []);
  assert.match(await (await fetch(`${stack.adminUrl}/metrics`)).text(), /ccp_tls_certificate_current 1/);
});

test('some paths need a certificate of a client; what it proves does not replace the credential', async (t) => {
  const stack = await secure(t, { settings: `, client_ca_file: ${clusters.certFile}, client_auth: optional, client_paths: [/v1/license]` });
  const good = clusters.issue('cluster-7', { usage: 'clientAuth' });
  const stranger = authority.issue('stranger', { usage: 'clientAuth' });
  const shown = (pair) => ({ cert: readFileSync(pair.cert), key: readFileSync(pair.key), agent: false });
  assert.equal((await get(stack, '/.well-known/jwks.json', { agent: false })).status, 200);
  const without = await get(stack, '/v1/license/status', { agent: false });
  assert.equal(without.status, 403);
  assert.equal(JSON.parse(without.body).code, 'client_certificate_required');
  const shownGood = await get(stack, '/v1/license/status', shown(good));
  assert.equal(shownGood.status, 401, 'the certificate is asked for beside the token');
  await assert.rejects(get(stack, '/.well-known/jwks.json', shown(stranger)), /alert|ECONNRESET|unknown ca/i);
  assert.match((await client(stack, ['-cert', good.cert, '-key', good.key])).text, /Acceptable client certificate CA names[\s\S]*clusters[\s\S]*HTTP\/1\.1 200/);
});

test('with client_auth: required nobody talks without a certificate', async (t) => {
  const stack = await secure(t, { settings: `, client_ca_file: ${clusters.certFile}, client_auth: required, min_version: "1.3"` });
  const good = clusters.issue('cluster-8', { usage: 'clientAuth' });
  const shown = { cert: readFileSync(good.cert), key: readFileSync(good.key), agent: false };
  assert.equal((await get(stack, '/.well-known/jwks.json', shown)).status, 200);
  await assert.rejects(get(stack, '/.well-known/jwks.json', { agent: false }));
  await assert.rejects(get(stack, '/.well-known/jwks.json', { ...shown, maxVersion: 'TLSv1.2' }));
  await until('the reasons in the metrics', async () => {
    const metrics = await (await fetch(`${stack.adminUrl}/metrics`)).text();
    return /ccp_tls_failures_total\{reason="client_certificate_missing"\} 1/.test(metrics) && /ccp_tls_failures_total\{reason="protocol"\} 1/.test(metrics);
  });
});

test('ccp talks to a server with a private authority when it is told of it', async (t) => {
  const stack = await secure(t);
  const args = ['admin', 'org', 'create', 'Acme', '--owner', 'ada@acme.example', '--operator-key', join(stack.stateDir, 'operator.key')];
  const untold = await stack.ccp(args, { env: { CCP_CA_FILE: '' } });
  assert.equal(untold.code, 4, untold.stderr);
  assert.match(untold.stderr, /certificate/i);
  const told = await stack.ccp(args);
  assert.equal(told.code, 0, told.stderr);
  const doctor = await get(stack, '/v1/admin/doctor', { headers: { authorization: `Bearer ${stack.operatorKey}` }, agent: false });
  assert.match(doctor.body, /"part":"tls","findings":\[\{"level":"ok","code":"ok","text":"CN=server-\d+,O=Acme until 20/);
  const broken = await stack.ccp(args, { env: { CCP_CA_FILE: join(dir, 'nothing.pem') } });
  assert.notEqual(broken.code, 0);
  assert.match(broken.stderr, /nothing\.pem/);
});

test('a person signs in, logs ccp in and buys a plan, all over TLS', async (t) => {
  const stack = await secure(t);
  const browser = await signInAsDemo(stack);
  assert.ok([...browser.cookies.keys()].some((name) => name.startsWith('__Host-')), 'the cookie is for TLS only');
  const home = join(stack.dir, 'home');
  await login(stack, { browser, home });
  const { result } = await upgrade(stack, 'solo-month', { home });
  assert.equal(result.code, 0, result.stderr);
  const status = await stack.ccp(['status', '--json'], { home });
  assert.equal(status.json.license.plan, 'solo', status.stdout);
});

test(`${halfOpen} half-open handshakes harm nobody and end by themselves`, async (t) => {
  const stack = await secure(t, { server: 'header_timeout: 4s, max_connections_per_address: 5000' });
  const speed = async (ms) => {
    const end = Date.now() + ms;
    let n = 0;
    while (Date.now() < end) { assert.equal((await get(stack, undefined, { agent: false })).status, 200); ++n; }
    return n;
  };
  await speed(500);
  const before = await speed(1500);
  // The first half of a client hello, then silence; every third drips.
  const hello = Buffer.from('16030100c8010000c40303', 'hex');
  let ended = 0;
  const sockets = Array.from({ length: halfOpen }, (_, i) => {
    const socket = connect(stack.port, '127.0.0.1', () => socket.write(hello));
    socket.on('close', () => { ++ended; }).on('error', () => {});
    if (i % 3 === 0) { const drip = setInterval(() => (socket.destroyed ? clearInterval(drip) : socket.write(Buffer.from([0]))), 500); socket.on('close', () => clearInterval(drip)); }
    return socket;
  });
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  await until('the connections', async () => sockets.every((s) => !s.connecting));
  const during = await speed(1500);
  assert.ok(during > before * (long ? 0.7 : 0.4), `${during} handshakes with half-open ones beside them, ${before} without`);
  await until('the end of the half-open ones', async () => ended === halfOpen, { timeout: 15_000 });
  const status = readFileSync(`/proc/${stack.server.child.pid}/status`, 'utf8');
  t.diagnostic(`${before} -> ${during} new connections in 1.5 s; ${/VmRSS:\s*(\d+)/.exec(status)[1]} kB resident`);
});
