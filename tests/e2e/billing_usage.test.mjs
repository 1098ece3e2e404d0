// What an organization uses reaches the provider that it pays through, hour by hour: Stripe replaces the
// value of an hour, Polar adds changes up; a correction and a dead server come to the same bill.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Shop } from './support/shop.mjs';
import { until } from './support/stack.mjs';

const hour = 3600_000;
const meters = ', meters: [{name: ccp_tokens, sum: [input_tokens, output_tokens]}]';
const start = Math.floor(Date.now() / hour) * hour - 5 * hour;
const block = (n, input, revision = 1) => ({ period: 'hour', start_at: new Date(start + n * hour).toISOString().replace('.000Z', 'Z'), model: 'claude-opus-4-6', lane: 'anthropic',
  requests: 1, errors: 0, input_tokens: input, output_tokens: 10, cache_read_tokens: 0, cache_write_tokens: 0, revision });

for (const provider of ['stripe', 'polar']) {
  test(`usage is billed once through ${provider}, corrected, and after a crash`, { timeout: 120_000 }, async (t) => {
    const shop = await Shop.start({ billingDefault: provider, billing: meters });
    t.after(() => shop.stop());
    const { stack, stripe, polar } = shop;
    const meter = stripe.metering('POST', 'meters', undefined, undefined, { display_name: 'Tokens', event_name: 'ccp_tokens', event_time_window: 'hour',
      default_aggregation: { formula: 'sum' }, customer_mapping: { event_payload_key: 'stripe_customer_id' }, value_settings: { event_payload_key: 'value' } });
    await shop.member();
    const checkout = await shop.checkout('solo-month');
    assert.equal((await fetch(checkout.url, { method: 'POST', redirect: 'manual' })).status, 303);
    await until('the license', async () => (await shop.license()).state === 'active');
    const billed = () => (provider === 'stripe' ? stripe.meterValue(meter, { customer: stripe.all('customer').at(-1).id }) : polar.used('ccp_tokens'));
    const send = async (...rollups) => {
      const answer = await shop.call('POST', '/v1/ingest/rollups', { rollups });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    };
    await send(block(0, 1000), block(1, 500));
    await until('both hours', () => billed() === 1520);
    await send(block(0, 300, 2));  // corrected: less than before
    await until('the correction', () => billed() === 820);

    await stack.server.stop();
    await stack.startServer({ CCP_FAULT: 'metering.after_send' });
    const { server } = stack;
    await send(block(2, 90)).catch(() => {});
    assert.equal((await server.exited).signal, 'SIGKILL');
    await stack.startServer();
    await send(block(1, 700, 2));
    // The report that died with the server is sent again under its own id when its lease is over.
    shop.write('update metering_hours set next_try_at = 0 where sending is not null');
    await until('one report of each hour', () => billed() === 310 + 710 + 100, { timeout: 60_000 });
    await new Promise((r) => setTimeout(r, 500));
    assert.equal(billed(), 310 + 710 + 100);
  });
}
