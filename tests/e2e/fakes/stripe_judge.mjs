// Holds objects and requests against Stripe's official description. The description in the test data is
// older than the pinned API version; what basil (2025-03-31) moved is amended here, once and by name, and
// objects in the old shape are held against it as it stands.
import Ajv from 'ajv';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataDir } from '../support/stack.mjs';
import { isNew } from './stripe_shapes.mjs';

const descriptionPath = join(dataDir, 'openapi/stripe-2025-10.json');
const examplesPath = join(dataDir, 'stripe/fixtures3.json');
export const available = existsSync(descriptionPath) && existsSync(examplesPath);
export const skip = available ? false : `needs ${descriptionPath}`;

/** OpenAPI 3.0 as JSON schema: nullable becomes a choice. */
function asJsonSchema(node) {
  if (Array.isArray(node)) return node.map(asJsonSchema);
  if (node === null || typeof node !== 'object') return node;
  const out = {};
  for (const [k, v] of Object.entries(node)) if (!k.startsWith('x-') && k !== 'example' && k !== 'discriminator') out[k] = asJsonSchema(v);
  if (out.nullable !== true) return out;
  delete out.nullable;
  return { anyOf: [out, { type: 'null' }] };
}

/** What the API has moved since the description was written: [schema, no longer required, now required]. */
const amendments = [
  ['subscription', ['current_period_start', 'current_period_end'], []],
  ['subscription_item', [], ['current_period_start', 'current_period_end']],
  ['invoice', ['paid', 'paid_out_of_band', 'total_tax_amounts'], ['parent', 'amount_overpaid']],
  ['line_item', ['proration', 'type'], ['parent', 'pricing']],
];
export function makeJudge() {
  const description = JSON.parse(readFileSync(descriptionPath, 'utf8'));
  const examples = JSON.parse(readFileSync(examplesPath, 'utf8')).resources;
  const compile = (amended) => {
    const schemas = asJsonSchema(description.components.schemas);
    if (amended) {
      for (const [name, gone, added] of amendments) schemas[name].required = [...(schemas[name].required ?? []).filter((r) => !gone.includes(r)), ...added];
    }
    const ajv = new Ajv({ strict: false, allErrors: true, logger: false, validateFormats: false });
    ajv.addSchema({ $id: 'stripe', components: { schemas } });
    const compiled = new Map();
    return (name, value) => {
      if (!schemas[name]) return undefined;
      if (!compiled.has(name)) compiled.set(name, ajv.compile({ $ref: `stripe#/components/schemas/${name}` }));
      const validate = compiled.get(name);
      return validate(value) ? [] : [ajv.errorsText(validate.errors, { dataVar: name }).slice(0, 600)];
    };
  };
  const current = compile(true), old = compile(false);
  const complaints = [];
  let judged = 0;
  const kind = (value) => value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;

  /** Members and their types as in Stripe's example of the resource, where the description is silent. */
  function like(example, value, path) {
    const found = [];
    for (const [k, v] of Object.entries(example)) {
      if (!(k in value)) found.push(`${path}.${k} is missing`);
      else if (v !== null && value[k] !== null && kind(v) !== kind(value[k])) found.push(`${path}.${k} is a ${kind(value[k])}, not a ${kind(v)}`);
    }
    return found;
  }
  /** An object that was answered or sent, in the shape of `version`. */
  function judge(object, version) {
    ++judged;
    if (object.deleted || object.object === 'v2.core.event') return;
    const name = object.object === 'item' ? 'item' : object.object;
    const problems = (isNew(version) ? current : old)(name, object) ?? (examples[name] ? like(examples[name], object, name) : [`no description of ${name}`]);
    // Every member of the example is there: an object is whole, not only valid.
    if (isNew(version) && examples[name] && name !== 'event') {
      const optional = { charge: ['refunds'], refund: ['payment_method'], subscription: [], invoice: ['subscription'], 'checkout.session': [], product: [], webhook_endpoint: [] }[name] ?? [];
      problems.push(...Object.keys(examples[name]).filter((k) => !(k in object) && !optional.includes(k)).map((k) => `${name}.${k} is missing`));
    }
    if (object.object === 'event') judge(object.data.object, version);
    for (const problem of problems) if (complaints.length < 200) complaints.push(`${object.id ?? name} (${version}): ${problem}`);
  }
  /** Parameters of a request that the description does not know (names, at any depth). */
  function judgeRequest(method, path, params, known = newParameters) {
    const found = Object.entries(description.paths).map(([pattern, item]) => ({ pattern, operation: item[method.toLowerCase()] }))
      .find(({ pattern, operation }) => operation && new RegExp(`^${pattern.replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path));
    if (!found) return known.paths.some((p) => p.test(path)) ? [] : [`${method} ${path}: no such operation`];
    const schema = method === 'GET' || method === 'DELETE'
      ? { properties: Object.fromEntries((found.operation.parameters ?? []).filter((p) => p.in === 'query').map((p) => [p.name, p.schema])) }
      : found.operation.requestBody?.content?.['application/x-www-form-urlencoded']?.schema ?? { properties: {} };
    const resolved = (s) => s?.$ref ? s.$ref.slice(2).split('/').reduce((o, k) => o[k], description) : s;
    const walk = (value, s, at) => {
      s = resolved(s);
      const choices = s?.anyOf?.map(resolved) ?? [s];
      if (Array.isArray(value)) return value.flatMap((v) => walk(v, choices.find((c) => c?.items)?.items, `${at}[]`));
      if (value === null || typeof value !== 'object') return [];
      const properties = Object.assign({}, ...choices.map((c) => c?.properties ?? {}));
      if (choices.some((c) => c?.additionalProperties)) return [];
      return Object.entries(value).flatMap(([k, v]) => k in properties ? walk(v, properties[k], at ? `${at}.${k}` : k)
        : known.names.has(at ? `${at}.${k}` : k) ? [] : [`${method} ${path}: unknown parameter ${at ? `${at}.` : ''}${k}`]);
    };
    return walk(params, schema, '');
  }
  return { judge, judgeRequest, complaints, get judged() { return judged; } };
}

/** What is newer than the description. */
const newParameters = {
  paths: [/^\/v1\/billing\/meter/, /^\/v1\/entitlements\//, /^\/v2\//, /^\/v1\/invoice_payments/, /^\/v1\/subscriptions\/[^/]+\/pause$/],
  names: new Set(),
};
