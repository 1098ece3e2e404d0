// Services that take access tokens ask about them with clients that nobody here wrote (oauth4webapi,
// openid-client), and get what RFC 7662 says.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as client from 'openid-client';
import * as oauth from 'oauth4webapi';
import { Stack, until } from './support/stack.mjs';
import { signInAsDemo, decideDevice } from './support/flows.mjs';
import { newKey, deviceFlow, form, tokenRequest } from './support/dpop.mjs';

let stack, key, tokens, deployer;
before(async () => {
  stack = await Stack.start({ deviceConfig: '{interval_s: 1}', server: 'verifications_per_second_per_address: 50' });
  const browser = await signInAsDemo(stack);
  key = await newKey();
  tokens = await deviceFlow(stack, key, (code) => decideDevice(browser, code));
  deployer = readFileSync(join(stack.stateDir, 'introspection.key'), 'utf8').trim();
});
after(() => stack?.stop());

const ask = async (token, authorization = `Bearer ${deployer}`, fields = {}) => {
  const init = form({ token, ...fields });
  if (authorization) init.headers.authorization = authorization;
  const answer = await fetch(`${stack.url}/oauth/introspect`, init);
  return { status: answer.status, headers: answer.headers, text: await answer.text(), get body() { return JSON.parse(this.text); } };
};
const basic = (id, secret) => `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;

test('oauth4webapi: discovery names the endpoint, its answer passes', async () => {
  const issuer = new URL(stack.url), insecure = { [oauth.allowInsecureRequests]: true };
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }));
  assert.equal(as.introspection_endpoint, `${stack.url}/oauth/introspect`);
  assert.ok(as.introspection_endpoint_auth_methods_supported.includes('client_secret_basic'));
  const me = { client_id: 'introspection' };
  for (let i = 0; i < 3; ++i) {  // from a worker, then from memory
    const answer = await oauth.processIntrospectionResponse(as, me, await oauth.introspectionRequest(as, me, oauth.ClientSecretBasic(deployer), tokens.access_token, insecure));
    assert.equal(answer.active, true);
    assert.equal(answer.token_type, 'DPoP');
    assert.equal(answer.cnf.jkt, key.jkt);
    assert.equal(answer.client_id, 'ccp-cli');
    assert.equal(answer.iss, stack.url);
    assert.ok(answer.exp > Date.now() / 1000 && answer.exp - answer.iat === 900);
    assert.deepEqual(answer.license, { state: 'pending', plan: 'community', version: answer.license.version, features: [] });
  }
});

test('openid-client asks with its own introspection call', async () => {
  const config = await client.discovery(new URL(stack.url), 'introspection', undefined, client.ClientSecretBasic(deployer), { algorithm: 'oauth2', execute: [client.allowInsecureRequests] });
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, true);
  assert.deepEqual(await client.tokenIntrospection(config, 'no-token-of-ours'), { active: false });
});

test('whatever is no active access token is inactive, and nothing else is said', async () => {
  const other = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
  for (const token of [tokens.refresh_token, deployer, 'x', `${other}.e30.`, tokens.access_token.slice(0, -6) + 'AAAAAA', tokens.access_token + ' ', 'é']) {
    for (let i = 0; i < 2; ++i) {
      const answer = await ask(token);
      assert.equal(answer.status, 200);
      assert.equal(answer.text, '{"active":false}');
      assert.match(answer.headers.get('cache-control'), /no-store/);
    }
  }
});

test('who has no key that may ask is refused, without a word about the token', async () => {
  for (const [authorization, status, error] of [[null, 401, 'invalid_client'], ['Bearer ccp_in_wrong', 401, 'invalid_client'], ['Bearer ', 401, 'invalid_client'],
    [basic('introspection', 'ccp_in_wrong'), 401, 'invalid_client'], [basic('another', deployer), 401, 'invalid_client'], [`DPoP ${tokens.access_token}`, 401, 'invalid_client'], [`Bearer ${stack.operatorKey}`, 401, 'invalid_client']]) {
    const answer = await ask(tokens.access_token, authorization);
    assert.equal(answer.status, status, authorization);
    assert.equal(answer.body.error, error);
    assert.ok(answer.headers.get('www-authenticate'));
  }
  assert.equal((await fetch(`${stack.url}/oauth/introspect`, { method: 'POST', headers: { authorization: `Bearer ${deployer}`, 'content-type': 'application/json' }, body: '{}' })).status, 400);
  assert.equal((await fetch(`${stack.url}/oauth/introspect`, { headers: { authorization: `Bearer ${deployer}` } })).status, 405);
  assert.equal((await ask('', null)).status, 401);
  assert.equal((await ask('')).body.error, 'invalid_request');
  assert.equal(statSync(join(stack.stateDir, 'introspection.key')).mode & 0o777, 0o600);
});

test('an API key of an organization is told about its own tokens only', async () => {
  const db = new DatabaseSync(join(stack.stateDir, 'ccp.db'));
  db.exec('pragma busy_timeout = 5000');
  const [org] = db.prepare('select org_id from devices limit 1').all();
  db.prepare("insert into orgs (id, name, created_at) values ('org_00000000000000000000000000', 'Other', 1)").run();
  const make = (id, owner, scopes) => {
    const secret = `ccp_sk_${randomBytes(24).toString('hex')}`;
    db.prepare('insert into api_keys (org_id, id, hash, name, hint, scopes, created_by, created_at) values (?, ?, ?, ?, ?, ?, ?, ?)').run(owner, id, createHash('sha256').update(secret).digest('hex'), 'k', secret.slice(-4), scopes, 'test', Date.now() * 1000);
    return secret;
  };
  const own = make('key_own', org.org_id, 'introspect'), foreign = make('key_foreign', 'org_00000000000000000000000000', 'introspect'), plain = make('key_plain', org.org_id, 'license usage');
  assert.equal((await ask(tokens.access_token, `Bearer ${own}`)).body.active, true);
  assert.equal((await ask(tokens.access_token, basic('key_own', own))).body.active, true);
  assert.equal((await ask(tokens.access_token, basic('key_foreign', own))).status, 401);
  for (let i = 0; i < 3; ++i) assert.equal((await ask(tokens.access_token, `Bearer ${foreign}`)).text, '{"active":false}');
  const refused = await ask(tokens.access_token, `Bearer ${plain}`);
  assert.equal(refused.status, 403);
  assert.equal(refused.body.error, 'insufficient_scope');
  // Revoked behind the server's back, as another node would: within ten seconds.
  db.prepare("update api_keys set revoked_at = 1 where id = 'key_own'").run();
  db.close();
  await until('the key to be forgotten', async () => (await ask(tokens.access_token, `Bearer ${own}`)).status === 401, { timeout: 15_000, every: 500 });
});

test('a token that is logged out is inactive at once', async () => {
  const browser = await signInAsDemo(stack);
  const other = await newKey();
  const gone = await deviceFlow(stack, other, (code) => decideDevice(browser, code), { hostname: 'second' });
  for (let i = 0; i < 3; ++i) assert.equal((await ask(gone.access_token)).body.active, true);
  assert.equal((await fetch(`${stack.url}/oauth/revoke`, form({ token: gone.refresh_token, client_id: 'ccp-cli' }))).status, 200);
  for (let i = 0; i < 3; ++i) assert.equal((await ask(gone.access_token)).text, '{"active":false}');
});

test('an address that sends many unknown tokens is told to come back; known ones go on', async () => {
  const fresh = (await tokenRequest(stack, key, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: 'ccp-cli' })).body.access_token;
  assert.equal((await ask(fresh)).body.active, true);
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`${fresh.slice(0, -8)}${String(i).padStart(8, 'A')}`)));
  const limited = answers.filter((a) => a.status === 429);
  assert.ok(limited.length > 50, `${limited.length} of 200 were limited`);
  assert.ok(limited.every((a) => Number(a.headers.get('retry-after')) >= 1));
  assert.ok(answers.every((a) => a.status === 429 || a.text === '{"active":false}'));
  assert.equal((await ask(fresh)).body.active, true);
});

test('a node that cannot read its store for 45 s says that it cannot tell', { skip: !existsSync('/usr/lib/postgresql/15/bin/postgres') || process.env.CCP_LONG_TESTS !== '1' ? 'CCP_LONG_TESTS=1 runs it' : false }, async () => {
  const own = await Stack.start({ database: 'postgresql', deviceConfig: '{interval_s: 1}' });
  try {
    const browser = await signInAsDemo(own);
    const { access_token } = await deviceFlow(own, key, (code) => decideDevice(browser, code));
    const secret = readFileSync(join(own.stateDir, 'introspection.key'), 'utf8').trim();
    const status = async () => { const init = form({ token: access_token }); init.headers.authorization = `Bearer ${secret}`; return (await fetch(`${own.url}/oauth/introspect`, init)).status; };
    assert.equal(await status(), 200);
    await own.postgres.program.kill('SIGINT');
    await until('503', async () => (await status()) === 503, { timeout: 70_000, every: 500 });
  } finally { await own.stop(); }
});
