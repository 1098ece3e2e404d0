// make run's main job, and what the documents show, as a newcomer meets them.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, buildDir, dataDir } from './support/stack.mjs';

const run = (env) => spawnSync(join(root, 'scripts/run'), { encoding: 'utf8', timeout: 240_000, env: { ...process.env, ONCE: '1', CCP_BUILD_DIR: buildDir, NO_COLOR: '1', ...env } });
const summaryOf = (output) => JSON.parse(output.trim().split('\n').at(-1));

test('the whole job ends with a summary of the license and what was sent', () => {
  const { status, stdout, stderr } = run({});
  assert.equal(status, 0, stdout + stderr);
  const summary = summaryOf(stdout);
  assert.equal(summary.license, 'trial'); // the shipped plans begin with one
  assert.equal(summary.plan, 'solo');
  assert.ok(summary.rollups > 0 && summary.tokens.output > 0 && summary.tokens.cache_read > 0, JSON.stringify(summary));
});

test('real transcripts are named with DATA', { skip: existsSync(join(dataDir, 'claude-usage')) ? false : 'needs the shared transcripts' }, () => {
  const { status, stdout, stderr } = run({ DATA: join(dataDir, 'claude-usage') });
  assert.equal(status, 0, stdout + stderr);
  const summary = summaryOf(stdout);
  assert.equal(summary.license, 'trial'); // the shipped plans begin with one
  assert.ok(summary.tokens.input > 0, JSON.stringify(summary));
});

test('a step that fails names itself', () => {
  const { status, stderr } = run({ DATA: '/nowhere' });
  assert.notEqual(status, 0);
  assert.match(stderr, /\/nowhere/);
});

test('the configuration files of the documentation are valid, and a wrong one is told where', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ccp-docs-'));
  try {
    for (const name of ['ccp.dev.yaml', 'ccp.prod.yaml', 'plans.yaml']) copyFileSync(join(root, 'docs/examples', name), join(dir, name));
    const check = (file) => spawnSync(join(buildDir, 'bin/ccpd'), ['--config', join(dir, file), '--check-config'], { encoding: 'utf8' });
    for (const file of ['ccp.dev.yaml', 'ccp.prod.yaml']) {
      const { status, stdout, stderr } = check(file);
      assert.equal(status, 0, `${file}: ${stdout}${stderr}`);
    }
    writeFileSync(join(dir, 'wrong.yaml'), `${readFileSync(join(dir, 'ccp.dev.yaml'), 'utf8')}\nsurver: {}\n`);
    const { status, stdout, stderr } = check('wrong.yaml');
    assert.notEqual(status, 0);
    assert.match(stdout + stderr, /wrong\.yaml:\d+:\d+: .*surver/);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
