// A DPoP client of our own making on `jose`, for requests that the OAuth libraries do not make: wrong
// proofs, replays, API calls.
import * as jose from 'jose';
export { jose };
import { createHash, randomUUID } from 'node:crypto';

export async function newKey() {
  const { publicKey, privateKey } = await jose.generateKeyPair('Ed25519', { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  return { publicKey, privateKey, jwk, jkt: await jose.calculateJwkThumbprint(jwk) };
}

export async function proof(key, method, url, { token, jti = randomUUID(), iat = Math.floor(Date.now() / 1000), header = {}, claims = {} } = {}) {
  const payload = { htm: method, htu: url, jti, iat, ...(token ? { ath: createHash('sha256').update(token).digest('base64url') } : {}), ...claims };
  return new jose.SignJWT(payload).setProtectedHeader({ alg: 'EdDSA', typ: 'dpop+jwt', jwk: key.jwk, ...header }).sign(key.privateKey);
}

export const form = (fields) => ({
  method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString(),
});

/** One request to /oauth/token with a proof. */
export async function tokenRequest(stack, key, fields, options) {
  const url = `${stack.url}/oauth/token`;
  const init = form(fields);
  init.headers.dpop = options?.proof ?? await proof(key, 'POST', url, options);
  const answer = await fetch(url, init);
  return { status: answer.status, body: await answer.json(), headers: answer.headers };
}

/** The whole device flow; `approve(user_code)` is the person. */
export async function deviceFlow(stack, key, approve, { scope = 'license usage billing dash', hostname = 'e2e-host' } = {}) {
  const begun = await (await fetch(`${stack.url}/oauth/device_authorization`, form({ client_id: 'ccp-cli', scope, hostname }))).json();
  await approve(begun.user_code);
  const fields = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: begun.device_code, client_id: 'ccp-cli' };
  for (let tries = 0; tries < 10; ++tries) {
    const answer = await tokenRequest(stack, key, fields);
    if (answer.status === 200) return { ...answer.body, device_code: begun.device_code };
    if (!['authorization_pending', 'slow_down'].includes(answer.body.error)) throw new Error(JSON.stringify(answer.body));
    await new Promise((r) => setTimeout(r, 1000 * (begun.interval ?? 1)));
  }
  throw new Error('the device flow did not finish');
}

/** An API call with access token and proof. */
export async function api(stack, key, token, method, path, body, { headers = {}, proofOptions = {}, raw } = {}) {
  const url = stack.url + path;
  const answer = await fetch(url, {
    method,
    headers: {
      authorization: `DPoP ${token}`, dpop: await proof(key, method, url.split('?')[0], { token, ...proofOptions }),
      ...(body !== undefined ? { 'content-type': 'application/json' } : {}), ...headers,
    },
    body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
  });
  const type = answer.headers.get('content-type') ?? '';
  return { status: answer.status, body: type.includes('json') ? await answer.json() : await answer.text(), headers: answer.headers };
}
