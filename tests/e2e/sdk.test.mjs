// The SDK as third parties meet it: installed, moved to another place, and used from empty folders with no
// source of CCP at hand. Builds the examples with every compiler and what `ccp plugin new` writes, runs their
// own tests, and the conformance kit on each. CCP_ALL_TEMPLATES=1 builds all fifteen projects.
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDir, root } from './support/stack.mjs';

const work = mkdtempSync(join(tmpdir(), 'ccp-sdk-'));
const sdk = join(work, 'moved/sdk');
const interfaces = ['billing', 'identity', 'notifier', 'exporter', 'inbound'];
// Every language and every interface at least once; make check builds them all.
const templates = process.env.CCP_ALL_TEMPLATES
  ? ['cpp', 'c', 'rust'].flatMap((language) => interfaces.map((word) => [language, word]))
  : [['cpp', 'billing'], ['rust', 'notifier'], ['c', 'exporter'], ['c', 'inbound'], ['rust', 'identity']];

/** What an author's shell has: the SDK's bin in PATH, nothing of this build. */
function environment(extra = {}) {
  return {
    PATH: `${sdk}/bin:/usr/local/bin:/usr/bin:/bin`, HOME: work, LANG: 'C.UTF-8', NO_COLOR: '1', XDG_CONFIG_HOME: join(work, '.config'),
    CMAKE_GENERATOR: 'Ninja', CMAKE_BUILD_TYPE: 'Debug', PKG_CONFIG_PATH: `${sdk}/share/pkgconfig`,
    CMAKE_C_COMPILER_LAUNCHER: 'ccache', CMAKE_CXX_COMPILER_LAUNCHER: 'ccache', CCACHE_DIR: process.env.CCACHE_DIR ?? `${process.env.HOME}/.cache/ccache`,
    CCACHE_BASEDIR: work, CCACHE_NOHASHDIR: '1', ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', TSAN_OPTIONS: process.env.TSAN_OPTIONS ?? '', ...extra,
  };
}

/** Runs a command; resolves to {code, out}. */
function attempt(command, args, { cwd = work, env = {} } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { out += d; });
    child.on('error', (error) => done({ code: -1, out: `${command}: ${error.message}` }));
    child.on('close', (code) => done({ code, out }));
  });
}
async function run(command, args, options) {
  const { code, out } = await attempt(command, args, options);
  assert.equal(code, 0, `${command} ${args.join(' ')}: exit ${code}\n${out.slice(-4000)}`);
  return out;
}

/** Configures, builds and tests a project; returns the folder of its package. */
async function build(source, name, { options = [], env = {} } = {}) {
  const folder = join(work, 'build', name);
  await run('cmake', ['-S', source, '-B', folder, ...options], { env });
  await run('cmake', ['--build', folder], { env });
  if (existsSync(join(folder, 'CTestTestfile.cmake'))) {
    assert.match(await run('ctest', ['--test-dir', folder, '--output-on-failure'], { env }), /100% tests passed/);
  }
  const [plugin] = readdirSync(join(folder, 'plugins'));
  return join(folder, 'plugins', plugin);
}

/** The package as the loader wants it: hashes that agree, one exported symbol, nobody else may write. */
async function checkPackage(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'plugin.json'), 'utf8'));
  const libraries = Object.keys(manifest.files).filter((file) => file.endsWith('.so'));
  assert.equal(libraries.length, 1);
  for (const [file, hash] of Object.entries(manifest.files)) {
    assert.equal(hash, `sha256:${createHash('sha256').update(readFileSync(join(folder, file))).digest('hex')}`, file);
    assert.equal(statSync(join(folder, file)).mode & 0o022, 0, file);
  }
  const symbols = (await run('nm', ['-D', '--defined-only', join(folder, libraries[0])])).trim().split('\n').map((line) => line.split(' ').at(-1));
  assert.deepEqual(symbols, ['ccp_plugin_entry_v1']);
}

async function conform(folder, fixtures) {
  const { code, out } = await attempt('ccp', ['plugin', 'check', folder, ...(fixtures ? ['--fixtures', fixtures] : [])]);
  assert.equal(code, 0, `the kit on ${folder}:\n${out.slice(-6000)}`);
}

before(async () => {
  await run('cmake', ['--install', buildDir, '--component', 'sdk', '--prefix', join(work, 'first')]);
  mkdirSync(join(work, 'moved'));
  renameSync(join(work, 'first'), sdk);
});
after(() => { if (!process.env.CCP_E2E_KEEP) rmSync(work, { recursive: true, force: true }); });

describe('the install tree', () => {
  test('holds headers, schemas, the Rust layer, examples, completion and the tools, and names no other place', async () => {
    for (const file of ['bin/ccp', 'bin/ccp-plugin-host', 'bin/ccp-plugin-check', 'include/ccp/abi/plugin.h', 'include/ccp/plugin.hpp', 'include/ccp/c/json.h', 'share/ccp/rust/ccp_abi.rs',
      'share/ccp/examples/exporter_c/jsonlines.c', 'share/pkgconfig/ccp-sdk.pc', 'share/bash-completion/completions/ccp',
      ...interfaces.map((word) => `share/ccp/schemas/ccp.${word}`)]) assert.ok(existsSync(join(sdk, file)), file);
    const text = readdirSync(sdk, { recursive: true, withFileTypes: true }).filter((e) => e.isFile() && /\.(cmake|pc|h|hpp|rs|json)$/.test(e.name));
    for (const entry of text) {
      const file = join(entry.parentPath ?? entry.path, entry.name);
      assert.ok(!readFileSync(file, 'utf8').includes(root), `${file} names the source tree`);
      assert.ok(!readFileSync(file, 'utf8').includes(join(work, 'first')), `${file} names the place it was installed to`);
    }
  });

  test('a whole installation has the server, its plugins with their signatures, and examples of ccp.yaml', async () => {
    const all = join(work, 'all');
    await run('cmake', ['--install', buildDir, '--prefix', all]);
    for (const file of ['bin/ccpd', 'bin/ccp', 'include/ccp/abi/plugin.h', 'share/doc/ccp/examples/ccp.dev.yaml']) assert.ok(existsSync(join(all, file)), file);
    for (const plugin of ['auth_deviceflow', 'billing_polar', 'billing_sandbox']) {
      await run(join(all, 'bin/ccp'), ['plugin', 'verify', join(all, 'lib/ccp/plugins', plugin)]);
    }
    rmSync(all, { recursive: true });
  });

  test('a newer SDK than the project asked for is taken, a next major one is not', async () => {
    const ask = async (version) => {
      const folder = join(work, `ask-${version}`);
      mkdirSync(folder);
      writeFileSync(join(folder, 'CMakeLists.txt'), `cmake_minimum_required(VERSION 3.20)\nproject(ask LANGUAGES NONE)\nfind_package(ccp-sdk ${version} REQUIRED)\n`);
      return attempt('cmake', ['-S', folder, '-B', join(folder, 'build')]);
    };
    assert.equal((await ask('0.1')).code, 0);
    const refused = await ask('1.0');
    assert.notEqual(refused.code, 0);
    assert.match(refused.out, /compatible with requested version "1.0"/);
  });

  test('C++ without nlohmann_json is refused with what to install; C does not miss it', async () => {
    const hidden = ['-DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON'];
    const refused = await attempt('cmake', ['-S', join(sdk, 'share/ccp/examples/billing_cpp'), '-B', join(work, 'no-json'), ...hidden]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.out, /nlohmann-json3-dev/);
    await checkPackage(await build(join(sdk, 'share/ccp/examples/exporter_c'), 'c-alone', { options: hidden }));
  });

  test('without CMake, pkg-config names headers, version script and packer', async () => {
    const folder = join(work, 'by-hand');
    cpSync(join(sdk, 'share/ccp/examples/exporter_c'), folder, { recursive: true });
    const flags = (await run('pkg-config', ['--cflags', 'ccp-sdk'])).trim().split(' ');
    const [map, pack] = await Promise.all(['mapfile', 'packscript'].map(async (name) => (await run('pkg-config', [`--variable=${name}`, 'ccp-sdk'])).trim()));
    assert.equal((await run('pkg-config', ['--modversion', 'ccp-sdk'])).trim(), (await run('ccp', ['version'])).trim().split(' ').at(-1));
    mkdirSync(join(folder, 'out'));
    await run('cc', ['-std=c11', '-fPIC', '-shared', '-fvisibility=hidden', ...flags, '-DCCP_PLUGIN_ID="example.jsonlines"', '-DCCP_PLUGIN_VERSION="1.0.0"',
      `-Wl,--version-script=${map}`, '-Wl,-z,now', '-o', 'out/example_jsonlines.so', 'jsonlines.c'], { cwd: folder });
    await run('cmake', [`-DTEMPLATE=${folder}/plugin.json`, `-DLIBRARY=${folder}/out/example_jsonlines.so`, `-DPACKAGE=${folder}/out`, `-DSOURCE_DIR=${folder}`, '-DFILES=schemas/config.json', '-P', pack]);
    await checkPackage(join(folder, 'out'));
  });

  test('a library that cargo or something else built is packed and signed as it is', async () => {
    const folder = join(work, 'packed');
    mkdirSync(folder);
    cpSync(join(sdk, 'share/ccp/examples/exporter_c/plugin.json'), join(folder, 'plugin.json'));
    cpSync(join(sdk, 'share/ccp/examples/exporter_c/schemas'), join(folder, 'schemas'), { recursive: true });
    const [built] = readdirSync(join(work, 'build/c-alone/plugins/example_jsonlines')).filter((file) => file.endsWith('.so'));
    cpSync(join(work, 'build/c-alone/plugins/example_jsonlines', built), join(folder, 'libjsonlines.so'));
    writeFileSync(join(folder, 'CMakeLists.txt'), `cmake_minimum_required(VERSION 3.20)
project(packed LANGUAGES NONE)
find_package(ccp-sdk 0.1 REQUIRED)
ccp_add_plugin(example_jsonlines LIBRARY "\${CMAKE_CURRENT_SOURCE_DIR}/libjsonlines.so" MANIFEST plugin.json FILES schemas/config.json)
`);
    await run('ccp', ['plugin', 'keygen', join(work, 'acme.key')]);
    const packed = await build(folder, 'packed', { options: [`-DCCP_SIGNING_KEY=${work}/acme.key`] });
    await checkPackage(packed);
    await run('ccp', ['plugin', 'verify', packed, '--key', join(work, 'acme.key.pub')]);
  });
});

describe('the examples', { concurrency: 2 }, () => {
  const examples = [
    ['exporter_c', 'gcc', { CC: 'gcc' }], ['exporter_c', 'clang', { CC: 'clang' }],
    ['billing_cpp', 'gcc', { CXX: 'g++' }], ['billing_cpp', 'clang', { CXX: 'clang++' }], ['billing_cpp', 'libc++', { CXX: 'clang++', CXXFLAGS: '-stdlib=libc++' }],
    ['notifier_rust', 'rustc', {}],
  ];
  for (const [name, compiler, env] of examples) {
    test(`${name} with ${compiler} builds without a warning, passes its test and the kit`, async () => {
      const source = join(sdk, 'share/ccp/examples', name);
      const flags = '-Wall -Wextra -Wconversion -Wshadow -Werror';
      const package_ = await build(source, `${name}-${compiler}`, { env: { ...env, CFLAGS: flags, CXXFLAGS: `${env.CXXFLAGS ?? ''} ${flags}` } });
      await checkPackage(package_);
      await conform(package_, join(source, 'conformance'));
    });
  }
  test('a first-party plugin builds against the installed SDK alone', async () => {
    await checkPackage(await build(join(root, 'plugins/auth_deviceflow'), 'auth_deviceflow'));
  });
});

describe('ccp plugin new', { concurrency: 2 }, () => {
  for (const [language, word] of templates) {
    test(`a ${word} in ${language} builds, passes its test and the kit as generated`, async () => {
      const name = `my-${word}-${language}`;
      await run('ccp', ['plugin', 'new', name, '--interface', word, '--language', language, '--id', `acme.${name}`]);
      const package_ = await build(join(work, name), name, { env: { CFLAGS: '-Werror', CXXFLAGS: '-Werror' } });
      await checkPackage(package_);
      await conform(package_);
    });
  }
  test('the Makefile builds, tests, makes a key once, signs and installs', async () => {
    await run('ccp', ['plugin', 'new', 'made', '--interface', 'notifier', '--language', 'c', '--id', 'acme.made']);
    const folder = join(work, 'made'), plugins = join(work, 'plugins');
    mkdirSync(plugins);
    assert.match((await attempt('make', ['sign'], { cwd: folder })).out, /KEY=<file>/);
    const install = () => run('make', ['install', `KEY=${work}/made.key`, `PLUGIN_DIR=${plugins}`], { cwd: folder });
    assert.match(await install(), /100% tests passed/);
    const key = readFileSync(join(work, 'made.key'), 'utf8');
    await install();
    assert.equal(readFileSync(join(work, 'made.key'), 'utf8'), key);
    assert.deepEqual(readdirSync(plugins), ['acme_made']);
    await run('ccp', ['plugin', 'verify', join(plugins, 'acme_made'), '--key', join(work, 'made.key.pub')]);
  });
});
