// Any JOSE library can verify a pack from the published keys, and refuses what was changed.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import * as jose from 'jose';
import { createHmac } from 'node:crypto';
import { Stack } from './support/stack.mjs';
import { signInAsDemo, decideDevice } from './support/flows.mjs';
import { newKey, deviceFlow, api, tokenRequest } from './support/dpop.mjs';

let stack, key, tokens, pack;
before(async () => {
  stack = await Stack.start({ deviceConfig: '{interval_s: 1}' });
  const browser = await signInAsDemo(stack);
  key = await newKey();
  tokens = await deviceFlow(stack, key, (code) => decideDevice(browser, code));
  const answer = await api(stack, key, tokens.access_token, 'POST', '/v1/license/issue', {});
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  pack = answer.body.pack;
});
after(() => stack?.stop());

const verify = (token, typ = 'ccp-license+jwt') => jose.jwtVerify(token, jose.createRemoteJWKSet(new URL(`${stack.url}/.well-known/jwks.json`)), {
  issuer: stack.url, audience: 'acme-cli', typ, algorithms: ['EdDSA'],
});
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const parts = (token) => token.split('.');

test('jose verifies the pack from the JWKS', async () => {
  const { payload, protectedHeader } = await verify(pack);
  assert.equal(protectedHeader.typ, 'ccp-license+jwt');
  assert.equal(payload.cnf.jkt, key.jkt);
  assert.equal(payload.plan, 'community');
  assert.ok(payload.exp > payload.iat);
  for (const claim of ['sub', 'jti', 'org', 'lic', 'ver', 'sid', 'features', 'limits', 'privacy', 'seats', 'grace_s', 'enforce']) assert.ok(claim in payload, claim);
});

test('jose refuses a pack whose payload, alg, typ or kid was changed', async () => {
  const [header, payload, signature] = parts(pack);
  const h = JSON.parse(Buffer.from(header, 'base64url')), p = JSON.parse(Buffer.from(payload, 'base64url'));
  const changed = {
    payload: `${header}.${b64({ ...p, plan: 'enterprise' })}.${signature}`,
    alg: `${b64({ ...h, alg: 'none' })}.${payload}.`,
    typ: `${b64({ ...h, typ: 'at+jwt' })}.${payload}.${signature}`,
    kid: `${b64({ ...h, kid: 'somebody-else' })}.${payload}.${signature}`,
    signature: `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
  };
  for (const [what, token] of Object.entries(changed)) await assert.rejects(verify(token), what);
});

test('access token and pack carry different types and keys, and neither passes as the other', async () => {
  const keys = (await (await fetch(`${stack.url}/.well-known/jwks.json`)).json()).keys;
  const kidOf = (token) => JSON.parse(Buffer.from(parts(token)[0], 'base64url')).kid;
  assert.notEqual(kidOf(pack), kidOf(tokens.access_token));
  assert.ok(keys.every((k) => k.kty === 'OKP' && k.crv === 'Ed25519' && !('d' in k)));
  await verify(tokens.access_token, 'at+jwt');
  await assert.rejects(verify(tokens.access_token));
  const asToken = await api(stack, key, pack, 'GET', '/v1/license/status');
  assert.deepEqual([asToken.status, asToken.body.code], [401, 'token_wrong_type']);
  const asPack = await tokenRequest(stack, key, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: tokens.access_token, client_id: 'ccp-cli' });
  assert.deepEqual([asPack.status, asPack.body.error], [400, 'invalid_grant']);
});

test('the server refuses forged tokens with a code each', async () => {
  const [header, payload, signature] = parts(tokens.access_token);
  const h = JSON.parse(Buffer.from(header, 'base64url'));
  const jwks = (await (await fetch(`${stack.url}/.well-known/jwks.json`)).json()).keys;
  const publicBytes = Buffer.from(jwks.find((k) => k.kid === h.kid).x, 'base64url');
  const hs256 = `${b64({ ...h, alg: 'HS256' })}.${payload}`;
  const forged = {
    algorithm_refused: `${b64({ ...h, alg: 'none' })}.${payload}.`,
    key_unknown: `${b64({ ...h, kid: 'nobody' })}.${payload}.${signature}`,
    token_invalid: `${header}.${b64({ ...JSON.parse(Buffer.from(payload, 'base64url')), org: 'org_x' })}.${signature}`,
  };
  for (const [code, token] of Object.entries(forged)) {
    const answer = await api(stack, key, token, 'GET', '/v1/license/status');
    assert.equal(answer.status, 401);
    assert.ok([code, 'token_invalid'].includes(answer.body.code), `${code}: ${JSON.stringify(answer.body)}`);
  }
  const confused = await api(stack, key, `${hs256}.${createHmac('sha256', publicBytes).update(hs256).digest('base64url')}`, 'GET', '/v1/license/status');
  assert.deepEqual([confused.status, confused.body.code], [401, 'algorithm_refused']);
});

test('a pack is an assertion that its device can exchange for an access token, and nobody else', async () => {
  const fields = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: pack, client_id: 'ccp-cli' };
  const mine = await tokenRequest(stack, key, fields);
  assert.equal(mine.status, 200, JSON.stringify(mine.body));
  assert.equal((await api(stack, key, mine.body.access_token, 'GET', '/v1/license/status')).status, 200);
  const thief = await tokenRequest(stack, await newKey(), fields);
  assert.equal(thief.status, 400);
});

test('a revoked device is refused, and its siblings are not', async () => {
  const browser = await signInAsDemo(stack);
  const other = await newKey();
  const theirs = await deviceFlow(stack, other, (code) => decideDevice(browser, code));
  const sid = JSON.parse(Buffer.from(parts(theirs.access_token)[1], 'base64url')).sid;
  assert.equal((await stack.admin('POST', `/v1/admin/devices/${sid}/revoke`, { reason: 'lost' })).status, 200);
  const refused = await api(stack, other, theirs.access_token, 'GET', '/v1/license/status');
  assert.deepEqual([refused.status, refused.body.code], [401, 'token_revoked']);
  assert.equal((await api(stack, key, tokens.access_token, 'GET', '/v1/license/status')).status, 200);
});
