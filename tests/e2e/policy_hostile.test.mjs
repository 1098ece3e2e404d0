// `ccp policy eval` against programs of tests/policy/hostile, as somebody runs it who trusts neither: one line of
// JSON a call and nothing else, the outcome that the program's file names, in time, and never an allowance.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ccpBin, root } from './support/stack.mjs';

const corpus = join(root, 'tests/policy/hostile');
const calls = 3;
const input = JSON.stringify({
  n: 1, secret: 'of call 1', subject: { plan: 'free', role: 'dev', usage: 41 }, resource: { model: 'opus', branch: 'feature/x', tags: ['a', 'b', 'c'] },
  list: [3, 1, 2], flag: false, nothing: null, deep: { a: { b: { c: 1 } } }, text: 'Grüße', half: 0.5, now: '2026-11-21T12:00:00Z',
});

function evaluate(args, stdin = input, env = { PATH: '/usr/bin:/bin' }) {
  return new Promise((done) => {
    const started = process.hrtime.bigint();
    const child = spawn(ccpBin, ['policy', 'eval', ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...env, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '' } });
    let out = '', err = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { err += d; });
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    child.on('close', (code, signal) => done({ code, signal, out, err, ms: Number(process.hrtime.bigint() - started) / 1e6 }));
  });
}

/// What the first call of a program must come to (corpus.hpp). Constants of the unit test are not there.
function expected(source) {
  const text = source.match(/^-- expect(?: 1)?: (.*)$/m)[1];
  const json = text.indexOf('{');
  const words = (json < 0 ? text : text.slice(0, json)).split('|').filter(Boolean);
  return { text, faults: words.filter((word) => word !== 'decision'), any: words.includes('decision'), decision: json < 0 ? null : JSON.parse(text.slice(json)) };
}

function check(name, source, { code, signal, out, err, ms }) {
  const want = expected(source);
  assert.equal(signal, null, name);
  assert.equal(err, '', name);
  assert.ok(ms < calls * 1000, `${name}: ${ms} ms`);
  const lines = out.split('\n');
  assert.equal(lines.pop(), '', name);
  assert.equal(lines.length, calls, `${name}: ${out}`);
  let faults = 0;
  for (const text of lines) {
    const line = JSON.parse(text);
    assert.doesNotMatch(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'), /\s/, `${name}: compact`);
    assert.equal(Object.keys(line).length, 1);
    if (line.error) {
      ++faults;
      assert.deepEqual(Object.keys(line.error), ['code', 'message'], name);
      assert.ok(want.faults.includes(line.error.code), `${name}: ${text}, not ${want.text}`);
      assert.ok(line.error.message.length > 0 && line.error.message.length <= 512, name);
    } else {
      assert.equal(line.decision.allow, false, `${name}: ${text}`);
      assert.ok(want.any || want.decision, `${name}: ${text}, not ${want.text}`);
      for (const [key, value] of want.any ? [] : Object.entries(want.decision)) assert.deepEqual(line.decision[key], value, `${name}: ${text}`);
    }
  }
  assert.equal(code, faults === 0 ? 0 : 3, name);
}

// Every loader and result, and a fifth of the rest: the unit test has them all. Programs that read
// constants have them there only.
const chosen = readdirSync(corpus, { recursive: true })
  .filter((name) => name.endsWith('.lua')).sort()
  .filter((name) => !/ccp\.data/.test(readFileSync(join(corpus, name), 'utf8')))
  .filter((name, i) => process.env.CCP_LONG_TESTS || name.startsWith('loader/') || i % 6 === 0);

test('programs that want out come to what their files say', async () => {
  assert.ok(chosen.length >= 60, `${chosen.length}`);
  const waiting = [...chosen];
  const work = async () => {
    for (let name = waiting.pop(); name; name = waiting.pop()) {
      const path = join(corpus, name);
      check(name, readFileSync(path, 'utf8'), await evaluate([path, '--input', '-', '--repeat', String(calls)]));
    }
  };
  await Promise.all([work(), work()]);
});

test('input that does not end, and input that nobody reads, stop nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ccp-hostile-'));
  const rule = join(folder, 'rule.lua');
  writeFileSync(rule, 'function decide(input) return { allow = input.x ~= nil } end\n');
  const endless = await evaluate([rule, '--input', '-'], `{"x":"${'y'.repeat(3_000_000)}"}`);
  assert.equal(endless.code, 3);
  assert.equal(JSON.parse(endless.out).error.code, 'runtime_error');
  const unread = await evaluate([rule], 'x'.repeat(1_000_000));
  assert.equal(unread.out, '{"decision":{"allow":false}}\n');
  const broken = await evaluate([join(corpus, 'loader/syntax.lua'), '--input', '-', '--json'], 'no json');
  assert.equal(JSON.parse(broken.out).error.code, 'load_error');
  rmSync(folder, { recursive: true });
});
