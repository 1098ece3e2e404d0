// docs/policy-guide.md and the pages below it, as their reader follows them: files are written as shown, shell
// blocks are run, and what they print is what the page says ("…" stands for anything). Commands of the pages
// that need people or servers are held against the command's own help.
import test, { after } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildDir, root } from './support/stack.mjs';

const work = mkdtempSync(join(tmpdir(), 'ccp-policy-guide-'));
after(() => rmSync(work, { recursive: true, force: true }));

const guide = join(root, 'docs/policy-guide');
const pages = ['../policy-guide.md', ...readdirSync(guide).filter((name) => name.endsWith('.md')).sort()];
const page = (name) => readFileSync(join(guide, name), 'utf8');

function shell(command, cwd) {
  return new Promise((done) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', command], {
      cwd, stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: `${join(buildDir, 'bin')}:/usr/local/bin:/usr/bin:/bin`, HOME: cwd, LANG: 'C.UTF-8', NO_COLOR: '1',
        ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', TSAN_OPTIONS: process.env.TSAN_OPTIONS ?? '',
      },
    });
    let out = '', err = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { err += d; });
    child.on('close', (code) => done({ code, out, err }));
  });
}

/// Fenced blocks in order: files (named in the line before), shell, and what it prints.
function blocksOf(text) {
  const out = [];
  for (const match of text.matchAll(/^(?:(.*)\n\n)?```(\w+)\n([\s\S]*?)^```$/gm)) {
    out.push({ language: match[2], body: match[3], file: match[1]?.match(/`([\w./-]+\.(?:lua|json))`:$/)?.[1] });
  }
  return out;
}

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const fits = (said, got) => new RegExp(`^${said.split('…').map(literal).join('[\\s\\S]*?')}$`).test(got);

for (const name of pages) {
  const blocks = blocksOf(page(name));
  if (!blocks.some((block) => block.language === 'sh')) continue;
  test(`the examples of ${name} do what it says`, async () => {
    const folder = join(work, name.replace(/[./]/g, '_'));
    mkdirSync(folder);
    let last;
    for (const { language, body, file } of blocks) {
      if (file) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), body);
      } else if (language === 'sh') {
        last = { command: body, ...await shell(body, folder) };
        assert.equal(last.code, 0, `$ ${body}exit ${last.code}\n${last.out}${last.err}`);
      } else if (language === 'text') {
        assert.ok(last, 'a text block stands after what prints it');
        assert.ok(fits(body, last.out), `$ ${last.command}\nsays\n${last.out}${last.err}\nnot\n${body}`);
      }
    }
  });
}

test('every file of a page is named, every block has a language that this test knows', () => {
  for (const name of pages) {
    for (const { language, body, file } of blocksOf(page(name))) {
      assert.ok(['lua', 'json', 'sh', 'text', 'console', 'yaml', 'jsonc'].includes(language), `${name}: ${language}`);
      if (language === 'lua' || language === 'json') assert.ok(file, `${name}: a block without a name\n${body}`);
    }
  }
});

test('the page on points names every member of every schema', () => {
  const schemas = join(root, 'policy/schema/points');
  const sections = new Map(page('points.md').split(/^## /m).slice(1).map((text) => [text.slice(0, text.indexOf('\n')).replaceAll('`', '').trim(), text]));
  for (const file of readdirSync(schemas)) {
    const point = file.replace(/\.(in|out)\.json$/, '');
    const section = sections.get(point);
    assert.ok(section, `no section on ${point}`);
    const shared = file.endsWith('.in.json') ? ['now', 'point', 'org', 'subject'] : ['allow', 'effect', 'reason', 'rule', 'lane', 'redact', 'obligations'];
    for (const member of Object.keys(JSON.parse(readFileSync(join(schemas, file), 'utf8')).properties)) {
      if (!shared.includes(member)) assert.ok(section.includes(`\`${member}\``), `${point}: ${file} has ${member}`);
    }
  }
  assert.equal(sections.size - 1, new Set(readdirSync(schemas).map((file) => file.replace(/\.(in|out)\.json$/, ''))).size);
});

test('lint has nothing against the examples of the points', async () => {
  const folder = join(work, 'lint');
  mkdirSync(folder);
  for (const { language, body, file } of blocksOf(page('points.md'))) {
    if (language !== 'lua') continue;
    writeFileSync(join(folder, file), body);
    const point = file.replace('.lua', '').replace('_', '.');
    const { code, out } = await shell(`ccp policy lint ${file} --point ${point} --strict`, folder);
    assert.equal(code, 0, out);
  }
});

test('the page on trouble has every code of policies', () => {
  const said = page('troubleshooting.md');
  const codes = [...readFileSync(join(root, 'core/base/error_codes.def'), 'utf8').matchAll(/CCP_ERROR\((policy_\w+),/g)].map((match) => match[1]);
  assert.ok(codes.length >= 30);
  for (const code of codes) assert.ok(said.includes(`\`${code}\``), code);
  for (const fault of ['timeout', 'memory', 'load_error', 'runtime_error', 'bad_result']) assert.ok(said.includes(`\n| \`${fault}\` |`), fault);
});

test('the page on lint has every code of lint', () => {
  const said = page('lint.md');
  const rooms = join(root, 'policy/analysis');
  const sources = readdirSync(rooms).filter((name) => /^lint.*\.cpp$/.test(name)).map((name) => readFileSync(join(rooms, name), 'utf8')).join('\n');
  const codes = new Set([...sources.matchAll(/"([a-z]+_[a-z_]+)"/g)].map((match) => match[1]));
  assert.ok(codes.size >= 20, [...codes].join());
  for (const code of ['syntax', 'compile', 'unreachable', 'untested', ...codes]) assert.ok(said.includes(`\`${code}\``), code);
});

test('the page on the language names everything that a policy finds', async () => {
  const said = page('language.md');
  const folder = join(work, 'names');
  mkdirSync(folder);
  writeFileSync(join(folder, 'names.lua'), `function decide(input)
  local names = {}
  for _, library in ipairs({ "string", "table", "math", "utf8", "ccp" }) do
    for name in pairs(_ENV[library]) do names[#names + 1] = name end
  end
  return { allow = true, obligations = { names = names } }
end
`);
  const { out } = await shell('ccp policy eval names.lua', folder);
  const { names } = JSON.parse(out).decision.obligations;
  assert.ok(names.length >= 40, `${names.length} names`);
  for (const name of names) assert.match(said, new RegExp(`\\b${name}\\b`), name);
});
