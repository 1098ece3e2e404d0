// docs/plugin-guide as its reader follows it: the shell blocks of every page, in an empty folder, with the
// installed SDK alone and a running server; and what its tables quote is what the server says.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack, buildDir, root, until } from './support/stack.mjs';

const guide = join(root, 'docs/plugin-guide');
const work = mkdtempSync(join(tmpdir(), 'ccp-guide-'));
const sdk = join(work, 'sdk'), pluginDir = join(work, 'plugins');
let stack;

const page = (name) => readFileSync(join(guide, name), 'utf8');
const blocks = (text, language) => [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => match[1]);

function shell(command, cwd) {
  return new Promise((done, fail) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', command], {
      cwd, stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: `${sdk}/bin:/usr/local/bin:/usr/bin:/bin`, HOME: work, LANG: 'C.UTF-8', NO_COLOR: '1', CMAKE_BUILD_TYPE: 'Debug', CMAKE_GENERATOR: 'Ninja',
        CCP_SERVER: stack.url, CCP_OPERATOR_KEY: stack.operatorKey, PLUGIN_DIR: pluginDir,
        ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', TSAN_OPTIONS: process.env.TSAN_OPTIONS ?? '',
      },
    });
    let out = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { out += d; });
    child.on('close', (code) => (code === 0 ? done(out) : fail(new Error(`$ ${command}\nexit ${code}\n${out.slice(-5000)}`))));
  });
}

before(async () => {
  execFileSync('cmake', ['--install', buildDir, '--component', 'sdk', '--prefix', sdk], { stdio: 'ignore' });
  cpSync(join(buildDir, 'lib/ccp/plugins'), pluginDir, { recursive: true });
  stack = await Stack.start({ yaml: `plugin_dir: ${pluginDir}` });
});
after(async () => {
  await stack?.stop();
  rmSync(work, { recursive: true, force: true });
});

test('five commands lead from nothing to a loaded, signed plugin that answers', async () => {
  const folder = join(work, 'empty');
  mkdirSync(folder);
  const commands = blocks(page('README.md'), 'sh').join('').trim().split('\n');
  assert.equal(commands.length, 5, commands.join('\n'));
  const health = commands.pop();
  for (const command of commands) await shell(command, folder);
  await assert.rejects(shell(health, folder), /hello/, 'before ccp.yaml names it');

  const [yaml] = blocks(page('README.md'), 'yaml');
  const entry = yaml.split('\n').find((line) => line.trim().startsWith('- {'));
  writeFileSync(stack.config, readFileSync(stack.config, 'utf8').replace('\nplugins:\n', `\nplugins:\n${entry}\n`));
  const listed = await until('the server to notice the new instance', async () => {
    const { body } = await stack.admin('GET', '/v1/admin/plugins');
    return body.plugins?.find((plugin) => plugin.name === 'hello' && plugin.state === 'ready');
  });
  assert.equal(listed.plugin, 'acme.hello');
  assert.equal(await shell(health, folder), 'hello: ok\n');
  // It runs apart from the server, on the word of the key that was trusted.
  const inspected = JSON.parse(await shell('ccp plugin inspect hello --json', folder));
  assert.match(JSON.stringify(inspected), /"isolation":"process"/);
  assert.match(JSON.stringify(inspected), /"key:/);
});

for (const name of readdirSync(guide).filter((file) => file.endsWith('.md') && file !== 'README.md')) {
  const commands = blocks(page(name), 'sh');
  if (commands.length === 0) continue;
  test(`the commands of ${name} work`, async () => {
    const folder = join(work, name.replace('.md', ''));
    mkdirSync(folder);
    for (const block of commands) await shell(block, folder);
  });
}

test('every refusal that the page on trouble quotes is one that the server makes', () => {
  const sources = readdirSync(join(root, 'core'), { recursive: true }).filter((file) => file.endsWith('.cpp')).map((file) => readFileSync(join(root, 'core', file), 'utf8'));
  const said = sources.join('\n').replaceAll('\\"', '"').replace(/"\s*\n\s*"/g, '');
  const quoted = [...page('troubleshooting.md').matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
  assert.ok(quoted.length >= 20, `${quoted.length} refusals`);
  for (const text of quoted) assert.ok(said.includes(text), `no code says "${text}"`);
});

test('interfaces, operations and services of the reference are those of the headers', () => {
  const headers = readdirSync(join(root, 'sdk/include/ccp/abi')).map((file) => readFileSync(join(root, 'sdk/include/ccp/abi', file), 'utf8')).join('\n');
  const reference = page('reference.md');
  const ids = [...headers.matchAll(/#define CCP_[A-Z]+_ID "([^"]+)"/g)].map((match) => match[1]);
  assert.ok(ids.length >= 14);
  for (const id of ids) assert.ok(reference.includes(`\`${id}\``), id);
  for (const [, word, body] of headers.matchAll(/typedef struct ccp_([a-z]+)_v1 \{([\s\S]*?)\} ccp_/g)) {
    const row = reference.split('\n').find((line) => line.startsWith(`| \`ccp.${word}/1\``));
    for (const [, op] of body.matchAll(/ccp_op ([a-z_]+);/g)) assert.ok(row.includes(op), `ccp.${word}/1 ${op}`);
  }
});
