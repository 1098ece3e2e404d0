// Every request that billing_polar and billing_stripe know how to send (fixtures/requests, which their unit
// tests hold against the code) is one that the provider's official description takes.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './support/stack.mjs';
import { makeJudge as polarJudge, skip as polarSkip } from './fakes/polar_judge.mjs';
import { makeJudge as stripeJudge, skip as stripeSkip } from './fakes/stripe_judge.mjs';
import { parseForm } from './fakes/wire.mjs';

const requestsOf = (plugin) => {
  const dir = join(root, `plugins/${plugin}/fixtures/requests`);
  return readdirSync(dir).sort().map((file) => ({ file, ...JSON.parse(readFileSync(join(dir, file), 'utf8')) }));
};

test('billing_polar', { skip: polarSkip }, () => {
  const judge = polarJudge(), wrong = [];
  const all = requestsOf('billing_polar');
  assert.ok(all.length >= 30);
  for (const { file, method, path, body } of all) {
    const url = new URL(path, 'https://api.polar.sh');
    judge.complaints.length = 0;
    judge.request(method, url.pathname, url.searchParams, body ?? undefined);
    wrong.push(...judge.complaints.map((c) => `${file}: ${c}`));
  }
  assert.deepEqual(wrong, []);
});

test('billing_stripe', { skip: stripeSkip }, () => {
  const judge = stripeJudge(), wrong = [];
  const all = requestsOf('billing_stripe');
  assert.ok(all.length >= 35);
  for (const { file, method, path, query, form } of all) {
    const sent = new URLSearchParams(Object.entries(method === 'POST' ? form : query));
    wrong.push(...judge.judgeRequest(method, path, parseForm(sent)).map((c) => `${file}: ${c}`));
  }
  assert.deepEqual(wrong, []);
});
