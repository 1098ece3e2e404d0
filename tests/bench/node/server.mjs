// The peer of the front bench: the same question as ccpd's /oauth/introspect, answered as a Node service would. The
// caller's API key and the organization's license are read from SQLite, the token's signature is verified, both at
// every request. node server.mjs DIR: DIR holds config.json; the port is printed when it listens.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'node:querystring';
import Database from 'better-sqlite3';
import Fastify from 'fastify';
import { createLocalJWKSet, jwtVerify } from 'jose';

const dir = process.argv[2];
const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'));
const db = new Database(join(dir, 'peer.db'));
db.pragma('journal_mode = wal');
db.exec(`create table if not exists api_keys (hash text primary key, org text, scopes text);
  create table if not exists licenses (org text primary key, state text, plan text, version integer, features text);
  create table if not exists revoked (sid text primary key)`);
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
db.prepare('insert or replace into api_keys values (?, ?, ?)').run(sha256(config.apiKey), '', 'introspect');
for (const l of config.licenses) db.prepare('insert or replace into licenses values (?, ?, ?, ?, ?)').run(l.org, l.state, l.plan, l.version, JSON.stringify(l.features));

const keyByHash = db.prepare('select org, scopes from api_keys where hash = ?');
const licenseOf = db.prepare('select state, plan, version, features from licenses where org = ?');
const isRevoked = db.prepare('select 1 from revoked where sid = ?');
const keys = createLocalJWKSet(config.jwks);
const expected = { issuer: config.issuer, audience: config.audience, typ: 'at+jwt', algorithms: ['EdDSA'], clockTolerance: 60 };

const app = Fastify();
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (request, body, done) => done(null, parse(body)));
app.post('/oauth/introspect', async (request, reply) => {
  const header = request.headers.authorization ?? '';
  const caller = header.startsWith('Bearer ') ? keyByHash.get(sha256(header.slice(7))) : undefined;
  if (!caller?.scopes.split(' ').includes('introspect')) return reply.code(401).send({ error: 'invalid_client' });
  reply.header('cache-control', 'no-store');
  let claims;
  try { ({ payload: claims } = await jwtVerify(request.body.token, keys, expected)); } catch { return { active: false }; }
  const license = licenseOf.get(claims.org);
  if (!license || isRevoked.get(claims.sid) || claims.ver < license.version || (caller.org && caller.org !== claims.org)) return { active: false };
  return {
    active: true, token_type: 'DPoP', iss: claims.iss, aud: claims.aud, sub: claims.sub, client_id: claims.client_id, scope: claims.scope,
    iat: claims.iat, exp: claims.exp, jti: claims.jti, cnf: claims.cnf, org: claims.org,
    license: { state: license.state, plan: license.plan, version: license.version, features: JSON.parse(license.features) },
  };
});
await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
console.log(JSON.stringify({ port: app.server.address().port }));
