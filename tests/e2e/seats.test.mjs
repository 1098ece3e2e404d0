// Plans and seats as an organization's admin uses them: invite, claim, change the number of paid seats, watch
// who rests, grow back; change the plan; see what a changed catalog does.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stack, buildDir, root, until } from './support/stack.mjs';
import { Browser } from './support/browser.mjs';
import { decideDevice, login, signInAsDemo, upgrade } from './support/flows.mjs';
import { api, deviceFlow, newKey } from './support/dpop.mjs';

let stack;
const homes = {};
const homeOf = (name) => (homes[name] ??= join(stack.dir, `home-${name}`));
const ccp = (name, ...args) => stack.ccp(args, { home: homeOf(name) });

/** Signs in on the way to a page that demands it, with the code that dev mode prints. */
async function signInOn(path, email) {
  const browser = new Browser(stack.url);
  await browser.get(path);
  const seen = stack.server.output().length;
  await browser.submit(/e-?mail/i, { email });
  const mail = await until('the sign-in mail in the log', () => {
    const lines = stack.server.output().slice(seen).split('\n').filter((l) => l.includes('"text"') && l.includes(email) && l.includes('Your code'));
    return lines.length ? JSON.parse(lines.at(-1)) : undefined;
  });
  await browser.submit(/code/i, { code: /\b([A-Z]{4}-[A-Z]{4})\b/.exec(mail.text)[1] });
  return browser;
}

before(async () => {
  stack = await Stack.start({ deviceConfig: '{interval_s: 1}' });
  const browser = await signInAsDemo(stack);
  await login(stack, { browser, home: homeOf('owner') });
  const { result } = await upgrade(stack, 'team-month', { home: homeOf('owner'), args: ['--quantity', '3'] });
  assert.equal(result.code, 0, result.stdout + result.stderr);
});
after(() => stack?.stop());

test('the plan is shown beside the others, with the price in use and what it costs', async () => {
  const { code, stdout } = await ccp('owner', 'plan');
  assert.equal(code, 0);
  assert.match(stdout, /Community +Solo +\* Team/);
  assert.match(stdout, /zai_offload +– +yes +yes/);
  assert.match(stdout, /\* team-month +Team +25\.00 USD +per seat and month/);
  assert.match(stdout, /Your plan is Team by team-month, 3 seats, 75\.00 USD a month/);
  assert.doesNotMatch(stdout, /sandbox|polar/, 'who sells is no matter of people');
  const { json } = await ccp('owner', 'plan', '--json');
  assert.deepEqual(json.current, { plan: 'team', price: 'team-month', quantity: 3, seats: 3, amount: { amount_minor: 7500, currency: 'USD' }, interval: 'month' });
});

test('an address is invited, signs in on the way, and logs in', async () => {
  const { code, json, stderr } = await ccp('owner', 'invite', 'bert@example.com', '--github', 'BertCodes', '--json');
  assert.equal(code, 0, stderr);
  assert.equal(json.mailed, true);
  const browser = await signInOn(json.link.url, 'bert@example.com');
  assert.match(browser.html, /You have joined/);
  await login(stack, { browser, home: homeOf('bert'), org: json.seat.org });
  const status = (await ccp('bert', 'status', '--json')).json;
  assert.equal(status.license?.plan ?? status.plan, 'team');
});

test('a handle is invited by a link, which is claimed by a button and not by looking at it', async () => {
  const { json } = await ccp('owner', 'seats', 'invite', '@OctoCat', '--json');
  assert.equal(json.mailed, false);
  const browser = await signInOn(json.link.url, 'carla@example.com');
  assert.match(browser.html, /@octocat/);
  assert.equal((await ccp('owner', 'seats', '--json')).json.seats.find((s) => s.github === 'octocat').state, 'invited');
  await browser.submit(/join/i);
  assert.match(browser.html, /You have joined/);
  await login(stack, { browser, home: homeOf('carla') });
  const { json: seats } = await ccp('owner', 'seats', 'list', '--json');
  assert.deepEqual(seats.summary, { paid: 3, used: 3, free: 0, over: 0, viewers: 0 });
  const carla = seats.seats.find((s) => s.github === 'octocat');
  assert.deepEqual([carla.email, carla.state, carla.role], ['carla@example.com', 'claimed', 'member']);
  const stranger = await signInOn(json.link.url, 'stranger@example.com');
  assert.match(stranger.html, /cannot be used/);
});

test('no more seats are given away than are paid for; viewers are free and read the dashboards', async () => {
  const full = await ccp('owner', 'invite', 'dora@example.com', '--json');
  assert.deepEqual([full.code, full.json.error.code], [7, 'plan_required']);
  assert.match(full.json.error.detail, /ccp seats set/);
  const { json } = await ccp('owner', 'invite', 'vera@example.com', '--role', 'viewer', '--json');
  const vera = await signInOn(json.link.url, 'vera@example.com');
  await vera.get('/dashboard');
  assert.equal(vera.status, 200);
  const grant = await (await fetch(`${stack.url}/oauth/device_authorization`, { method: 'POST', body: new URLSearchParams({ client_id: 'ccp-cli', hostname: 'vera' }) })).json();
  await vera.get(`/device?user_code=${grant.user_code}`);
  assert.ok(!vera.forms().some((f) => f.buttons.some((b) => /approve/i.test(b.text ?? b.value)) && f.fields.org), 'a viewer connects no device');
  assert.equal((await ccp('owner', 'seats', '--json')).json.summary.viewers, 1);
  const member = await ccp('bert', 'seats', '--json');
  assert.deepEqual([member.code, member.json.error.code], [7, 'forbidden']);
});

test('with fewer seats the longest claimed go on, the last one rests, and goes on when there is room', async () => {
  const down = await ccp('owner', 'seats', 'set', '2', '--json');
  assert.equal(down.code, 0, down.stdout + down.stderr);
  assert.deepEqual([down.json.before.quantity, down.json.after.quantity], [3, 2]);
  assert.deepEqual(down.json.after.amount, { amount_minor: 5000, currency: 'USD' });
  assert.deepEqual(down.json.seats, { paid: 2, used: 3, over: 1 });
  assert.equal((await ccp('bert', 'status', '--json')).code, 0);
  const resting = await ccp('carla', 'whoami', '--json');
  assert.deepEqual([resting.code, resting.json.error.code], [7, 'seat_over_limit']);
  assert.match(resting.json.error.next_step, /ccp seats set/);
  const listed = await ccp('owner', 'seats');
  assert.match(listed.stdout, /carla@example\.com \(@octocat\) +member +claimed, over the limit/);
  assert.match(listed.stdout, /3 of 2 seats are assigned, 1 viewer is free/);

  const up = await ccp('owner', 'seats', 'set', '3');
  assert.equal(up.code, 0, up.stderr);
  assert.match(up.stdout, /before +team-month, 2 seats, 50\.00 USD a month\n +now +team-month, 3 seats, 75\.00 USD a month/);
  assert.equal((await ccp('carla', 'whoami', '--json')).code, 0, 'the same login goes on');
  const same = await ccp('owner', 'seats', 'set', '3', '--json');
  assert.equal(same.json.changed, false);
  const many = await ccp('owner', 'seats', 'set', '21', '--json');
  assert.equal(many.json.error.code, 'validation_failed');
});

test('a running plan changes at its provider, and back', async () => {
  const down = await ccp('owner', 'upgrade', 'solo-month', '--quantity', '1', '--json');
  assert.equal(down.code, 0, down.stdout + down.stderr);
  assert.equal(down.json.after.plan, 'solo');
  assert.equal((await ccp('owner', 'status', '--json')).json.license.plan, 'solo');
  for (const name of ['bert', 'carla']) assert.equal((await ccp(name, 'whoami', '--json')).json.error.code, 'seat_over_limit', name);
  const up = await ccp('owner', 'upgrade', 'team-month', '--quantity', '3', '--json');
  assert.equal(up.json?.after?.plan, 'team', up.stdout + up.stderr);
  for (const name of ['bert', 'carla']) assert.equal((await ccp(name, 'whoami', '--json')).code, 0, name);
  // The provider's own word comes by webhook as well, and changes nothing more.
  const { json } = await ccp('owner', 'seats', '--json');
  assert.deepEqual(json.summary, { paid: 3, used: 3, free: 0, over: 0, viewers: 1 });
});

test('members get roles and leave', async () => {
  assert.equal((await ccp('owner', 'members', 'role', 'bert@example.com', 'admin', '--json')).json.member.role, 'admin');
  assert.equal((await ccp('bert', 'seats', '--json')).code, 0);
  const last = await ccp('owner', 'members', 'role', 'demo@localhost', 'member', '--json');
  assert.equal(last.json.error.code, 'last_owner');
  assert.equal((await ccp('bert', 'seats', 'revoke', '@octocat')).code, 0);
  assert.equal((await ccp('carla', 'whoami', '--json')).code, 6, 'logged out');
  assert.equal((await ccp('bert', 'members', 'remove', 'bert@example.com')).code, 0, 'people leave by themselves');
  const members = (await ccp('owner', 'members', '--json')).json.members.map((m) => m.email).sort();
  assert.deepEqual(members, ['demo@localhost', 'vera@example.com']);
  const nobody = await ccp('owner', 'seats', 'resend', 'nobody@example.com', '--json');
  assert.equal(nobody.json.error.code, 'not_found');
});

test('an operator sees what a changed catalog does, and a reload refuses to drop what is used', async () => {
  const env = { CCP_OPERATOR_KEY: `@${join(stack.stateDir, 'operator.key')}` };
  const admin = (...args) => stack.ccp(['admin', ...args], { home: homeOf('owner'), env });
  const same = await admin('plans', 'diff');
  assert.equal(same.code, 0, same.stderr);
  assert.match(same.stdout, /Nothing changes/);
  const config = readFileSync(stack.config, 'utf8');
  const catalog = /catalog: \n([\s\S]*)$/.exec(config)[1].replace(/^ {2}/gm, '');
  const file = join(stack.dir, 'new-plans.yaml');
  writeFileSync(file, catalog.replace('amount_minor: 2500', 'amount_minor: 2600').replace('reviewer_bot]', 'reviewer_bot, sso]').replace('{price: team-month}', '{price: team-2027}'));
  const diff = await admin('plans', 'diff', '--file', file, '--json');
  assert.equal(diff.code, 1, diff.stdout + diff.stderr);
  assert.equal(diff.json.refused, true);
  const [team] = diff.json.plans;
  assert.deepEqual([team.id, team.orgs, team.seats, team.prices[0].subscriptions], ['team', 1, 3, 1]);
  assert.deepEqual(team.changes, [{ what: 'features.sso', before: false, after: true }]);
  const shown = await admin('plans', 'diff', '--file', file);
  assert.match(shown.stdout, /amount: 25\.00 USD → 26\.00 USD/);
  assert.match(shown.stdout, /Refused: .*team-month/);
  writeFileSync(file, '- {id: Team}\n- {id: b, prices: [{id: c}]}\n');
  const wrong = await admin('plans', 'diff', '--file', file, '--json');
  assert.equal(wrong.json.error.code, 'catalog_invalid');
  assert.match(wrong.json.error.detail, /plans\.yaml:1:8: \/0\/id .*\nplans\.yaml:2:20: /);

  writeFileSync(stack.config, config.replace('{price: team-month}', '{price: team-2027}'));
  const reload = await stack.admin('POST', '/v1/admin/reload', {});
  assert.deepEqual([reload.status, reload.body.code], [409, 'catalog_in_use'], JSON.stringify(reload.body));
  writeFileSync(stack.config, config);
});

/** Answers hold what /openapi.json says. */
async function conforms(method, path, status, body) {
  const { default: Ajv2020 } = await import('ajv/dist/2020.js');
  const openapi = await (await fetch(`${stack.url}/openapi.json`)).json();
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
  ajv.addSchema({ $id: 'ccp', components: openapi.components });
  const { schema } = openapi.paths[path][method].responses[status].content['application/json'];
  const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"ccp#/components')));
  assert.ok(validate(body), `${method} ${path}: ${ajv.errorsText(validate.errors)}`);
}

test('a repeated request with one Idempotency-Key invites once and changes once', async () => {
  const key = await newKey();
  const browser = await signInAsDemo(stack);
  const tokens = await deviceFlow(stack, key, (code) => decideDevice(browser, code));
  const post = (path, body, name) => api(stack, key, tokens.access_token, 'POST', path, body, { headers: { 'idempotency-key': name } });
  const first = await post('/v1/org/seats', { github: 'twice' }, 'invite-1');
  const again = await post('/v1/org/seats', { github: 'twice' }, 'invite-1');
  assert.deepEqual([first.status, again.status], [201, 201], JSON.stringify(again.body));
  assert.deepEqual(again.body, first.body);
  const other = await post('/v1/org/seats', { github: 'thrice' }, 'invite-1');
  assert.deepEqual([other.status, other.body.code], [409, 'idempotency_conflict']);
  const more = await post('/v1/billing/seats', { quantity: 4 }, 'seats-1');
  assert.deepEqual(more.body, (await post('/v1/billing/seats', { quantity: 4 }, 'seats-1')).body);
  assert.equal(more.body.changed, true);
  await conforms('post', '/v1/org/seats', '201', first.body);
  await conforms('post', '/v1/billing/seats', '200', more.body);
  const get = async (path) => (await api(stack, key, tokens.access_token, 'GET', path)).body;
  const apiKey = await api(stack, key, tokens.access_token, 'POST', '/v1/org/api-keys', { name: 'CI', scopes: ['usage'] });
  assert.equal(apiKey.status, 201);
  await conforms('post', '/v1/org/api-keys', '201', apiKey.body);
  for (const path of ['/v1/org/api-keys', '/v1/org/seats', '/v1/org/members', '/v1/plans']) await conforms('get', path, '200', await get(path));
  const gone = await api(stack, key, tokens.access_token, 'DELETE', `/v1/org/seats/${first.body.seat.id}`);
  assert.equal(gone.status, 204);
});

test('the commands of the guide work, in its order', async () => {
  const page = readFileSync(join(root, 'docs/guides/organization.md'), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
  assert.ok(blocks.length > 5);
  const home = homeOf('owner'), folder = join(stack.dir, 'guide');
  mkdirSync(folder);
  writeFileSync(join(folder, 'new-plans.yaml'), /catalog: \n([\s\S]*)$/.exec(readFileSync(stack.config, 'utf8'))[1].replace(/^ {2}/gm, ''));
  for (const block of blocks) {
    const ran = spawnSync('bash', ['-euo', 'pipefail', '-c', block], {
      cwd: folder, encoding: 'utf8',
      env: {
        ...process.env, PATH: `${join(buildDir, 'bin')}:/usr/bin:/bin`, HOME: home, XDG_CONFIG_HOME: join(home, '.config'), XDG_DATA_HOME: join(home, '.local/share'),
        NO_COLOR: '1', CCP_SERVER: stack.url, CCP_OPERATOR_KEY: `@${join(stack.stateDir, 'operator.key')}`,
      },
    });
    assert.equal(ran.status, 0, `$ ${block}\n${ran.stdout}${ran.stderr}`);
  }
});

test('the shell completes the commands', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await ccp('owner', 'completion', shell);
    for (const word of ['seats', 'invite', 'members', 'resend', 'revoke', 'api-keys']) assert.match(stdout, new RegExp(`\\b${word}\\b`), `${shell}: ${word}`);
  }
});
