// wrk as the client of benches: the same request again and again, or a list of prepared ones.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { root } from '../e2e/support/stack.mjs';

const script = join(root, 'tests/bench/wrk/prepared.lua');

/** CPU seconds that processes have taken so far, their threads included. */
export function cpuOf(pids) {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / 100;
  }, 0);
}
/** Resident memory of processes together, in MiB. */
export const rssOf = (pids) => pids.reduce((sum, pid) => sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024, 0);
/** A process and all of its descendants. */
export function familyOf(pid) {
  const parents = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try { return [[Number(name), Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').pop().split(' ')[1])]]; } catch { return []; }
  });
  const out = [pid];
  for (let i = 0; i < out.length; ++i) for (const [child, parent] of parents) if (parent === out[i]) out.push(child);
  return out;
}

/** {method, path, headers, body} as bytes of HTTP/1.1. */
export function requestBytes(url, { method = 'GET', path, headers = {}, body }) {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${new URL(url).host}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return Buffer.concat([Buffer.from(lines.join('\r\n') + '\r\n\r\n'), Buffer.from(body ?? '')]);
}

/** wrk's report as numbers; times in milliseconds. */
function parseReport(text) {
  const ms = (word) => { const [, n, unit] = /([\d.]+)(us|ms|s|m)/.exec(word); return Number(n) * { us: 0.001, ms: 1, s: 1000, m: 60000 }[unit]; };
  const field = (pattern) => pattern.exec(text)?.[1];
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1).map(Number) ?? [0, 0, 0, 0];
  return {
    p50: ms(field(/^\s+50%\s+(\S+)\s*$/m)), p99: ms(field(/^\s+99%\s+(\S+)\s*$/m)), answered: Number(field(/(\d+) requests in/)),
    perSecond: Number(field(/Requests\/sec:\s+([\d.]+)/)), refused: Number(field(/Non-2xx or 3xx responses: (\d+)/) ?? 0),
    socketErrors: errors[0] + errors[1] + errors[2], timeouts: errors[3],
  };
}

async function withFile(url, requests, work) {
  const dir = mkdtempSync(join(tmpdir(), 'ccp-wrk-'));
  try {
    const file = join(dir, 'requests');
    writeFileSync(file, Buffer.concat(requests.flatMap((request) => {
      const bytes = Buffer.isBuffer(request) ? request : requestBytes(url, request);
      return [Buffer.from(`${bytes.length}\n`), bytes, Buffer.from('\n')];
    })));
    return await work(file);
  } finally { rmSync(dir, { recursive: true }); }
}

function run(args, onChild) {
  return new Promise((done, failed) => {
    const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    let out = '', errors = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { errors += data; });
    child.on('error', (error) => failed(error.code === 'ENOENT' ? new Error('wrk is not installed; run: scripts/install-deps tests') : error));
    child.on('close', (code) => code === 0 ? done(out) : failed(new Error(`wrk ended with ${code}: ${errors || out}`)));
    onChild?.(child);
  });
}

/**
 * Sends a list of prepared requests ({method, path, headers, body} or Buffers), each once, over keep-alive
 * connections. {perSecond, p50, p99, failed}: failed counts answers above 399 and connections that broke. With `pids` also
 * what wrkLoad says of them.
 */
export async function wrkReplay(url, requests, { connections = 64, threads = 2, timeout = 60, pids = [] } = {}) {
  threads = Math.min(threads, connections);
  connections -= connections % threads;
  return withFile(url, requests, async (file) => {
    const finished = [], cpu = cpuOf(pids);
    const report = await run(['-t', threads, '-c', connections, '-d', `${timeout}s`, '--timeout', `${timeout}s`, '--latency', '-s', script, url, '--', file, 'once', threads, connections].map(String), (child) => {
      let text = '';
      child.stdio[3].on('data', (data) => {
        text += data;
        const lines = text.split('\n');
        text = lines.pop();
        finished.push(...lines.map((line) => line.split(' ').map(Number)));
        if (finished.length === threads) child.kill('SIGINT');  // wrk would sleep until its time is over
      });
    });
    const { p50, p99, answered, refused, socketErrors, timeouts } = parseReport(report);
    if (finished.length < threads) throw new Error(`${answered} of ${requests.length} requests were answered within ${timeout} s`);
    const seconds = Math.max(...finished.map((f) => f[2])) - Math.min(...finished.map((f) => f[1]));
    return { perSecond: answered / seconds, p50, p99, answered, failed: refused + socketErrors + timeouts + Math.max(0, requests.length - answered),
      cpuUs: (cpuOf(pids) - cpu) * 1e6 / answered, rssMiB: rssOf(pids) };
  });
}

/**
 * Load for `seconds`: one request again and again, or several in turn. With `pids` also their CPU per request in
 * microseconds and their resident memory near the end. {perSecond, p50, p99, failed, cpuUs, rssMiB}
 */
export async function wrkLoad(url, requests, { connections = 64, threads = 2, seconds = 2, pids = [] } = {}) {
  return withFile(url, requests, async (file) => {
    let rssMiB = 0;
    const cpu = cpuOf(pids), begin = performance.now();
    const sample = setTimeout(() => { rssMiB = rssOf(pids); }, seconds * 900);
    const report = parseReport(await run(['-t', threads, '-c', connections, '-d', `${seconds}s`, '--timeout', '10s', '--latency', '-s', script, url, '--', file, 'cycle', threads, connections].map(String)));
    clearTimeout(sample);
    return { perSecond: report.perSecond, p50: report.p50, p99: report.p99, answered: report.answered, failed: report.refused + report.socketErrors + report.timeouts,
      cpuUs: report.answered ? (cpuOf(pids) - cpu) * 1e6 / report.answered : NaN, rssMiB, seconds: (performance.now() - begin) / 1000 };
  });
}

/** True when wrk is there; benches that need it say so and pass by. */
export function haveWrk() {
  try { execFileSync('sh', ['-c', 'command -v wrk'], { stdio: 'ignore' }); return true; } catch { return false; }
}
