// One engine that nobody here wrote, on the same inputs: node peers.mjs NAME INPUTS. Each line on stdin is a number of
// seconds; the answer is one line of JSON. From JSON text to the answer, like ours.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const features = {
  free: ['chat'], pro: ['chat', 'review', 'export'], team: ['chat', 'review', 'export', 'slack', 'merge'],
  enterprise: ['chat', 'review', 'export', 'slack', 'merge', 'audit'],
};
const models = { free: ['small'], pro: ['small', 'medium'], team: ['small', 'medium', 'large'], enterprise: ['small', 'medium', 'large', 'frontier'] };
const list = (of) => `{${Object.entries(of).map(([plan, names]) => `"${plan}": [${names.map((n) => `"${n}"`).join(', ')}]`).join(', ')}}`;

/** Numbers of JSON are doubles in JavaScript, and so they are here: no conversion on the way in. */
const cel = `!subject.suspended
  && !(subject.usage >= subject.quota && !(subject.plan == "enterprise" && context.burst && subject.usage < subject.quota * 2.0))
  && !(action == "export.run" && context.network == "public")
  && (subject.role == "admin" || (resource.feature in ${list(features)}[subject.plan]
    && resource.model in ${list(models)}[subject.plan]
    && !(subject.role == "contractor" && (context.hour < 8.0 || context.hour >= 18.0))
    && !(action == "pr.merge" && resource.channel == "prod" && subject.role != "maintainer")
    && !(action == "export.run" && (subject.plan == "free" || subject.plan == "pro"))))`;

const engines = {
  async marcbachmann_cel() {
    const { parse } = await import('@marcbachmann/cel-js');
    const run = parse(cel);
    return (text) => run(JSON.parse(text));
  },

  async cel_js() {
    const { parse, evaluate } = await import('cel-js');
    const parsed = parse(cel);
    if (!parsed.isSuccess) throw new Error(parsed.errors.join(', '));
    return (text) => evaluate(parsed.cst, JSON.parse(text));
  },

  async casbin() {
    const { newEnforcer, newModelFromString } = await import('casbin');
    const model = newModelFromString(`
[request_definition]
r = sub, act, res, ctx
[policy_definition]
p = name, rule, eft
[policy_effect]
e = priority(p.eft) || deny
[matchers]
m = eval(p.rule)
`);
    const rules = [
      ['suspended', 'r.sub.suspended', 'deny'],
      ['quota', 'r.sub.usage >= r.sub.quota && r.sub.plan != "enterprise"', 'deny'],
      ['burst', 'r.sub.usage >= r.sub.quota && !(r.ctx.burst && r.sub.usage < r.sub.quota * 2)', 'deny'],
      ['network', 'r.act == "export.run" && r.ctx.network == "public"', 'deny'],
      ['admin', 'r.sub.role == "admin"', 'allow'],
      ['feature', '!hasFeature(r.sub.plan, r.res.feature)', 'deny'],
      ['model', '!hasModel(r.sub.plan, r.res.model)', 'deny'],
      ['early', 'r.sub.role == "contractor" && r.ctx.hour < 8', 'deny'],
      ['late', 'r.sub.role == "contractor" && r.ctx.hour >= 18', 'deny'],
      ['merge', 'r.act == "pr.merge" && r.res.channel == "prod" && r.sub.role != "maintainer"', 'deny'],
      ['export', 'r.act == "export.run" && (r.sub.plan == "free" || r.sub.plan == "pro")', 'deny'],
      ['default', 'true', 'allow'],
    ];
    const enforcer = await newEnforcer(model);
    await enforcer.addFunction('hasFeature', (plan, name) => features[plan].includes(name));
    await enforcer.addFunction('hasModel', (plan, name) => models[plan].includes(name));
    for (const rule of rules) await enforcer.addPolicy(...rule);
    return (text) => {
      const input = JSON.parse(text);
      return enforcer.enforceSync(input.subject, input.action, input.resource, input.context);
    };
  },

  async cedar_wasm() {
    const cedar = (await import('@cedar-policy/cedar-wasm/nodejs')).default;
    const among = (of, attribute) => Object.entries(of).map(([plan, names]) => `(principal.plan == "${plan}" && [${names.map((n) => `"${n}"`).join(', ')}].contains(resource.${attribute}))`).join(' || ');
    const policies = `
permit(principal, action, resource);
forbid(principal, action, resource) when { principal.suspended };
forbid(principal, action, resource) when { principal.usage >= principal.quota && !(principal.plan == "enterprise" && context.burst && principal.usage < principal.quota * 2) };
forbid(principal, action == Action::"export.run", resource) when { context.network == "public" };
forbid(principal, action, resource) when { principal.role != "admin" && !(${among(features, 'feature')}) };
forbid(principal, action, resource) when { principal.role != "admin" && !(${among(models, 'model')}) };
forbid(principal, action, resource) when { principal.role == "contractor" && (context.hour < 8 || context.hour >= 18) };
forbid(principal, action == Action::"pr.merge", resource) when { principal.role != "admin" && resource.channel == "prod" && principal.role != "maintainer" };
forbid(principal, action == Action::"export.run", resource) when { principal.role != "admin" && (principal.plan == "free" || principal.plan == "pro") };`;
    const parsed = cedar.preparsePolicySet('bench', { staticPolicies: policies });
    if (parsed.type !== 'success') throw new Error(JSON.stringify(parsed));
    return (text) => {
      const input = JSON.parse(text);
      const principal = { type: 'User', id: input.subject.id }, resource = { type: 'Thing', id: input.resource.model };
      const answer = cedar.statefulIsAuthorized({
        principal, action: { type: 'Action', id: input.action }, resource, context: input.context, preparsedPolicySetId: 'bench',
        entities: [{ uid: principal, attrs: input.subject, parents: [] }, { uid: resource, attrs: input.resource, parents: [] }],
      });
      if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors));
      return answer.response.decision === 'allow';
    };
  },
};

const [name, file] = process.argv.slice(2);
const lines = readFileSync(file, 'utf8').trim().split('\n');
const inputs = lines.filter((_, i) => i % 2 === 0), oracle = lines.filter((_, i) => i % 2 === 1).map((line) => line === 'allow');
const decide = await engines[name]();
for (const [i, input] of inputs.entries()) {
  if (decide(input) !== oracle[i]) throw new Error(`${name} disagrees with the oracle on ${input}`);
}

const nanoseconds = () => Number(process.hrtime.bigint());
/** What this thread worked: neighbours on the machine do not count, nor do the collector's own threads. */
const worked = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1e6; };
for await (const line of createInterface({ input: process.stdin })) {
  const seconds = Number(line);
  let done = 0;
  const begin = worked();
  while (worked() - begin < seconds) for (let i = 0; i < 50; ++i) decide(inputs[done++ % inputs.length]);
  const perSecond = done / (worked() - begin);
  const latencies = [];
  for (const end = nanoseconds() + seconds * 1e9; nanoseconds() < end;) {
    const before = nanoseconds();
    decide(inputs[latencies.length % inputs.length]);
    latencies.push(nanoseconds() - before);
  }
  latencies.sort((a, b) => a - b);
  console.log(JSON.stringify({ perSecond, p50: latencies[Math.floor(latencies.length / 2)] / 1000, p99: latencies[Math.floor(latencies.length * 0.99)] / 1000 }));
}
