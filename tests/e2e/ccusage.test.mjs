// ccusage as the oracle of `ccp import`: on the same transcripts the table of differences per day and model is
// empty. First real transcripts, then made-up ones with everything that a counting rule can get wrong.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ccpBin } from './support/stack.mjs';
import { edgeCases } from './ccusage/edge_cases.mjs';

const dataDir = process.env.CCP_TEST_DATA ?? join(import.meta.dirname, '../../../shared/data');

/** ccusage's native program, as its launcher finds it. */
function ccusageBinary() {
  const require = createRequire(import.meta.url);
  const program = require.resolve(`@ccusage/ccusage-${process.platform}-${process.arch}/bin/ccusage`);
  chmodSync(program, 0o755);  // the package carries it without the executable bit; its launcher does the same
  return program;
}

function run(command, args, env) {
  const { status, stdout, stderr } = spawnSync(command, args, { env: { ...process.env, ...env }, encoding: 'utf8', maxBuffer: 64 << 20 });
  assert.equal(status, 0, `${command} ${args.join(' ')}: exit ${status}\n${stdout}\n${stderr}`);
  return JSON.parse(stdout);
}

/** "day model" → [input, output, cache write, cache read], from each of the two. */
function fromCcusage(dir, home, zone) {
  const report = run(ccusageBinary(), ['daily', '--json', '--offline', '--timezone', zone], { HOME: home, CLAUDE_CONFIG_DIR: dir });
  return new Map(report.daily.flatMap((day) => day.modelBreakdowns.map((m) => [
    `${day.period} ${m.modelName}`, [m.inputTokens, m.outputTokens, m.cacheCreationTokens, m.cacheReadTokens]])));
}
function fromCcp(dir, home, zone) {
  const env = { HOME: home, XDG_CONFIG_HOME: join(home, 'config'), XDG_DATA_HOME: join(home, 'data'), CCP_CONFIG_DIR: '' };
  run(ccpBin, ['import', dir, '--json'], env);
  const report = run(ccpBin, ['usage', '--json', '--timezone', zone], env);
  return new Map(report.rows.map((r) => [`${r.day} ${r.model}`, [r.input_tokens, r.output_tokens, r.cache_write_tokens, r.cache_read_tokens]]));
}
function differences(ours, theirs) {
  const out = [];
  for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
    if (JSON.stringify(ours.get(key)) !== JSON.stringify(theirs.get(key))) out.push({ key, ccp: ours.get(key), ccusage: theirs.get(key) });
  }
  return out;
}
function withHome(body) {
  const home = mkdtempSync(join(tmpdir(), 'ccp-ccusage-'));
  try { return body(home); } finally { rmSync(home, { recursive: true, force: true }); }
}

for (const zone of ['UTC', 'America/Los_Angeles', 'Asia/Kathmandu']) {
  test(`real transcripts count the same in ${zone}`, { skip: existsSync(join(dataDir, 'claude-usage')) ? false : `no data in ${dataDir}` }, () => withHome((home) => {
    const dir = join(dataDir, 'claude-usage');
    const theirs = fromCcusage(dir, home, zone);
    assert.ok(theirs.size > 0, 'ccusage found nothing');
    assert.deepEqual(differences(fromCcp(dir, home, zone), theirs), []);
  }));
}

test('duplicates, replays, versions and broken lines count the same', () => withHome((home) => {
  const dir = join(home, 'claude');
  const files = edgeCases();
  for (const [path, lines] of Object.entries(files)) {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), Buffer.concat(lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\n')]))));
  }
  const theirs = fromCcusage(dir, home, 'UTC');
  assert.ok(theirs.size > 40, `ccusage counted only ${theirs.size} of the cases`);
  assert.deepEqual(differences(fromCcp(dir, home, 'UTC'), theirs), []);
}));

test('the made-up sample of make run counts the same', () => withHome((home) => {
  const dir = join(home, 'sample');
  run(ccpBin, ['dev', 'sample-transcripts', dir, '--days', '20', '--now', '2026-11-21T05:40:00Z', '--json'], { HOME: home });
  const theirs = fromCcusage(dir, home, 'UTC');
  assert.ok(theirs.size > 20);
  assert.deepEqual(differences(fromCcp(dir, home, 'UTC'), theirs), []);
}));
