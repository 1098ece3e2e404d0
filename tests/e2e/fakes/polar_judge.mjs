// Holds what the fake Polar is asked, answers and sends against Polar's official description, and its
// webhooks against the schemas of SDK 0.49.0.
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataDir } from '../support/stack.mjs';

const descriptionPath = join(dataDir, 'openapi/polar-2026-10.json');
export const skip = existsSync(descriptionPath) ? false : `needs ${descriptionPath}`;

export function makeJudge() {
  const spec = JSON.parse(readFileSync(descriptionPath, 'utf8'));
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
  addFormats(ajv);
  ajv.addSchema({ $id: 'polar', components: spec.components });
  const operations = Object.entries(spec.paths).map(([pattern, item]) => ({ pattern, item, expression: new RegExp(`^${pattern.replace(/\{[^}]+\}/g, '([^/]+)')}$`) }))
    .sort((a, b) => Number(a.pattern.includes('{')) - Number(b.pattern.includes('{')));
  const compiled = new Map();
  const complaints = [];
  let judged = 0;
  function check(schema, value, what) {
    ++judged;
    if (!compiled.has(what)) compiled.set(what, ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"polar#/components'))));
    const validate = compiled.get(what);
    if (!validate(value) && complaints.length < 200) complaints.push(`${what}: ${ajv.errorsText(validate.errors).slice(0, 500)}`);
  }
  // Trailing slashes are part of the path exactly as listed.
  const find = (method, path) => operations.find(({ expression, item }) => expression.test(path) && item[method.toLowerCase()]);
  return {
    complaints,
    get judged() { return judged; },
    request(method, path, query, body) {
      const found = find(method, path);
      const what = `${method} ${found?.pattern ?? path}`;
      if (!found) return complaints.push(`no such operation: ${what}`);
      const operation = found.item[method.toLowerCase()];
      const schema = operation.requestBody?.content?.['application/json']?.schema;
      // Polar takes its placeholder in URLs; the format of the schema does not.
      if (schema && body !== undefined) check(schema, JSON.parse(JSON.stringify(body).replaceAll('{CHECKOUT_ID}', 'id')), `request of ${what}`);
      const known = (operation.parameters ?? []).filter((p) => p.in === 'query');
      for (const p of known) if (p.required && !query.has(p.name)) complaints.push(`${what}: query ${p.name} is missing`);
      for (const name of query.keys()) if (!known.some((p) => p.name === name || name.startsWith(`${p.name}[`))) complaints.push(`${what}: unknown query ${name}`);
      return undefined;
    },
    response(method, path, status, body) {
      const found = find(method, path);
      if (!found) return;
      const schema = found.item[method.toLowerCase()].responses[status]?.content?.['application/json']?.schema;
      if (body === undefined) return;
      if (!schema) complaints.push(`${method} ${found.pattern} does not answer ${status}`); else check(schema, body, `answer ${status} of ${method} ${found.pattern}`);
    },
    webhook(type, body) {
      const item = spec.webhooks[type];
      if (!item) complaints.push(`no such webhook: ${type}`); else check(item.post.requestBody.content['application/json'].schema, body, `webhook ${type}`);
    },
  };
}
