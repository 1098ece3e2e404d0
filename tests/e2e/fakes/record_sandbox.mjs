// The stories on ccp-sandbox-provider, as billing_sandbox sees them. The provider's clock stands still and
// is moved from step to step; what falls due on the way happens at its own time.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDir, until } from '../support/stack.mjs';

const prices = { 'solo-month': 2900, 'solo-full-month': 4900, 'team-month': 2500 };
export const description = {
  customer_id: 'cus_00000001',
  catalog: Object.fromEntries(Object.keys(prices).map((name) => [name, { product_id: `prod_${name.split('-')[0]}`, price_id: name }])),
  signing: { secret: 'sandbox/webhook', key: 'base64', key_prefix: 'whsec_', signed: '{id}.{unix}.{body}',
    headers: { 'webhook-id': '{id}', 'webhook-timestamp': '{unix}', 'webhook-signature': 'v1,{base64}' } },
};
const hour = 3600e3, day = 24 * hour;
/** What time does by itself. */
const byTime = ['trial_ends', 'renew', 'renewal_fails', 'dunning_ends', 'period_ends', 'wait'];

export async function make(story) {
  const dir = mkdtempSync(join(tmpdir(), 'ccp-record-'));
  const write = (name, text) => { writeFileSync(join(dir, name), text, { mode: 0o600 }); return join(dir, name); };
  const key = 'sbx_recording_0000000000000000';
  let now = Date.parse(story.start) - hour;
  const child = spawn(join(buildDir, 'bin/ccp-sandbox-provider'), ['--api-key-file', write('key', key), '--webhook-secret-file', write('secret', `whsec_${'A'.repeat(43)}=`),
    '--catalog', write('catalog', JSON.stringify({ prices: Object.entries(prices).map(([id, amount_minor]) => ({ id, product_id: description.catalog[id].product_id, name: id, amount_minor, currency: 'USD', interval: 'month' })) })),
    '--clock-at', new Date(now).toISOString(), '--port-file', join(dir, 'port')], { stdio: 'ignore' });
  const { url } = await until('the sandbox provider', () => JSON.parse(readFileSync(join(dir, 'port'), 'utf8')), { every: 5 });
  const call = async (method, path, body) => {
    const answer = await fetch(url + path, { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = (await answer.text()).replaceAll(url, 'http://127.0.0.1:8090');
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  const customer = (await call('POST', '/v1/customers', { external_id: 'org_conformance', email: 'ada@example.com' })).id;
  const sub = async () => (await call('GET', '/v1/subscriptions?limit=100')).items.at(-1);
  let fails = false, seen = 0, hint = false;
  return {
    /** Moves to `ms` by days; the payment that falls due at its end goes as the action says. */
    async at(step, action) {
      // A second more: what began a few microseconds after its step falls due as late.
      const ms = byTime.includes(action.action) ? step + 1000 : step;
      while (now < ms) {
        const hop = Math.min(day, ms - now), arrives = now + hop === ms;
        const held = await sub();
        if (held && ['trialing', 'active', 'past_due'].includes(held.status)) {
          if (arrives && (action.action === 'renewal_fails' || action.payment === 'fails')) fails = true;
          await call('POST', `/test/subscriptions/${held.id}/next-payment`, { outcome: fails ? 'fail' : 'succeed' });
        }
        await call('POST', '/test/clock/advance', { seconds: hop / 1000 });
        now += hop;
      }
    },
    async act({ action, ...q }) {
      const patch = async (body) => call('PATCH', `/v1/subscriptions/${(await sub()).id}`, body);
      const checkout = () => call('POST', '/v1/checkouts', { customer_id: customer, price_id: q.price, product_id: description.catalog[q.price].product_id, quantity: q.quantity ?? 1, trial_days: q.trial_days ?? 0,
        success_url: 'http://127.0.0.1/billing/success?checkout={CHECKOUT_ID}' });
      const actions = {
        purchase: async () => call('POST', `/test/checkouts/${(await checkout()).id}/pay`, {}),
        checkout_abandoned: async () => call('POST', `/v1/checkouts/${(await checkout()).id}/expire`, {}),
        pay: async () => { fails = false; await call('POST', `/test/subscriptions/${(await sub()).id}/charge`, { outcome: 'succeed' }); },
        set_quantity: () => patch({ quantity: q.quantity }),
        change_price: () => patch({ price_id: q.price, product_id: description.catalog[q.price].product_id, quantity: q.quantity ?? 1 }),
        cancel_at_period_end: () => patch({ cancel_at_period_end: true }),
        uncancel: () => patch({ cancel_at_period_end: false }),
        cancel_now: () => patch({ revoke: true }),
        pause: () => patch({ pause_at_period_end: true }),
        resume: () => patch({ resume: true }),
        refund_partial: async () => call('POST', '/v1/refunds', { subscription_id: (await sub()).id, amount_minor: q.amount_minor, end_subscription: false }),
        refund_full: async () => call('POST', '/v1/refunds', { subscription_id: (await sub()).id, end_subscription: false }),
        dispute_open: async () => call('POST', '/test/disputes', { subscription_id: (await sub()).id }),
        dispute_won: async () => call('POST', `/test/disputes/${(await call('GET', '/v1/disputes')).items.at(-1).id}/close`, { outcome: 'won' }),
        dispute_lost: async () => call('POST', `/test/disputes/${(await call('GET', '/v1/disputes')).items.at(-1).id}/close`, { outcome: 'lost' }),
        delete_customer: () => call('DELETE', `/v1/customers/${customer}`),
        change_email: () => call('PATCH', `/v1/customers/${customer}`, { email: q.email }),
      };
      // The others are a matter of time: at() has let them happen.
      if (actions[action]) await actions[action]();
      else if (!byTime.includes(action)) throw new Error(`no action ${action}`);
    },
    async deliveries(at) {
      const all = [];
      for (let cursor = ''; cursor !== null;) {
        const page = await call('GET', `/v1/events?limit=100${cursor ? `&cursor=${cursor}` : ''}`);
        all.push(...page.items);
        cursor = page.next_cursor;
      }
      // Tries of a payment between two steps say nothing of their own.
      const told = all.slice(seen, seen = all.length).filter((e) => Date.parse(e.created_at) >= at);
      hint ||= told.some((e) => e.type.startsWith('customer.'));
      return told.map(({ id, type, created_at, livemode, data }) => ({ id, body: { id, type, created_at, livemode, data } }));
    },
    async answers(last) {
      const get = async (path, query) => ({ method: 'GET', path, ...(query ? { query } : {}), body: await call('GET', `${path}?${new URLSearchParams({ limit: '100', ...query })}`) });
      const all = [];
      for (const each of (await call('GET', '/v1/subscriptions?limit=100')).items) all.push({ method: 'GET', path: `/v1/subscriptions/${each.id}`, body: await call('GET', `/v1/subscriptions/${each.id}`) });
      // After a hint the host lists the customer's subscriptions.
      if (hint || last) all.push(await get('/v1/subscriptions', { customer_id: customer }));
      if (last) all.push(await get('/v1/subscriptions'), await get('/v1/events'));
      return all;
    },
    async stop() {
      child.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
