// Durable acknowledgements of make bench: one commit for each write beside one commit for all that wait, on
// both databases, on this disk and on one whose fsync takes 5 ms longer.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startPostgres } from '../e2e/support/stack.mjs';

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const round = (n, digits = 2) => Number(n.toFixed(digits));
const bench = (name) => join(process.env.CCP_BUILD_DIR, 'bench', name);

function side(url, way, env) {
  const child = spawn(bench('durable_writes'), [url, way], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async measure(seconds) {
      child.stdin.write(`${seconds}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`durable_writes ${way} ended`);
      return JSON.parse(value);
    },
    end: () => child.stdin.end(),
  };
}

/** Medians of interleaved rounds; the ratio is the median of each round's own. */
async function compare(single, together, rounds, seconds) {
  for (const each of [single, together]) await each.measure(0.3);  // warm
  const results = [];
  for (let r = 0; r < rounds; ++r) results.push({ single: await single.measure(seconds), together: await together.measure(seconds) });
  for (const each of [single, together]) each.end();
  const of = (f) => median(results.map(f));
  return { one: of((r) => r.single.perSecond), all: of((r) => r.together.perSecond), p99: of((r) => r.together.p99), ratio: of((r) => r.together.perSecond / r.single.perSecond) };
}

export async function durableWrites(database, { emit }) {
  for (const slowUs of [0, 5000]) {
    const dir = mkdtempSync(join(tmpdir(), 'ccp-durable-'));
    const slow = slowUs > 0 ? { LD_PRELOAD: bench('libslow_fsync.so'), CCP_SLOW_FSYNC_US: String(slowUs) } : {};
    const env = { ...process.env, ...slow };
    let postgres;
    try {
      // The servers inherit the environment of this process: PostgreSQL is who syncs there.
      if (database === 'postgresql') {
        Object.assign(process.env, slow);
        postgres = await startPostgres(dir, { fsync: true });
        for (const name of Object.keys(slow)) delete process.env[name];
      }
      const url = (way) => postgres?.url ?? `sqlite://${join(dir, `${way}.db`)}`;
      const together = database === 'sqlite' ? 'grouped' : 'batched';
      const { one, all, p99, ratio } = await compare(side(url('single'), 'single', env), side(url(together), together, env), 5, slowUs > 0 ? 2 : 1.5);
      const gate = database === 'sqlite' ? 10 : 3;
      const name = `durable_writes_${database}${slowUs > 0 ? '_fsync_5ms' : ''}`;
      emit({ name: `${name}_per_second`, value: round(all, 0), unit: '1/s', peer: database === 'sqlite' ? 'commit per request' : 'eight connections, commit per request', peer_value: round(one, 0), ratio: round(ratio, 1), gate: `>= ${gate}`, pass: ratio >= gate });
      emit({ name: `${name}_p99`, value: p99, unit: 'ms' });
    } finally {
      await postgres?.program.kill('SIGINT');
      rmSync(dir, { recursive: true, force: true });
    }
  }
}
