// A ccpd between two fake providers, with the catalog that both know; and what billing tests do with it.
import { DatabaseSync } from 'node:sqlite';
import { Stack } from './stack.mjs';
import { signInAsDemo, decideDevice } from './flows.mjs';
import { newKey, deviceFlow, api, tokenRequest } from './dpop.mjs';
import { FakeStripe, defaultVersion } from '../fakes/stripe.mjs';
import { FakePolar, eventTypes } from '../fakes/polar.mjs';

const amounts = { 'solo-month': 2900, 'solo-trial': 2900, 'team-month': 2500 };
export const polarProducts = { 'solo-month': '11111111-1111-4111-8111-111111111111', 'team-month': '33333333-3333-4333-8333-333333333333' };

/** API calls of one device. A plan that got smaller ends its access tokens: it refreshes them, as clients do. */
export function clientOf(stack, key, tokens) {
  return async (method, path, body) => {
    const answer = await api(stack, key, tokens.access_token, method, path, body);
    if (answer.status !== 401) return answer;
    const fresh = await tokenRequest(stack, key, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: 'ccp-cli' });
    if (fresh.status !== 200) throw new Error(`refresh: ${fresh.status} ${JSON.stringify(fresh.body)}`);
    tokens = fresh.body;
    return api(stack, key, tokens.access_token, method, path, body);
  };
}

export class Shop {
  /** options: those of Stack, and stripe/polar (options of the fakes), billingDefault (sandbox). */
  static async start({ stripe = {}, polar = {}, ...options } = {}) {
    const shop = new Shop();
    shop.stripe = await FakeStripe.start(stripe);
    shop.polar = await FakePolar.start(polar);
    for (const plan of ['solo', 'team']) shop.stripe.saveProduct(undefined, { id: `prod_${plan}`, name: plan });
    for (const [id, amount] of Object.entries(amounts)) {
      shop.stripe.savePrice(undefined, { id: `price_${id.replaceAll('-', '_')}`, product: `prod_${id.split('-')[0]}`, currency: 'usd', unit_amount: String(amount), recurring: { interval: 'month' } });
    }
    shop.polar.createProduct({ id: polarProducts['solo-month'], name: 'Solo', recurring_interval: 'month', prices: [{ amount_type: 'fixed', price_amount: 2900, price_currency: 'usd' }] });
    shop.polar.createProduct({ id: polarProducts['team-month'], name: 'Team', recurring_interval: 'month', prices: [{ amount_type: 'seat_based', seat_tiers: { tiers: [{ price_per_seat: 2500 }] }, price_currency: 'usd' }] });
    try {
      shop.stack = await Stack.start({ polarBaseUrl: shop.polar.url, stripeBaseUrl: shop.stripe.url, deviceConfig: '{interval_s: 1}', ...options, start: false });
      const { stack } = shop;
      shop.stripe.addEndpoint({ url: `${stack.url}/webhooks/stripe`, enabled_events: ['*'], api_version: defaultVersion, secret: stack.secrets['stripe/webhook'] });
      shop.polar.addEndpoint({ url: `${stack.url}/webhooks/polar`, events: eventTypes, secret: stack.secrets['polar/webhook'] });
      await stack.startServer();
    } catch (error) {
      await shop.stop();
      throw error;
    }
    return shop;
  }
  async stop() {
    this.stripe.stop();
    this.polar.stop();
    return this.stack?.stop();
  }

  /** Somebody who is logged in on a device. */
  async member() {
    this.browser ??= await signInAsDemo(this.stack);
    this.key = await newKey();
    this.tokens = await deviceFlow(this.stack, this.key, (code) => decideDevice(this.browser, code));
    return this;
  }
  async call(method, path, body) { return (this.client ??= clientOf(this.stack, this.key, this.tokens))(method, path, body); }
  async license() { return (await this.call('GET', '/v1/license/status')).body.license; }
  async checkout(price, extra = {}) {
    const answer = await this.call('POST', '/v1/billing/checkout', { price, ...extra });
    if (answer.status !== 201) throw new Error(`checkout: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body.checkout;
  }
  /** Reads what is stored, past the server. */
  rows(sql) {
    if (this.stack.postgres) return JSON.parse(this.stack.postgres.psql(`select coalesce(json_agg(t), '[]') from (${sql}) t`, 'ccp'));
    const db = new DatabaseSync(`${this.stack.stateDir}/ccp.db`, { readOnly: true });
    try { return db.prepare(sql).all(); } finally { db.close(); }
  }

  /** Writes past the server. */
  write(sql) {
    if (this.stack.postgres) { this.stack.postgres.psql(sql, 'ccp'); return; }
    const db = new DatabaseSync(`${this.stack.stateDir}/ccp.db`);
    try { db.exec(`pragma busy_timeout = 10000; ${sql}`); } finally { db.close(); }
  }
  /** Organizations that are customers of `instance` already, as after a checkout; {name, org, customer} each. */
  async customers(instance, names) {
    const out = [];
    for (const name of names) {
      const made = await this.stack.admin('POST', '/v1/admin/orgs', { name, owner: `${name}@example.com` });
      if (made.status !== 201) throw new Error(`org: ${made.status} ${JSON.stringify(made.body)}`);
      const org = made.body.org.id;
      const customer = instance === 'stripe' ? this.stripe.saveCustomer(undefined, { email: `${name}@example.com`, metadata: { ccp_org: org } }).id
        : this.polar.createCustomer({ email: `${name}@example.com`, external_id: org }).id;
      out.push({ name, org, customer, instance });
    }
    const now = Date.now() * 1000;
    this.write(`insert into billing_customers (org_id, id, instance, provider_customer_id, reconcile_after_at, created_at) values ${
      out.map((c) => `('${c.org}', 'cus_${c.name}', '${instance}', '${c.customer}', ${now + 900e6}, ${now})`).join(', ')}`);
    return out;
  }
}
