// Plays the neutral billing stories (sdk/conformance/scenarios) on the fake providers and writes what they
// sent and would answer as the plugins' fixtures. Ids and times are the same in every run; the test
// scenarios.test.mjs records again and compares, so that fixtures and fakes stay one.
//   node tests/e2e/fakes/record.mjs [stripe|polar|sandbox]…
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../support/stack.mjs';

const storyDir = join(root, 'sdk/conformance/scenarios');
export const providers = ['stripe', 'polar', 'sandbox'];
export const fixtureDir = (provider) => join(root, `plugins/billing_${provider}/conformance/scenarios`);

export function stories() {
  return readdirSync(storyDir).filter((f) => f.endsWith('.json')).sort().map((f) => ({ name: f.slice(0, -5), ...JSON.parse(readFileSync(join(storyDir, f), 'utf8')) }));
}

/** "38d12h" in milliseconds. */
export function span(text) {
  const [, days, hours] = /^(?:(\d+)d)?(?:(\d+)h)?$/.exec(text);
  return (Number(days ?? 0) * 24 + Number(hours ?? 0)) * 3600e3;
}

/**
 * One story on one provider. `make(story)` gives a session: {at(ms), act(do), deliveries(), answers(last)},
 * where deliveries() empties what was sent since, answers() are the API answers from then on.
 */
async function record(story, make) {
  const session = await make(story);
  try {
    const start = Date.parse(story.start), steps = {}, told = new Map();
    for (const [i, step] of story.steps.entries()) {
      await session.at(start + span(step.at), step.do);
      const unsupported = await session.act(step.do);
      if (unsupported) return { unsupported };
      const deliveries = await session.deliveries(start + span(step.at));
      const api = (await session.answers(i === story.steps.length - 1)).filter((a) => {
        // What was answered the same way before is still valid.
        const key = JSON.stringify([a.method, a.path, a.query]), body = JSON.stringify([a.status, a.body]);
        if (told.get(key) === body) return false;
        told.set(key, body);
        return true;
      });
      steps[step.id] = { ...(deliveries.length ? { deliveries } : {}), ...(api.length ? { api } : {}) };
    }
    return { steps };
  } finally { await session.stop(); }
}

/** Readable and small: a line for each delivery and each answer. */
export function format(fixture) {
  if (fixture.unsupported) return `${JSON.stringify(fixture)}\n`;
  const list = (items) => items.map((each) => `\n        ${JSON.stringify(each)}`).join(',');
  const step = (s) => Object.entries(s).map(([k, items]) => `\n      ${JSON.stringify(k)}: [${list(items)}]`).join(',');
  return `{\n  "steps": {${Object.entries(fixture.steps).map(([id, s]) => `\n    ${JSON.stringify(id)}: {${step(s)}${Object.keys(s).length ? '\n    ' : ''}}`).join(',')}\n  }\n}\n`;
}

/** {file name: text} of one provider. */
export async function recordAll(provider) {
  const { make, description } = await import(`./record_${provider}.mjs`);
  const files = { 'provider.json': `${JSON.stringify(description, null, 2)}\n` };
  for (const story of stories()) files[`${story.name}.json`] = format(await record(story, make));
  return files;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const provider of process.argv.length > 2 ? process.argv.slice(2) : providers) {
    const files = await recordAll(provider);
    mkdirSync(fixtureDir(provider), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(fixtureDir(provider), name), text);
    console.log(`${provider}: ${Object.keys(files).length} files, ${Object.values(files).reduce((n, t) => n + t.length, 0)} bytes`);
  }
}
