// Clients that nobody here wrote log in: openid-client and oauth4webapi, from discovery to token.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import * as oauth from 'oauth4webapi';
import { Stack } from './support/stack.mjs';
import { signInAsDemo, signInByCode, decideDevice } from './support/flows.mjs';
import { newKey, proof, form, tokenRequest, deviceFlow, api } from './support/dpop.mjs';

let stack, browser;
before(async () => {
  stack = await Stack.start({ deviceConfig: '{interval_s: 1}' });
  browser = await signInAsDemo(stack);
});
after(() => stack?.stop());

const approve = (code) => decideDevice(browser, code);
const grant = 'urn:ietf:params:oauth:grant-type:device_code';
const begin = async (fields = {}) => (await fetch(`${stack.url}/oauth/device_authorization`, form({ client_id: 'ccp-cli', ...fields }))).json();

test('openid-client: discovery, device flow and refresh with DPoP', async () => {
  const config = await client.discovery(new URL(stack.url), 'ccp-cli', undefined, client.None(), {
    algorithm: 'oauth2', execute: [client.allowInsecureRequests],
  });
  const keys = await client.randomDPoPKeyPair('Ed25519');
  const DPoP = client.getDPoPHandle(config, keys);
  const begun = await client.initiateDeviceAuthorization(config, { scope: 'license usage' });
  assert.match(begun.user_code, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  await approve(begun.user_code);
  const tokens = await client.pollDeviceAuthorizationGrant(config, begun, undefined, { DPoP });
  assert.equal(tokens.token_type, 'dpop');
  assert.ok(tokens.refresh_token);
  const status = await client.fetchProtectedResource(config, tokens.access_token, new URL(`${stack.url}/v1/license/status`), 'GET', undefined, undefined, { DPoP });
  assert.equal(status.status, 200);
  assert.equal((await status.json()).user.email, 'demo@localhost');
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert.notEqual(refreshed.access_token, tokens.access_token);
});

test('oauth4webapi: pending before the approval, token after, invalid_grant for a used code', async () => {
  const issuer = new URL(stack.url);
  const insecure = { [oauth.allowInsecureRequests]: true };
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }));
  assert.deepEqual(as.dpop_signing_alg_values_supported.includes('EdDSA') || as.dpop_signing_alg_values_supported.includes('Ed25519'), true);
  const me = { client_id: 'ccp-cli' };
  const DPoP = oauth.DPoP(me, await oauth.generateKeyPair('Ed25519'));
  const begun = await oauth.processDeviceAuthorizationResponse(as, me, await oauth.deviceAuthorizationRequest(as, me, oauth.None(), new URLSearchParams({ scope: 'license' }), insecure));
  const poll = async () => oauth.processDeviceCodeResponse(as, me, await oauth.deviceCodeGrantRequest(as, me, oauth.None(), begun.device_code, { DPoP, ...insecure }));
  await assert.rejects(poll, (e) => e.error === 'authorization_pending');
  await approve(begun.user_code);
  await new Promise((r) => setTimeout(r, begun.interval * 1000));
  const tokens = await poll();
  assert.ok(tokens.access_token);
  await assert.rejects(poll, (e) => e.error === 'invalid_grant');
});

test('polling too fast is told to slow down', async () => {
  const key = await newKey();
  const begun = await begin();
  const fields = { grant_type: grant, device_code: begun.device_code, client_id: 'ccp-cli' };
  assert.equal((await tokenRequest(stack, key, fields)).body.error, 'authorization_pending');
  assert.equal((await tokenRequest(stack, key, fields)).body.error, 'slow_down');
});

test('a denied code answers access_denied', async () => {
  const key = await newKey();
  const begun = await begin();
  await decideDevice(browser, begun.user_code, { decision: /deny/i });
  const answer = await tokenRequest(stack, key, { grant_type: grant, device_code: begun.device_code, client_id: 'ccp-cli' });
  assert.equal(answer.status, 400);
  assert.equal(answer.body.error, 'access_denied');
});

test('malformed OAuth requests get the answers of RFC 6749', async () => {
  const key = await newKey();
  const cases = [
    [{ grant_type: grant, device_code: 'nope', client_id: 'ccp-cli' }, 400, 'invalid_grant'],
    [{ grant_type: 'password', client_id: 'ccp-cli' }, 400, 'unsupported_grant_type'],
    [{ grant_type: grant, client_id: 'ccp-cli' }, 400, 'invalid_request'],
    [{ client_id: 'ccp-cli' }, 400, 'invalid_request'],
    [{ grant_type: grant, device_code: 'x', client_id: 'stranger' }, 401, 'invalid_client'],
    [{ grant_type: 'refresh_token', refresh_token: 'nope', client_id: 'ccp-cli' }, 400, 'invalid_grant'],
  ];
  for (const [fields, status, error] of cases) {
    const answer = await tokenRequest(stack, key, fields);
    assert.deepEqual([answer.status, answer.body.error], [status, error], JSON.stringify(fields));
    assert.match(answer.headers.get('cache-control'), /no-store/);
  }
  const repeated = await fetch(`${stack.url}/oauth/token`, { ...form({}), body: 'grant_type=a&grant_type=b&client_id=ccp-cli' });
  assert.equal((await repeated.json()).error, 'invalid_request');
  const without = await fetch(`${stack.url}/oauth/token`, form({ grant_type: grant, device_code: 'x', client_id: 'ccp-cli' }));
  assert.equal((await without.json()).error, 'invalid_dpop_proof');
});

test('a proof is good once, for one method and URL, now', async () => {
  const key = await newKey();
  const { access_token: token } = await deviceFlow(stack, key, approve);
  const url = `${stack.url}/v1/license/status`;
  const call = async (dpop, authorization = `DPoP ${token}`) => {
    const answer = await fetch(url, { headers: { authorization, ...(dpop ? { dpop } : {}) } });
    return [answer.status, (await answer.json()).code];
  };
  const now = Math.floor(Date.now() / 1000);
  const good = await proof(key, 'GET', url, { token });
  assert.equal((await call(good))[0], 200);
  assert.deepEqual(await call(good), [401, 'proof_replayed']);
  const wrong = {
    'another method': await proof(key, 'POST', url, { token }),
    'another URL': await proof(key, 'GET', `${stack.url}/v1/plans`, { token }),
    'another host': await proof(key, 'GET', url.replace('127.0.0.1', 'localhost'), { token }),
    'expired': await proof(key, 'GET', url, { token, iat: now - 3600 }),
    'from the future': await proof(key, 'GET', url, { token, iat: now + 3600 }),
    'another token': await proof(key, 'GET', url, { token: `${token}x` }),
    'no ath': await proof(key, 'GET', url, {}),
    'another key': await proof(await newKey(), 'GET', url, { token }),
    'wrong typ': await proof(key, 'GET', url, { token, header: { typ: 'JWT' } }),
    'garbage': 'a.b.c',
  };
  for (const [what, dpop] of Object.entries(wrong)) assert.deepEqual(await call(dpop), [401, 'proof_invalid'], what);
  assert.equal((await call(undefined))[0], 401, 'no proof');
  assert.equal((await call(await proof(key, 'GET', url, { token }), `Bearer ${token}`))[0], 401, 'bound token as bearer');
});

test('a refresh token rotates; reuse by the wrong hands ends the grant', async () => {
  const key = await newKey();
  // Somebody of their own: the demo user's seat has its three devices by now.
  const somebody = await signInByCode(stack, 'refresh@example.org');
  const first = await deviceFlow(stack, key, (code) => decideDevice(somebody, code));
  const refresh = (token, k = key) => tokenRequest(stack, k, { grant_type: 'refresh_token', refresh_token: token, client_id: 'ccp-cli' });
  assert.equal((await refresh(first.refresh_token, await newKey())).body.error, 'invalid_grant');
  const second = await refresh(first.refresh_token);
  assert.equal(second.status, 200);
  assert.notEqual(second.body.refresh_token, first.refresh_token);
  assert.equal((await api(stack, key, second.body.access_token, 'GET', '/v1/license/status')).status, 200);
  const revoked = await fetch(`${stack.url}/oauth/revoke`, form({ token: second.body.refresh_token, client_id: 'ccp-cli' }));
  assert.equal(revoked.status, 200);
  assert.equal((await refresh(second.body.refresh_token)).body.error, 'invalid_grant');
});
