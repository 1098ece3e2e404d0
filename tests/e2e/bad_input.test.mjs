// Bad input of every kind gets its code, loses nothing, and the server stays up.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program, Stack, buildDir } from './support/stack.mjs';
import { signInAsDemo, decideDevice } from './support/flows.mjs';
import { newKey, proof, deviceFlow, api } from './support/dpop.mjs';

let stack, key, token, openapi;
before(async () => {
  stack = await Stack.start({ deviceConfig: '{interval_s: 1}' });
  const browser = await signInAsDemo(stack);
  key = await newKey();
  token = (await deviceFlow(stack, key, (code) => decideDevice(browser, code))).access_token;
  openapi = await (await fetch(`${stack.url}/openapi.json`)).json();
});
after(() => stack?.stop());

/** Sends bytes as they are; gives status line number, problem code and whether the connection closed. */
function raw(bytes, { timeout = 15_000 } = {}) {
  return new Promise((done) => {
    const socket = connect(stack.port, '127.0.0.1');
    let text = '';
    const finish = () => {
      clearTimeout(late);
      socket.destroy();
      const body = text.split('\r\n\r\n').slice(1).join('\r\n\r\n');
      done({ status: Number(text.split(' ')[1]) || 0, code: /"code":"([a-z_]+)"/.exec(body)?.[1], text });
    };
    const late = setTimeout(finish, timeout);
    socket.on('data', (d) => { text += d; }).on('end', finish).on('error', finish).on('close', finish);
    for (const chunk of [bytes].flat()) socket.write(chunk);
  });
}
const head = (lines, method = 'POST', path = '/v1/ingest/rollups') => `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.map((l) => `${l}\r\n`).join('')}\r\n`;
const alive = async () => assert.equal((await fetch(`${stack.adminUrl}/healthz`)).status, 200);

test('ambiguous framing is refused before a body is read', async () => {
  const cases = {
    'both framings': [head(['Content-Type: application/json', 'Content-Length: 2', 'Transfer-Encoding: chunked']) + '0\r\n\r\n', 400, 'bad_framing'],
    'two lengths': [head(['Content-Type: application/json', 'Content-Length: 2', 'Content-Length: 3']) + '{}', 400, 'bad_framing'],
    'two equal lengths': [head(['Content-Type: application/json', 'Content-Length: 2', 'Content-Length: 2']) + '{}', 400, 'bad_framing'],
    'negative length': [head(['Content-Type: application/json', 'Content-Length: -5']), 400, 'bad_framing'],
    'length that is no number': [head(['Content-Type: application/json', 'Content-Length: abc']), 400, 'bad_framing'],
    'signed length': [head(['Content-Type: application/json', 'Content-Length: +2']) + '{}', 400, 'bad_framing'],
    'unknown transfer coding': [head(['Content-Type: application/json', 'Transfer-Encoding: gzip']), 400, 'bad_framing'],
    'chunked not last': [head(['Content-Type: application/json', 'Transfer-Encoding: chunked, gzip']), 400, 'bad_framing'],
    'no length': [head(['Content-Type: application/json']), 411, 'length_required'],
  };
  for (const [what, [bytes, status, code]] of Object.entries(cases)) {
    const answer = await raw(bytes);
    assert.deepEqual([answer.status, answer.code], [status, code], what);
  }
  await alive();
});

test('100 MiB of body are refused without being kept', async () => {
  const before = Number(/VmRSS:\s+(\d+)/.exec((await import('node:fs')).readFileSync(`/proc/${stack.server.child.pid}/status`, 'utf8'))[1]);
  const declared = await raw(head(['Content-Type: application/json', `Content-Length: ${100 << 20}`]) + 'x'.repeat(65536));
  assert.deepEqual([declared.status, declared.code], [413, 'body_too_large']);
  const chunk = `10000\r\n${'x'.repeat(65536)}\r\n`;
  // A path without a credential: elsewhere the request is refused before its body is read.
  const chunked = await raw([head(['Content-Type: application/json', 'Transfer-Encoding: chunked'], 'POST', '/webhooks/sandbox'), ...Array(1600).fill(chunk), '0\r\n\r\n']);
  // 0: the server answered and closed while the body was still on its way, and the answer was lost with it.
  assert.ok([413, 0].includes(chunked.status), `status ${chunked.status}`);
  const after = Number(/VmRSS:\s+(\d+)/.exec((await import('node:fs')).readFileSync(`/proc/${stack.server.child.pid}/status`, 'utf8'))[1]);
  assert.ok(after - before < 60_000, `memory grew by ${after - before} KiB`);
  await alive();
});

test('bodies that are no strict JSON object get a code each', async () => {
  const send = (body, type = 'application/json') => api(stack, key, token, 'POST', '/v1/ingest/rollups', undefined, { raw: body, headers: { 'content-type': type } });
  const cases = [
    ['{"rollups":[', 400, 'bad_json'],
    ['{"rollups":[],"rollups":[]}', 400, 'bad_json'],
    ['['.repeat(100_000), 400, 'bad_json'],
    [`{"rollups":${'['.repeat(100)}${']'.repeat(100)}}`, 400, 'bad_json'],
    [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, 'bad_json'],
    ['', 400, 'bad_json'],
    ['[]', 422, 'validation_failed'],
    ['{}', 422, 'validation_failed'],
    ['{"rollups":"many"}', 422, 'validation_failed'],
    ['{"rollups":[],"surprise":1}', 422, 'validation_failed'],
  ];
  for (const [body, status, code] of cases) {
    const answer = await send(body);
    assert.deepEqual([answer.status, answer.body.code], [status, code], String(body).slice(0, 60));
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    assert.ok(answer.body.request_id && answer.body.next_step, 'a problem names the request and the next step');
  }
  for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded']) {
    const answer = await send('{"rollups":[]}', type);
    assert.deepEqual([answer.status, answer.body.code], [415, 'unsupported_media_type'], type);
  }
  await alive();
});

test('targets and headers out of bounds', async () => {
  assert.equal((await raw(head([], 'GET', `/${'a'.repeat(20_000)}`))).status, 414);
  assert.equal((await raw(head([`X-Big: ${'a'.repeat(70_000)}`], 'GET', '/healthz'))).status, 431);
  assert.equal((await raw(head(Array.from({ length: 500 }, (_, i) => `X-${i}: 1`), 'GET', '/'))).status, 431);
  for (const path of ['/%00', '/%ff%fe', '/..%2f..%2fetc/passwd', '/assets/../../../etc/passwd', '/assets/%2e%2e/%2e%2e/etc/passwd']) {
    const answer = await raw(head([], 'GET', path));
    assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
  }
  const missing = await raw(head([], 'GET', '/v1/nothing'));
  assert.deepEqual([missing.status, missing.code], [404, 'not_found']);
  const method = await raw(head(['Content-Length: 0'], 'POST', '/openapi.json'));
  assert.deepEqual([method.status, method.code], [405, 'method_not_allowed']);
  assert.match(method.text, /\r\nAllow: GET/i);
  for (const garbage of ['GARBAGE\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\0\0\0\0\r\n\r\n', 'GET  HTTP/1.1\r\n\r\n']) await raw(garbage, { timeout: 3000 });
  await alive();
});

/** Paths of the description with every {parameter} replaced. */
function operations() {
  const list = [];
  for (const [path, item] of Object.entries(openapi.paths)) {
    for (const method of ['get', 'post', 'put', 'patch', 'delete']) if (item[method]) list.push({ path, method: method.toUpperCase(), operation: item[method] });
  }
  return list;
}

test("another organization's ids answer 404 on every endpoint, and without a credential nothing answers", async () => {
  const other = await stack.admin('POST', '/v1/admin/orgs', { name: 'Other', owner: 'other@example.com' });
  assert.equal(other.status, 201, JSON.stringify(other.body));
  const foreign = other.body.org?.id ?? other.body.id;
  const made = '01hzzzzzzzzzzzzzzzzzzzzzzz';
  const values = { org: foreign, id: `chk_${made}`, checkout: `chk_${made}`, user: `usr_${made}`, seat: `seat_${made}`, sid: `ses_${made}`, device: `dev_${made}` };
  let tried = 0;
  for (const { path, method } of operations()) {
    if (!path.startsWith('/v1/')) continue;
    const concrete = path.replace(/\{([^}]+)\}/g, (_, name) => values[name] ?? `x_${made}`);
    const anonymous = await fetch(stack.url + concrete, { method, ...(method === 'GET' ? {} : { headers: { 'content-type': 'application/json' }, body: '{}' }) });
    assert.equal(anonymous.status, 401, `${method} ${path} without a credential`);
    if (path.startsWith('/v1/admin/')) {
      const member = await api(stack, key, token, method, concrete, method === 'GET' ? undefined : {});
      assert.ok([401, 403].includes(member.status), `${method} ${path} as a member: ${member.status}`);
    } else if (path.includes('{')) {
      const answer = await api(stack, key, token, method, concrete, method === 'GET' ? undefined : {});
      assert.deepEqual([answer.status, answer.body.code], [404, 'not_found'], `${method} ${path}`);
    }
    ++tried;
  }
  assert.ok(tried > 8, `only ${tried} operations are described`);
});

test('every answer of the API matches /openapi.json', async () => {
  const { default: Ajv2020 } = await import('ajv/dist/2020.js');
  const { default: addFormats } = await import('ajv-formats');
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
  addFormats(ajv);
  ajv.addSchema({ $id: 'ccp', components: openapi.components ?? {} });
  assert.match(openapi.openapi, /^3\.1/);
  const calls = [
    ['GET', '/v1/license/status'], ['POST', '/v1/license/issue', {}], ['POST', '/v1/license/refresh', {}], ['GET', '/v1/plans'],
    ['GET', '/v1/dash/models?window=24h'], ['GET', '/v1/dash/models?window=7d'], ['GET', '/v1/dash/models?window=9d'],
    ['POST', '/v1/ingest/rollups', { rollups: [] }], ['POST', '/v1/ingest/rollups', { rollups: [{ period: 'hour' }] }],
    ['POST', '/v1/billing/checkout', { price: 'nope' }], ['POST', '/v1/billing/checkout', { price: 'solo-month' }], ['POST', '/v1/billing/portal', {}],
    ['GET', '/v1/billing/checkout/chk_01hzzzzzzzzzzzzzzzzzzzzzzz'], ['POST', '/v1/billing/seats', { quantity: 2 }], ['POST', '/v1/billing/change', {}],
    ['POST', '/v1/org/seats', { email: 'viewer@example.com', role: 'viewer' }], ['POST', '/v1/org/seats', { github: 'no handle' }], ['GET', '/v1/org/seats'],
    ['GET', '/v1/org/members?limit=1'], ['GET', '/v1/org/members?limit=x'],
  ];
  const check = (method, path, status, type, body) => {
    const described = openapi.paths[Object.keys(openapi.paths).find((p) => new RegExp(`^${p.replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path.split('?')[0]))]?.[method.toLowerCase()];
    assert.ok(described, `${method} ${path} is not described`);
    let response = described.responses[status] ?? described.responses.default;
    assert.ok(response, `${method} ${path}: ${status} is not described`);
    if (response.$ref) response = response.$ref.slice(2).split('/').reduce((o, k) => o[k], openapi);
    const schema = response.content?.[type.split(';')[0]]?.schema;
    assert.ok(schema, `${method} ${path}: ${status} ${type} has no schema`);
    const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"ccp#/components')));
    assert.ok(validate(body), `${method} ${path} ${status}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(body)}`);
  };
  for (const [method, path, body] of calls) {
    const answer = await api(stack, key, token, method, path, body);
    check(method, path, String(answer.status), answer.headers.get('content-type'), answer.body);
  }
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/jwks.json', '/.well-known/ccp-keyring', '/.well-known/ccp-configuration', '/v1/license/status']) {
    const answer = await fetch(stack.url + path);
    check('GET', path, String(answer.status), answer.headers.get('content-type'), await answer.json());
  }
});

test('no credential that passed through here stands in the log', async () => {
  const log = stack.server.output();
  for (const [what, value] of Object.entries({ token, operator: stack.operatorKey, ...stack.secrets })) assert.ok(!log.includes(value), what);
});

test('nobody joins the port that ccpd serves: no second ccpd, no sandbox provider', async () => {
  // A ccpd of its own in everything but the port.
  const state = join(stack.dir, 'second-state'), config = join(stack.dir, 'second.yaml');
  cpSync(join(stack.stateDir, 'secrets'), join(state, 'secrets'), { recursive: true });
  chmodSync(state, 0o700);
  writeFileSync(config, readFileSync(stack.config, 'utf8').replaceAll(stack.stateDir, state).replace(`127.0.0.1:${stack.adminPort}`, '127.0.0.1:0'));
  for (const [name, args] of [
    ['ccpd', ['--config', config]],
    ['ccp-sandbox-provider', ['--listen', `127.0.0.1:${stack.port}`, '--api-key-file', join(stack.stateDir, 'secrets/sandbox/api-key'),
      '--webhook-secret-file', join(stack.stateDir, 'secrets/sandbox/webhook'), '--state', join(stack.dir, 'second.json')]],
  ]) {
    const second = new Program(`second-${name}`, join(buildDir, 'bin', name), args, { dir: stack.dir });
    const late = setTimeout(() => second.kill(), 30_000);
    const { code } = await second.exited;
    clearTimeout(late);
    assert.ok(code > 0, `${name} ended with ${code}: ${second.output()}`);
    assert.match(second.output(), /already in use/i, name);
  }
  await alive();
});
