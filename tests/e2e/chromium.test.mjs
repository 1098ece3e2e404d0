// A person in a real browser: sign-in, approve page, checkout page, dashboard; with screenshots to look
// at and axe to find what keeps people out.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { AxeBuilder } from '@axe-core/playwright';
import { Stack, buildDir } from './support/stack.mjs';

const shots = join(buildDir, 'screenshots');
let stack, chrome;
before(async () => {
  mkdirSync(shots, { recursive: true });
  stack = await Stack.start({ deviceConfig: '{interval_s: 1}' });
  chrome = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(async () => { await chrome?.close(); await stack?.stop(); });

/** Looks at the page: no script or CSP complaint, no serious accessibility fault, a picture for people. */
async function look(page, name) {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter((v) => ['serious', 'critical'].includes(v.impact));
  assert.deepEqual(serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).slice(0, 2).join(' ')}`), [], `${name} (${page.url()})`);
}

test('sign in, approve the device, pay, send usage, see it', async () => {
  const context = await chrome.newContext({ viewport: { width: 1200, height: 900 } });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (m) => { if (m.type() === 'error' && !/favicon/.test(m.text())) complaints.push(m.text()); });
  page.on('pageerror', (e) => complaints.push(e.message));

  await page.goto(`${stack.url}/login`);
  await look(page, '1-login');
  await page.getByRole('button', { name: /demo@localhost/i }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/login'));
  await look(page, '2-empty-dashboard');

  let approved;
  const login = await stack.ccp(['login', '--json'], {
    onLine: (line) => {
      let event;
      try { event = JSON.parse(line); } catch { return; }
      if (!event.user_code) return;
      approved = (async () => {
        await page.goto(`${stack.url}/device?user_code=${event.user_code}`);
        if (!(await page.getByRole('button', { name: /approve/i }).count())) await page.getByRole('button', { name: /continue|next/i }).click();
        assert.match(await page.textContent('body'), new RegExp(event.user_code), 'the page shows the code to compare');
        await look(page, '3-approve');
        await page.getByRole('button', { name: /approve/i }).click();
        await page.waitForLoadState('networkidle');
        await look(page, '4-approved');
      })().catch((error) => error);
    },
  });
  const outcome = await approved;
  if (outcome instanceof Error) throw outcome;
  assert.equal(login.code, 0, login.stderr + login.stdout);

  let paid;
  const upgrade = await stack.ccp(['upgrade', 'solo-month', '--no-browser', '--json'], {
    onLine: (line) => {
      let event;
      try { event = JSON.parse(line); } catch { return; }
      const url = event.checkout?.url ?? event.checkout_url ?? event.url;
      if (!url || paid) return;
      paid = (async () => {
        await page.goto(url);
        await look(page, '5-checkout');
        const card = page.locator('input[name*="card"], input[name*="number"]').first();
        await card.fill('4242 4242 4242 4242');
        await page.getByRole('button', { name: /pay|start trial/i }).first().click();
        await page.waitForURL(/\/billing\/success/);
        await page.waitForLoadState('networkidle');
        await look(page, '6-success');
      })().catch((error) => error);
    },
  });
  const payment = await paid;
  if (payment instanceof Error) throw payment;
  assert.equal(upgrade.code, 0, upgrade.stderr + upgrade.stdout);

  const sample = join(stack.dir, 'sample');
  assert.equal((await stack.ccp(['dev', 'sample-transcripts', sample, '--days', '8'])).code, 0);
  assert.equal((await stack.ccp(['import', sample])).code, 0);
  assert.equal((await stack.ccp(['export', 'rollups'])).code, 0);
  for (const window of ['24h', '7d']) {
    await page.goto(`${stack.url}/dashboard?window=${window}`);
    assert.ok(await page.locator('svg').count() > 0, 'a chart');
    await look(page, `7-dashboard-${window}`);
  }
  const dark = await chrome.newContext({ viewport: { width: 420, height: 900 }, colorScheme: 'dark', storageState: await context.storageState() });
  const phone = await dark.newPage();
  await phone.goto(`${stack.url}/dashboard?window=7d`);
  await look(phone, '8-dashboard-dark-phone');
  const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 1, `the page is ${overflow} px wider than the phone`);
  assert.deepEqual(complaints, []);
});
