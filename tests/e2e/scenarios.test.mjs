// The fixtures of the billing stories are what the fake providers say today, to the byte: recorded again
// and compared. `node tests/e2e/fakes/record.mjs` writes them.
import test from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fixtureDir, providers, recordAll, stories } from './fakes/record.mjs';

for (const provider of providers) {
  const folder = fixtureDir(provider);
  test(`the fixtures of billing_${provider} are as recorded`, { skip: existsSync(folder) ? false : 'none recorded' }, async () => {
    const made = await recordAll(provider);
    for (const [name, text] of Object.entries(made)) assert.equal(readFileSync(join(folder, name), 'utf8') === text, true, `${name} differs: node tests/e2e/fakes/record.mjs ${provider}`);
    const own = readdirSync(folder).filter((f) => f.endsWith('.json') && !(f in made));
    for (const name of own) assert.ok(JSON.parse(readFileSync(join(folder, name), 'utf8')).story, `${name} belongs to no story`);
    assert.equal(Object.keys(made).length, stories().length + 1);
  });
}
