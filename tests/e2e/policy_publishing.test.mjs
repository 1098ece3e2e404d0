// docs/policy-guide/publishing.md as its reader follows it, against a server: files are written as shown, the
// commands behind "$ " are run in their order, and what they print is what the page says ("…" stands for anything).
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Stack, buildDir, root } from './support/stack.mjs';
import { login, signInAsDemo } from './support/flows.mjs';

const example = 'org_01jdp0example0000000000000';
let stack, folder, home, browser, org;

before(async () => {
  stack = await Stack.start({ database: 'sqlite', yaml: 'policy: {replay_store: {enabled: true}}' });
  folder = join(stack.dir, 'reader');
  home = join(stack.dir, 'home');
  mkdirSync(folder);
  copyFileSync(join(stack.stateDir, 'operator.key'), join(folder, 'operator.key'));
  browser = await signInAsDemo(stack);
  // Something has happened before: what is asked of a draft later.
  const asked = await stack.ccp(['plugin', 'swap', 'device', '--reason', 'routine'], { env: { CCP_OPERATOR_KEY: stack.operatorKey } });
  assert.equal(asked.code, 0, asked.stderr);
});
after(() => stack?.stop());

/** One command line, in bash, with the variables that the page has set before. */
function shell(command, variables) {
  return new Promise((done) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', [...variables, command].join('\n')], {
      cwd: folder, stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: `${join(buildDir, 'bin')}:/usr/local/bin:/usr/bin:/bin`, HOME: home, XDG_CONFIG_HOME: join(home, '.config'),
        XDG_DATA_HOME: join(home, '.local/share'), CCP_SERVER: stack.url, LANG: 'C.UTF-8', NO_COLOR: '1',
        ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '',
      },
    });
    let out = '', err = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { err += d; });
    child.on('close', (code) => done({ code, out, err }));
  });
}

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** Every line that is shown stands in the output, in this order; "…" within a line stands for anything. */
function fits(said, got) {
  let at = 0;
  for (const line of said) {
    if (line.trim() === '…') continue;
    const found = new RegExp(line.split('…').map(literal).join('[\\s\\S]*?')).exec(got.slice(at));
    if (!found) return line;
    at += found.index + found[0].length;
  }
  return undefined;
}

test('the page on publishing does what it says', { timeout: 120_000 }, async () => {
  const page = readFileSync(join(root, 'docs/policy-guide/publishing.md'), 'utf8');
  const variables = [];
  let ran = 0;
  for (const match of page.matchAll(/^(?:(.*)\n\n)?```(\w+)\n([\s\S]*?)^```$/gm)) {
    const [, above, language, body] = match;
    if (language !== 'console') {
      const file = above?.match(/`([\w./-]+\.(?:lua|json))`:$/)?.[1];
      assert.ok(file, `a block without a name\n${body}`);
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), body);
      continue;
    }
    for (const part of body.split(/^\$ /m).slice(1)) {
      const [shown, ...said] = part.trimEnd().split('\n');
      const command = shown.replaceAll(example, org ?? example);
      ++ran;
      if (/^(export|unset) /.test(command)) {
        variables.push(command);
      } else if (command === 'ccp login') {
        const { result } = await login(stack, { browser, home });
        org = result.stdout.match(/"org":\{"id":"(org_\w+)"/)[1];
      } else {
        const { code, out, err } = await shell(command, variables);
        assert.equal(code, 0, `$ ${command}\nexit ${code}\n${out}${err}`);
        const missing = fits(said.map((line) => line.replaceAll(example, org ?? example)), out);
        assert.equal(missing, undefined, `$ ${command}\nsays\n${out}${err}\nand not\n${missing}`);
      }
    }
  }
  assert.ok(ran > 40, `${ran} commands`);
});
