// Providers that answer 429 and 500, hang, cut their answers short or answer too late; webhooks that are
// lost, doubled and reordered; ccpd killed between store and process and between process and outbox;
// PostgreSQL restarted. What every organization has in the end is what it has where nothing happened.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Shop, polarProducts } from './shop.mjs';
import { until } from './stack.mjs';

const rounds = Number(process.env.CCP_CHAOS_ROUNDS ?? 1);

/** Three lives of a subscription at each provider: they end active, in grace, and refunded. */
const lives = {
  stripe: {
    start: (fake, customer) => fake.startSubscription({ customer, price: fake.get('price_team_month'), quantity: 3 }),
    quantity: (fake, sub, n) => fake.updateSubscription(sub, { items: [{ id: sub.items.data[0].id, quantity: String(n) }], proration_behavior: 'always_invoice' }),
    fail: (fake, sub) => fake.turn(sub, { paid: false }),
    pay: (fake, sub) => fake.payInvoice(fake.get(sub.latest_invoice)),
    cancel: (fake, sub, on) => fake.updateSubscription(sub, { cancel_at_period_end: String(on) }),
    refund: (fake, sub, amount) => fake.refundCharge(fake.lastCharge(sub), amount),
    dispute: (fake, sub) => fake.openDispute(fake.lastCharge(sub)),
    close: (fake, dispute) => fake.closeDispute(dispute, 'won'),
  },
  polar: {
    start: (fake, customer) => fake.startSubscription({ customer: fake.get('customers', customer), product: fake.get('products', polarProducts['team-month']), seats: 3 }),
    quantity: (fake, sub, n) => fake.updateSubscription(sub, { seats: n, proration_behavior: 'invoice' }),
    fail: (fake, sub) => fake.turn(sub, { paid: false }),
    pay: (fake, sub) => fake.payOpen(sub),
    cancel: (fake, sub, on) => fake.updateSubscription(sub, { cancel_at_period_end: on }),
    refund: (fake, sub, amount) => fake.refundOrder(fake.lastPaid(sub), amount),
    dispute: (fake, sub) => fake.openDispute(fake.lastPaid(sub)),
    close: (fake, dispute) => fake.closeDispute(dispute, 'won'),
  },
};
const pause = (ms) => new Promise((r) => setTimeout(r, ms));
async function live(fake, provider, [a, b, c]) {
  const l = lives[provider];
  const subA = l.start(fake, a.customer), subB = l.start(fake, b.customer), subC = l.start(fake, c.customer);
  await pause(100);
  l.quantity(fake, subA, 5);
  l.quantity(fake, subB, 4);
  const dispute = l.dispute(fake, subA);
  await pause(100);
  l.fail(fake, subA);
  l.refund(fake, subC, 1000);
  await pause(100);
  l.pay(fake, subA);
  l.cancel(fake, subB, true);
  l.refund(fake, subC);
  await pause(100);
  l.cancel(fake, subB, false);
  l.close(fake, dispute);
  l.fail(fake, subB);
}

const errors = {
  429: { status: 429, before: true, times: 5, headers: { 'retry-after': '1' } },
  500: { status: 500, before: true, times: 5 },
  'half an answer': { truncate: true, times: 3 },
  'an answer too late': { answerLate: 11_000 },
  'no answer': { hang: true },
};
const points = ['webhook.after_commit', 'inbox.before_apply', 'inbox.after_apply', 'inbox.after_commit', 'outbox.before_delivery'];

/** The whole test on one database. */
export function chaos(database) {
  test(`chaos ends where peace ends: ${database}`, { timeout: 1_800_000 }, async (t) => {
    const shop = await Shop.start({ database, billing: ', calls_per_minute: 6000' });
    t.after(() => shop.stop());
    const { stack } = shop, fakes = { stripe: shop.stripe, polar: shop.polar };
    const groups = [];
    /** The three lives at both providers, under one disturbance. */
    const group = async (name) => {
      const made = { name };
      for (const provider of ['stripe', 'polar']) {
        made[provider] = await shop.customers(provider, ['a', 'b', 'c'].map((x) => `${provider}-${name.replace(/\W/g, '')}-${groups.length}-${x}`));
      }
      groups.push(made);
      return made;
    };
    const play = (g) => Promise.all(['stripe', 'polar'].map((p) => live(fakes[p], p, g[p])));
    const settled = () => Promise.all(Object.values(fakes).map((f) => f.webhooks.settled()));
    const restart = async (env) => { await stack.server.kill(); await stack.startServer(env); };
    /** What customers of ours would see, without ids and times: [stripe, polar] of [a, b, c]. */
    const states = (g) => {
      const orgs = [...g.stripe, ...g.polar].map((c) => `'${c.org}'`).join();
      const read = `select l.org_id, l.state, l.plan, l.seats, l.reason, s.status, s.plan_id, s.price_id, s.seats as bought, s.dirty,
        case when s.refund_full_at is null then 0 else 1 end as refund_full, case when s.refund_partial_at is null then 0 else 1 end as refund_partial,
        case when s.dispute_opened_at is null then 0 else 1 end as opened, case when s.dispute_won_at is null then 0 else 1 end as won,
        case when s.dispute_lost_at is null then 0 else 1 end as lost
        from licenses l left join billing_subscriptions s on s.org_id = l.org_id where l.org_id in (${orgs})`;
      const rows = shop.rows(read);
      return ['stripe', 'polar'].map((p) => g[p].map((c) => rows.filter((r) => r.org_id === c.org).map(({ org_id, ...rest }) => ({ ...rest }))));
    };
    // A doubt that is left is asked about again within a minute; what it is about is right already.
    const decided = (s) => s.map((of) => of.map((rows) => rows.map(({ dirty, ...rest }) => rest)));

    const peace = await group('peace');
    await play(peace);
    await settled();
    const expected = await until('peace', () => {
      const s = states(peace), all = s.flat(2);
      return all.map((x) => x.state).join() === 'active,grace,revoked,active,grace,revoked' && all.every((x) => Number(x.dirty) === 0) &&
        shop.rows("select id from webhook_inbox where state = 'received'").length === 0 && s;
    }, { timeout: 20_000 }).catch((e) => { throw new Error(`${e.message}: ${JSON.stringify(states(peace))}`); });
    assert.deepEqual(expected[0], expected[1], 'both providers mean the same');

    for (let round = 0; round < rounds; ++round) {
      for (const [name, fault] of Object.entries(errors)) {
        // What a provider answers wrongly does not depend on the database.
        if (rounds === 1 && stack.postgres && name !== '500') continue;
        const g = await group(name);
        for (const fake of Object.values(fakes)) fake.plan({ ...fault, method: 'GET' });
        await play(g);
      }
      const lossy = await group('loss');
      for (const fake of Object.values(fakes)) Object.assign(fake.webhooks.faults, { drop: 4, duplicate: 6 });
      await play(lossy);
      for (const fake of Object.values(fakes)) fake.webhooks.faults.reorder = 12;
      await play(await group('order'));
      for (const fake of Object.values(fakes)) { Object.assign(fake.webhooks.faults, { drop: 0, duplicate: 0, reorder: 0 }); fake.webhooks.release({ backwards: true }); }
      for (const point of points) {
        const g = await group(point);
        await restart({ CCP_FAULT: `${point}:${4 + round}` });
        await Promise.all([play(g), (async () => {
          await until(`a death at ${point}`, () => !stack.server.running, { timeout: 30_000, every: 10 });
          assert.equal(stack.server.exit.signal, 'SIGKILL');
          await stack.startServer();
        })()]);
      }
      if (stack.postgres) {
        const g = await group('postgresql');
        await Promise.all([play(g), (async () => { await pause(150); await stack.postgres.restart(); })()]);
      }
    }
    for (const fake of Object.values(fakes)) fake.faults = [];
    await settled();
    await restart();
    const waiting = () => shop.rows("select event_type, state, error from webhook_inbox where state <> 'processed'");
    const end = Date.now();
    for (const g of groups) {
      await until(`the end of "${g.name}" to be that of peace`, () => { assert.deepEqual(decided(states(g)), decided(expected)); return true; }, { timeout: 30_000 + rounds * 10_000, every: 100 })
        .catch((e) => { throw new Error(`${e.message}\n${groups.indexOf(g)} of ${groups.length}: ${JSON.stringify(states(g))}\nwaiting: ${JSON.stringify(waiting().slice(0, 5))}`); });
    }
    t.diagnostic(`${groups.length} groups of 6 subscriptions; settled ${Date.now() - end} ms after the last start`);
    await until('every webhook to be processed', () => waiting().length === 0).catch((e) => { throw new Error(`${e.message}: ${JSON.stringify(waiting().slice(0, 3))}`); });
    // On PostgreSQL another node may have it: what a killed one had claimed waits for the end of its lease.
    const outbox = () => shop.rows('select type, subject, attempt, claimed_by, last_error from outbox');
    const leased = (rows) => rounds === 1 && rows.every((r) => rows.some((o) => o.subject === r.subject && o.claimed_by !== null));
    await until('every domain event to be delivered', () => { const rows = outbox(); return rows.length === 0 || leased(rows); }, { timeout: 90_000 })
      .catch((e) => { throw new Error(`${e.message}: ${JSON.stringify(outbox().slice(0, 4))}`); });
    const ids = shop.rows('select instance, event_id from webhook_inbox').map((r) => `${r.instance}/${r.event_id}`);
    assert.equal(new Set(ids).size, ids.length, 'no event stands twice');
  });
}
