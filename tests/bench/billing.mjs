// Billing figures of make bench: webhook intake beside the raw durable group commit of the same rows, and
// the reconciliation of a large account against a local provider.
import { DatabaseSync } from 'node:sqlite';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Shop } from '../e2e/support/shop.mjs';
import { until } from '../e2e/support/stack.mjs';
import { wrkReplay } from './wrk.mjs';

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const round = (n, digits = 2) => Number(n.toFixed(digits));
const connections = 64;

/** The limit: the inbox's row for this body, committed durably in groups of as many as wait at once. */
function rawSqlite(dir, body) {
  const db = new DatabaseSync(join(dir, `raw-${randomUUID()}.db`));
  db.exec('pragma journal_mode=wal; pragma synchronous=full; create table t (id text primary key, instance text, event text, headers text, body text, state text, at bigint); create unique index u on t (instance, event)');
  const insert = db.prepare("insert into t values (?, 'stripe', ?, ?, ?, 'received', ?)");
  const begin = performance.now();
  let rows = 0;
  while (performance.now() - begin < 1500) {
    db.exec('begin immediate');
    for (let i = 0; i < connections; ++i) insert.run(randomUUID(), `evt_${rows++}`, 'h'.repeat(500), body, rows);
    db.exec('commit');
  }
  const perSecond = rows / ((performance.now() - begin) / 1000);
  db.close();
  return perSecond;
}
function rawPostgres(stack, body) {
  stack.postgres.psql('drop table if exists raw_webhooks; create table raw_webhooks (id text primary key, instance text, event text, headers text, body text, state text, at bigint); create unique index on raw_webhooks (instance, event)', 'ccp');
  const script = join(stack.dir, 'raw.sql');
  writeFileSync(script, `insert into raw_webhooks values (gen_random_uuid()::text, 'stripe', gen_random_uuid()::text, repeat('h', 500), '${body}', 'received', 1);\n`);
  const out = execFileSync('/usr/lib/postgresql/15/bin/pgbench', ['-n', '-h', '127.0.0.1', '-p', new URL(stack.postgres.url).port, '-U', 'admin', '-f', script, '-T', '2', '-c', String(connections), '-j', '2', '-M', 'prepared', 'ccp'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return Number(/tps = ([\d.]+)/.exec(out)[1]);
}

/** Webhooks of renewals at the turn of a month, signed: every subscription sends its nine events. */
function renewals(shop, subscriptions) {
  shop.stripe.webhooks.faults.hold = true;
  shop.stripe.sent.length = 0;
  for (const sub of subscriptions) shop.stripe.turn(sub);
  shop.stripe.webhooks.held.length = 0;
  return shop.stripe.sent.splice(0).map((delivery) => ({ method: 'POST', path: '/webhooks/stripe', body: delivery.body,
    headers: { 'content-type': 'application/json', ...shop.stripe.webhooks.sign(delivery) } }));
}

/** Intake: verified, stored durably, acknowledged. */
export async function webhookIntake(database, { emit }) {
  const shop = await Shop.start({ database, fsync: true, billing: ', calls_per_minute: 6000' });
  try {
    const customers = await shop.customers('stripe', Array.from({ length: 100 }, (_, i) => `bench-${i}`));
    const subscriptions = customers.map(({ customer }) => shop.stripe.startSubscription({ customer, price: shop.stripe.get('price_team_month'), quantity: 3 }));
    await shop.stripe.webhooks.settled();
    const processed = () => shop.rows("select count(*) as n from webhook_inbox where state = 'received'")[0].n == 0;
    await until('the first webhooks to be processed', processed);
    // What one round leaves in doubt is asked about in the background: not beside the next one.
    const asked = () => shop.rows('select count(*) as n from billing_subscriptions where dirty <> 0')[0].n == 0;
    const results = [], limits = [], drained = [];
    for (let r = 0; r < 4; ++r) {
      const requests = renewals(shop, [...subscriptions, ...subscriptions, ...subscriptions, ...subscriptions]);
      const row = Buffer.from(requests[0].body).toString('base64');
      await until('what is in doubt to be asked about', asked, { timeout: 120_000 });
      const measured = await wrkReplay(shop.stack.url, requests, { connections, pids: [shop.stack.server.child.pid] });
      if (measured.failed > requests.length / 100) throw new Error(`${measured.failed} of ${requests.length} webhooks failed`);
      const begin = performance.now();
      await until('the webhooks to be processed', processed, { timeout: 120_000, every: 20 });
      drained.push(performance.now() - begin);
      limits.push(database === 'sqlite' ? rawSqlite(shop.stack.dir, row) : rawPostgres(shop.stack, row));
      if (r > 0) results.push({ ...measured, ratio: measured.perSecond / limits.at(-1) });  // the first warms up
    }
    const of = (figure) => median(results.map((x) => x[figure]));
    emit({ name: `webhook_intake_per_second_${connections}_${database}`, value: round(of('perSecond'), 0), unit: '1/s', peer: `raw durable group commit`, peer_value: round(median(limits), 0), ratio: round(of('ratio'), 3) });
    emit({ name: `webhook_intake_p99_${connections}_${database}`, value: round(of('p99')), unit: 'ms' });
    emit({ name: `webhook_intake_cpu_${database}`, value: round(of('cpuUs'), 0), unit: 'us' });
    emit({ name: `webhook_intake_all_processed_after_${database}`, value: round(median(drained), 0), unit: 'ms' });
  } finally { await shop.stop(); }
}

/** Copies one organization with its license, customer and subscription `count` times, as SQL. */
function multiply(shop, { org, customer, subscription }, count) {
  const db = new DatabaseSync(join(shop.stack.stateDir, 'ccp.db'));
  db.exec(`pragma busy_timeout = 60000; create temp table numbers (n integer); insert into numbers with recursive c(n) as (select 2 union all select n + 1 from c where n < ${count}) select n from c; begin immediate`);
  const copy = (table, changes, where) => {
    const columns = db.prepare(`select name from pragma_table_info('${table}')`).all().map((c) => c.name);
    db.exec(`insert into ${table} select ${columns.map((c) => changes[c] ?? `t.${c}`).join(', ')} from ${table} t, numbers where ${where}`);
  };
  const newOrg = "printf('org_%026d', n)", newCustomer = "printf('cus_1Bench%010d', n)", newSub = "printf('sub_1Bench%010d', n)";
  const swapped = (column) => `replace(replace(t.${column}, '${customer}', ${newCustomer}), '${subscription}', ${newSub})`;
  copy('orgs', { id: newOrg }, `t.id = '${org}'`);
  copy('licenses', { org_id: newOrg, id: "printf('lic_%026d', n)", facts_json: swapped('facts_json') }, `t.org_id = '${org}'`);
  copy('billing_customers', { org_id: newOrg, id: "printf('cus_%026d', n)", provider_customer_id: newCustomer, reconcile_after_at: '0' }, `t.org_id = '${org}'`);
  copy('billing_subscriptions', { org_id: newOrg, id: "printf('sub_%026d', n)", provider_subscription_id: newSub, provider_customer_id: newCustomer, snapshot: swapped('snapshot'), effective: swapped('effective') }, `t.org_id = '${org}'`);
  db.exec('commit');
  db.close();
}

/** One sweep over an account of `count` subscriptions, of which one in a hundred changed unnoticed. */
export async function reconcileAccount({ emit }, count = Number(process.env.CCP_BENCH_SUBSCRIPTIONS ?? 100_000)) {
  const shop = await Shop.start({ billing: ', calls_per_minute: 100000' });
  try {
    const { stripe, stack } = shop;
    const [first] = await shop.customers('stripe', ['bench']);
    const price = stripe.get('price_team_month');
    const sub = stripe.startSubscription({ customer: first.customer, price, quantity: 3 });
    await stripe.webhooks.settled();
    await until('the subscription', () => shop.rows("select status from billing_subscriptions where status = 'active'").length === 1);
    await stack.server.stop();
    multiply(shop, { ...first, subscription: sub.id }, count);
    stripe.webhooks.faults.hold = true;
    Object.assign(stripe, { keepRequests: false });
    const text = JSON.stringify(sub);
    for (let n = 2; n <= count; ++n) {
      const tail = String(n).padStart(10, '0');
      const copy = JSON.parse(text.replaceAll(sub.id, `sub_1Bench${tail}`).replaceAll(first.customer, `cus_1Bench${tail}`));
      if (n % 100 === 0) copy.items.data[0].quantity = 4;
      stripe.put(copy);
    }
    const rss = [];
    await stack.startServer();
    const pid = stack.server.child.pid;
    const watch = setInterval(() => rss.push(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024), 200);
    const swept = await until('the sweep', () => {
      const line = stack.server.output().split('\n').find((l) => l.includes('"billing.swept"'));
      return line && JSON.parse(line);
    }, { timeout: 600_000, every: 500 });
    clearInterval(watch);
    const repaired = shop.rows('select count(*) as n from billing_subscriptions where seats = 4')[0].n;
    if (swept.subscriptions !== count || Number(repaired) !== Math.floor(count / 100)) throw new Error(`swept ${swept.subscriptions}, repaired ${repaired}`);
    emit({ name: `reconcile_${count}_subscriptions`, value: round(swept.took_ms / 1000, 1), unit: 's', repaired: Number(repaired) });
    emit({ name: `reconcile_${count}_peak_memory`, value: round(Math.max(...rss), 0), unit: 'MiB' });
  } finally { await shop.stop(); }
}
