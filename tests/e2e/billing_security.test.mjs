// Ways around a webhook's signature, tried on all three billing plugins in the real server; and where a
// plugin's requests must not go.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Stack, freePort, until } from './support/stack.mjs';
import { Shop } from './support/shop.mjs';

const now = () => Math.floor(Date.now() / 1000);
const hmac = (key, text, form) => createHmac('sha256', key).update(text).digest(form);
const decoded = (secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64');

/** What each provider's deliveries are made of. `key` of the secret's text; `live`: a body of the other mode. */
const providers = {
  stripe: {
    key: (secret) => Buffer.from(secret), wrongForm: decoded,
    body: (id, live) => JSON.stringify({ id, object: 'event', type: 'product.created', created: now(), livemode: live ?? false, data: { object: { id: 'prod_x' } } }),
    headers: (id, at, macs) => ({ 'stripe-signature': [`t=${at}`, ...macs.map((m) => `v1=${m}`)].join(',') }),
    mac: (key, id, at, body) => hmac(key, `${at}.${body}`, 'hex'),
    confusions: (m, at) => [{ 'stripe-signature': `t=${at},v10=${m}` }, { 'stripe-signature': `t=${at},xv1=${m}` }, { 'stripe-signature': `t=${at},v1 =${m}` },
      { 'stripe-signature': `v1=${m}` }, { 'stripe-signature': `t=${at},t=${at - 1},v1=${m}` }, { 'webhook-id': 'x', 'webhook-timestamp': String(at), 'webhook-signature': `v1,${m}` }],
    modes: true,
  },
  polar: {
    key: (secret) => Buffer.from(secret), wrongForm: (secret) => Buffer.from(secret.slice('whsec_'.length)),
    body: () => JSON.stringify({ type: 'organization.updated', timestamp: new Date().toISOString(), data: { id: randomUUID() } }),
    headers: (id, at, macs) => ({ 'webhook-id': id, 'webhook-timestamp': String(at), ...(macs.length ? { 'webhook-signature': macs.map((m) => `v1,${m}`).join(' ') } : {}) }),
    mac: (key, id, at, body) => hmac(key, `${id}.${at}.${body}`, 'base64'),
    confusions: (m, at, id) => ['v1a,', 'v11,', 'V1,', 'v1=', ''].map((v) => ({ 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': v + m })),
  },
  sandbox: {
    key: decoded, wrongForm: (secret) => Buffer.from(secret),
    body: (id, live) => JSON.stringify({ id, type: 'entirely.new', created_at: new Date().toISOString(), livemode: live ?? false, data: { object: { id: 'x' } } }),
    headers: (id, at, macs) => ({ 'webhook-id': id, 'webhook-timestamp': String(at), ...(macs.length ? { 'webhook-signature': macs.map((m) => `v1,${m}`).join(' ') } : {}) }),
    mac: (key, id, at, body) => hmac(key, `${id}.${at}.${body}`, 'base64'),
    confusions: (m, at, id) => ['v1a,', 'v11,', 'V1,', 'v1=', ''].map((v) => ({ 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': v + m })),
    modes: true,
  },
};

const post = async (stack, name, headers, body) => {
  const answer = await fetch(`${stack.url}/webhooks/${name}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  return { status: answer.status, text: await answer.text() };
};
const inbox = (stack) => {
  const db = new DatabaseSync(join(stack.stateDir, 'ccp.db'), { readOnly: true });
  try { return db.prepare('select instance, count(*) n from webhook_inbox group by instance').all(); } finally { db.close(); }
};

test('nothing but a genuine, fresh webhook of the right mode is taken, by any of the plugins', async (t) => {
  const shop = await Shop.start();
  t.after(() => shop.stop());
  const { stack } = shop;
  for (const [name, p] of Object.entries(providers)) {
    const secret = stack.secrets[`${name}/webhook`], key = p.key(secret), stranger = Buffer.from('not the key');
    const make = (at, keys, { live, body } = {}) => {
      const id = `evt_${randomUUID().replaceAll('-', '')}`, text = body ?? p.body(id, live);
      return { id, at, body: text, headers: p.headers(id, at, keys.map((k) => p.mac(k, id, at, text))) };
    };
    const refused = async (what, headers, body) => {
      const { status, text } = await post(stack, name, headers, body);
      assert.equal(status, 401, `${name}, ${what}: ${status} ${text}`);
      assert.ok(!text.includes(secret) && !text.includes('Bearer'), `${name}, ${what}: the answer tells a secret`);
    };
    const good = make(now(), [key]);
    await refused('no header at all', {}, good.body);
    for (const header of Object.keys(good.headers)) {
      const { [header]: gone, ...rest } = good.headers;
      await refused(`without ${header}`, rest, good.body);
      await refused(`with an empty ${header}`, { ...rest, [header]: '' }, good.body);
    }
    const cases = {
      'signed with an empty key': make(now(), [Buffer.alloc(0)]),
      'signed with the prefix alone': make(now(), [Buffer.from('whsec_')]),
      'signed with another key': make(now(), [stranger]),
      'signed with a form of the secret that is no key here': make(now(), [p.wrongForm(secret)]),
      'two signatures, both forged': make(now(), [stranger, Buffer.from('nor this')]),
      'replayed after the tolerance': make(now() - 310, [key]),
      'from the future': make(now() + 310, [key]),
    };
    for (const [what, d] of Object.entries(cases)) await refused(what, d.headers, d.body);
    const old = make(now() - 310, [key]), fresh = p.headers(old.id, now(), [p.mac(key, old.id, old.at, old.body)]);
    await refused('an old signature under a fresh time', fresh, old.body);
    await refused('another body', good.headers, `${good.body} `);
    for (const headers of p.confusions(p.mac(key, good.id, good.at, good.body), good.at, good.id)) await refused(`as ${JSON.stringify(headers).slice(0, 60)}`, headers, good.body);
    if (p.modes) {
      const live = make(now(), [key], { live: true });
      await refused('of the live mode', live.headers, live.body);
    }
    // A header twice: which of the two was meant is a guess.
    const twice = await new Promise((done, fail) => {
      const lines = Object.entries(good.headers).flatMap(([k, v]) => [`${k}: ${v}`, `${k.toUpperCase()}: ${v}`]);
      const socket = connect(stack.port, '127.0.0.1', () => socket.write(`POST /webhooks/${name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(good.body)}\r\n${lines.join('\r\n')}\r\n\r\n${good.body}`));
      let text = '';
      socket.on('data', (d) => { text += d; }).on('end', () => done(Number(text.split(' ')[1]))).on('error', fail);
    });
    assert.equal(twice, 401, `${name}: every header twice`);

    // One genuine signature among forged ones is enough, and the same delivery again is no second one.
    const rolled = make(now(), [stranger, key]);
    for (let i = 0; i < 2; ++i) assert.equal((await post(stack, name, rolled.headers, rolled.body)).status, 200, name);
  }
  assert.deepEqual(inbox(stack).map((r) => ({ ...r })).sort((a, b) => a.instance.localeCompare(b.instance)),
    [{ instance: 'polar', n: 1 }, { instance: 'sandbox', n: 1 }, { instance: 'stripe', n: 1 }], 'what was refused is not stored');
});

test('an empty secret takes nothing in', async (t) => {
  const shop = await Shop.start();
  t.after(() => shop.stop());
  const { stack } = shop;
  for (const empty of ['', 'whsec_']) {
    for (const name of ['stripe', 'polar', 'sandbox']) writeFileSync(join(stack.stateDir, 'secrets', name, 'webhook'), empty);
    await stack.server.stop();
    let began = true;
    try { await stack.startServer(); } catch { began = false; }
    if (!began) continue;  // refused at the start: that is an answer too
    for (const [name, p] of Object.entries(providers)) {
      const id = `evt_${randomUUID()}`, body = p.body(id), at = now();
      for (const key of [Buffer.alloc(0), decoded(empty)]) {
        const { status } = await post(stack, name, p.headers(id, at, [p.mac(key, id, at, body)]), body);
        assert.ok([401, 503].includes(status), `${name} with the secret "${empty}": ${status}`);
      }
    }
  }
  assert.deepEqual(inbox(stack), []);
});

test('a plugin is not sent to addresses inside, nor where a provider redirects it', async (t) => {
  // An inner service that nobody outside should reach, and a provider that points there.
  const asked = [];
  const inner = createServer((request, response) => { asked.push(request.url); response.end('{"id":"cus_inner","data":[]}'); });
  await new Promise((done) => inner.listen(0, '127.0.0.1', done));
  const innerUrl = `http://127.0.0.1:${inner.address().port}`;
  const sent = [];
  const pointing = createServer((request, response) => {
    sent.push({ url: request.url, key: request.headers.authorization });
    response.writeHead(307, { location: `${innerUrl}/latest/meta-data` });
    response.end();
  });
  await new Promise((done) => pointing.listen(0, '127.0.0.1', done));
  const pointingUrl = `http://127.0.0.1:${pointing.address().port}`;
  t.after(() => { inner.close(); pointing.close(); inner.closeAllConnections(); pointing.closeAllConnections(); });

  const stack = await Stack.start({ stripeBaseUrl: pointingUrl, billingDefault: 'stripe' });
  t.after(() => stack.stop());
  const doctor = () => stack.admin('POST', '/v1/admin/billing/doctor', {});
  await doctor();
  await until('the provider to be asked', () => sent.length > 0, { timeout: 30_000 });
  await new Promise((r) => setTimeout(r, 300));
  assert.deepEqual(asked, [], 'a redirect was followed');

  // Addresses that a configuration must not reach without saying that it may.
  for (const address of ['http://169.254.169.254', 'http://10.0.0.1', 'http://[fd00::1]', 'http://0.0.0.0:80', 'http://user@10.0.0.1', 'file:///etc']) {
    for (const egress of [`["${address}"]`, undefined]) {
      const yaml = readFileSync(stack.config, 'utf8').replace(/  - name: stripe\n(    .*\n)+/, `  - name: stripe
    plugin: ccp.billing-stripe
    config: {base_url: "${address}", livemode: false, retries: 0, api_key: {$secret: stripe/key}, webhook_secret: {$secret: stripe/webhook}}
${egress ? `    egress: ${egress}\n` : ''}`);
      const before = readFileSync(stack.config, 'utf8');
      writeFileSync(stack.config, yaml);
      const reload = await stack.admin('POST', '/v1/admin/reload', {});
      if (egress === undefined || /user@|file:/.test(address)) {
        assert.notEqual(reload.status, 200, `${address} without egress was accepted: ${JSON.stringify(reload.body)}`);
      } else if (reload.status === 200) {
        const { differences } = (await doctor()).body;
        const said = differences.filter((d) => d.instance === 'stripe').map((d) => d.text).join(' ');
        assert.match(said, /is not a public address/, `${address}: ${JSON.stringify(differences).slice(0, 600)}`);
      }
      writeFileSync(stack.config, before);
    }
  }
  assert.deepEqual(asked, []);
});
