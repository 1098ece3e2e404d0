// What every fake provider needs: a clock that can be moved, ids that are the same in every run, an
// HTTP server with planned faults, and a sender of webhooks that drops, doubles and reorders.
import { createServer, Agent, request as httpRequest } from 'node:http';

/** Provider time in milliseconds: real time plus what was advanced, or standing still after set(). */
export class Clock {
  constructor() { this.offset = 0; this.fixed = undefined; }
  now() { return this.fixed ?? Date.now() + this.offset; }
  seconds() { return Math.floor(this.now() / 1000); }
  iso() { return new Date(this.now()).toISOString(); }
  set(ms) { this.fixed = ms; }
  advance(ms) { if (this.fixed === undefined) this.offset += ms; else this.fixed += ms; }
}

/** Moves a date by whole months as providers do: the 31st becomes the last day of a shorter month. */
export function addMonths(ms, months, anchor = ms) {
  const from = new Date(ms), day = new Date(anchor).getUTCDate();
  const last = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months + 1, 0)).getUTCDate();
  return Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, Math.min(day, last),
    from.getUTCHours(), from.getUTCMinutes(), from.getUTCSeconds(), from.getUTCMilliseconds());
}

/** Thrown by handlers: becomes the provider's error answer. */
export class Refusal extends Error {
  constructor(status, body, headers = {}) { super(JSON.stringify(body)); Object.assign(this, { status, body, headers }); }
}

/**
 * The provider's end of HTTP. A subclass implements handle({method, path, query, headers, text}) ->
 * {status, body, headers} or throws Refusal. Planned faults (`plan`) are used up in order:
 *   {method?, path?: RegExp, times?: 1, before?: false,
 *    status?, body?, headers?    answer this (before: true = without doing what was asked)
 *    hang?: true                 never answer
 *    truncate?: true             half of the body, then the connection ends
 *    answerLate?: ms}            do it, answer later than the client waits
 */
export class HttpFake {
  constructor() { this.requests = []; this.faults = []; this.keepRequests = true; }

  async listen(port = 0) {
    this.server = createServer((request, response) => {
      const chunks = [];
      request.on('data', (d) => chunks.push(d)).on('end', () => this.#serve(request, Buffer.concat(chunks).toString(), response));
    });
    this.server.keepAliveTimeout = 60_000;
    await new Promise((done) => this.server.listen(port, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }
  close() { this.server.close(); this.server.closeAllConnections(); }

  plan(fault) { this.faults.push({ times: 1, ...fault }); }
  #faultFor(call) {
    const at = this.faults.findIndex((f) => (!f.method || f.method === call.method) && (!f.path || f.path.test(call.path)));
    if (at < 0) return undefined;
    const fault = this.faults[at];
    if (--fault.times <= 0) this.faults.splice(at, 1);
    return fault;
  }

  async #serve(request, text, response) {
    const url = new URL(request.url, this.url);
    const call = { method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers, text };
    if (this.keepRequests) this.requests.push({ method: call.method, path: call.path, query: url.search, headers: request.headers, body: text });
    const fault = this.#faultFor(call);
    const send = ({ status, body, headers }) => {
      const payload = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': payload.length, ...headers });
      if (fault?.truncate) {
        response.write(payload.subarray(0, Math.floor(payload.length / 2)), () => setTimeout(() => response.destroy(), 5));
      } else response.end(payload);
    };
    if (fault?.before) {
      if (fault.hang) return;
      return send(this.refused(fault));
    }
    let answer;
    try { answer = await this.handle(call); } catch (error) {
      if (!(error instanceof Refusal)) { this.crash = error; console.error(error); }
      answer = error instanceof Refusal ? error : { status: 500, body: { error: { type: 'api_error', message: String(error.stack) } } };
    }
    if (fault?.hang) return;
    if (fault?.status) answer = this.refused(fault);
    if (fault?.answerLate) await new Promise((r) => setTimeout(r, fault.answerLate));
    if (response.destroyed) return;
    send({ headers: {}, ...answer });
  }
  /** The provider's form of an error; a fault brings its status. */
  refused(fault) { return { status: fault.status, body: fault.body ?? {}, headers: fault.headers ?? {} }; }
}

/** Sends webhooks; `sign(delivery)` makes the headers, fresh for every attempt. */
export class Deliveries {
  constructor({ sign, concurrency = 8, attempts = 10, retryBase = 50 }) {
    Object.assign(this, { sign, concurrency, attempts, retryBase, queue: [], active: 0, log: [], held: [], keepLog: true });
    this.faults = { drop: 0, duplicate: 0, reorder: 0, hold: false };
    this.agent = new Agent({ keepAlive: true, maxSockets: concurrency });
    this.waiters = [];
    this.timers = 0;
  }
  /** delivery: {id, url, body, …}; faults decide what becomes of it. */
  send(delivery) {
    if (this.faults.hold) { this.held.push(delivery); return; }
    if (this.faults.drop > 0) { --this.faults.drop; this.log.push({ id: delivery.id, dropped: true }); return; }
    if (this.faults.reorder > 0) {
      this.held.push(delivery);
      if (--this.faults.reorder === 0) this.release({ backwards: true });
      return;
    }
    this.queue.push({ ...delivery, attempt: 1 });
    if (this.faults.duplicate > 0) { --this.faults.duplicate; this.queue.push({ ...delivery, attempt: 1 }); }
    this.#pump();
  }
  /** Lets go what was held: in order, or backwards, or in the order of `shuffle(list)`. */
  release({ backwards = false, shuffle } = {}) {
    let list = this.held.splice(0);
    this.faults.hold = false;
    if (backwards) list = list.reverse();
    if (shuffle) list = shuffle(list);
    for (const delivery of list) this.queue.push({ ...delivery, attempt: 1 });
    this.#pump();
  }
  get idle() { return this.queue.length === 0 && this.active === 0 && this.timers === 0; }
  async settled() { if (!this.idle) await new Promise((done) => this.waiters.push(done)); }
  stop() { this.stopped = true; this.queue = []; this.agent.destroy(); }

  #pump() {
    while (this.active < this.concurrency && this.queue.length && !this.stopped) {
      const delivery = this.queue.shift();
      ++this.active;
      this.#attempt(delivery).then(() => { --this.active; this.#pump(); });
    }
    if (this.idle) for (const done of this.waiters.splice(0)) done();
  }
  async #attempt(delivery) {
    const status = await new Promise((done) => {
      const headers = { 'content-type': 'application/json', ...this.sign(delivery), 'content-length': Buffer.byteLength(delivery.body) };
      const call = httpRequest(delivery.url, { method: 'POST', agent: this.agent, headers, timeout: 10_000 }, (answer) => {
        answer.resume().on('end', () => done(answer.statusCode)).on('error', () => done('error'));
      });
      call.on('timeout', () => call.destroy(new Error('timeout'))).on('error', (error) => done(error.code ?? 'error'));
      call.end(delivery.body);
    });
    if (this.keepLog) this.log.push({ id: delivery.id, status, attempt: delivery.attempt });
    delivery.attempted?.(status);
    if (status >= 200 && status < 300) { delivery.delivered?.(); return; }
    if (delivery.attempt >= this.attempts || this.stopped) return;
    ++this.timers;
    setTimeout(() => {
      --this.timers;
      if (!this.stopped) { this.queue.push({ ...delivery, attempt: delivery.attempt + 1 }); this.#pump(); }
    }, Math.min(this.retryBase * 2 ** (delivery.attempt - 1), 2000)).unref();
  }
}

/** application/x-www-form-urlencoded with brackets, as nested objects; a[0][b]=c -> {a: [{b: 'c'}]}. */
export function parseForm(entries) {
  const root = {};
  for (const [key, value] of entries) {
    const path = [...key.matchAll(/([^[\]]+)|\[\]/g)].map((m) => m[1] ?? '');
    let at = root;
    path.forEach((part, i) => {
      if (i === path.length - 1) {
        if (part === '') { at['#'] = (at['#'] ?? 0) + 1; at[String(at['#'] - 1)] = value; } else at[part] = value;
        return;
      }
      at = at[part] ??= {};
    });
  }
  const tidy = (node) => {
    if (typeof node !== 'object') return node;
    delete node['#'];
    const keys = Object.keys(node);
    if (keys.length && keys.every((k) => /^\d+$/.test(k))) return keys.sort((a, b) => a - b).map((k) => tidy(node[k]));
    for (const k of keys) node[k] = tidy(node[k]);
    return node;
  };
  return tidy(root);
}
