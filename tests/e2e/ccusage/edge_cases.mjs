// Transcript lines that a counting rule can get wrong. Every case has a model of its own, so that a difference
// names the case. Not here, since we differ on purpose (docs/adr would be too much for it): white space inside a
// line and fractions of a second that are not three digits, which JSON and RFC 3339 allow and ccusage overlooks.

const at = '2026-02-10T10:00:00.000Z';

/** An assistant line; `change` overrides members, undefined removes one. */
function line(name, { tokens = 1, usage, request = 'r1', id = 'm', side = false, message = {}, ...change } = {}) {
  return JSON.stringify({
    type: 'assistant', timestamp: at, sessionId: 's1', requestId: request && name + request, isSidechain: side, version: '2.1.39',
    message: { id: id && name + id, role: 'assistant', model: name, usage: usage ?? { input_tokens: tokens, output_tokens: 0 }, ...message },
    ...change,
  });
}
/** A progress line that carries a sub-agent's line. */
function progress(name, { tokens = 1, request = 'r1', inner = {}, ...outer } = {}) {
  return JSON.stringify({
    type: 'progress', timestamp: at, sessionId: 's1', isSidechain: false, version: '2.1.39',
    data: { type: 'agent_progress', message: { type: 'assistant', timestamp: '2026-02-11T10:00:00.000Z', requestId: request && name + request,
      message: { id: `${name}m`, role: 'assistant', model: name, usage: { input_tokens: tokens, output_tokens: 0 } }, ...inner } },
    ...outer,
  });
}
const usage = (more) => ({ input_tokens: 1, output_tokens: 1, ...more });
const tail = (text, more) => text.slice(0, -1) + more;

export function edgeCases() {
  const main = [
    line('base'),
    // One response in several lines: the largest counts; of equal ones the first.
    line('dup', { tokens: 1 }), line('dup', { tokens: 5 }), line('dup', { tokens: 3 }),
    line('later-larger', { tokens: 1 }), line('later-larger', { tokens: 2, timestamp: '2026-02-11T10:00:00.000Z' }),
    line('tie', {}), line('tie', { timestamp: '2026-02-11T10:00:00.000Z' }),
    line('larger-by-cache', { tokens: 10 }), line('larger-by-cache', { usage: { input_tokens: 5, output_tokens: 0, cache_read_input_tokens: 6 } }),
    line('other-model', { tokens: 10, message: { model: 'loses' } }), line('other-model', { tokens: 11, message: { model: 'wins' } }),
    line('two-requests', { request: 'r1', tokens: 10 }), line('two-requests', { request: 'r2', tokens: 100 }),
    // A sidechain's replay of a message gives way to the main conversation's, in the same session only.
    line('replay', { tokens: 10 }), line('replay', { request: 'r2', side: true, tokens: 100 }),
    line('replay-first', { request: 'r2', side: true, tokens: 100 }), line('replay-first', { tokens: 10 }),
    line('replay-same-request', { tokens: 10 }), line('replay-same-request', { side: true, tokens: 100 }),
    line('replay-without-request', { request: undefined, side: true, tokens: 10 }), line('replay-without-request', { tokens: 100 }),
    line('replay-of-unmarked', { isSidechain: undefined, tokens: 10 }), line('replay-of-unmarked', { request: 'r2', side: true, tokens: 100 }),
    line('replay-elsewhere', { tokens: 10 }), line('replay-elsewhere', { request: 'r2', side: true, tokens: 100, sessionId: 's2' }),
    line('only-replays', { request: 'r2', side: true, tokens: 100 }), line('only-replays', { side: true, tokens: 10 }),
    line('three', { tokens: 10 }), line('three', { request: 'r2', side: true, tokens: 100 }), line('three', { request: 'r3', tokens: 1000 }),
    line('sides-then-main', { side: true, tokens: 10 }), line('sides-then-main', { request: 'r2', side: true, tokens: 100 }), line('sides-then-main', { request: 'r3', tokens: 1000 }),
    line('no-session', { sessionId: undefined, tokens: 10 }), line('no-session', { sessionId: undefined, request: 'r2', side: true, tokens: 100 }),
    // Ids that are missing or empty.
    line('no-request', { request: undefined, tokens: 3 }), line('no-request', { request: undefined, tokens: 4 }),
    line('request-and-none', { request: undefined, tokens: 3 }), line('request-and-none', { tokens: 4 }),
    line('no-id', { message: { id: undefined }, tokens: 3 }), line('no-id', { message: { id: undefined }, tokens: 4 }),
    line('empty-request', { requestId: '' }), line('null-request', { requestId: null }), line('empty-id', { message: { id: '' } }), line('null-id', { message: { id: null } }),
    line('empty-session', { sessionId: '' }), line('null-session', { sessionId: null }), line('number-session', { sessionId: 3 }),
    line('null-side', { isSidechain: null }), line('text-side', { isSidechain: 'x' }),
    line('synthetic', { message: { model: '<synthetic>' } }), line('empty-model', { message: { model: '' } }), line('null-model', { message: { model: null } }),
    // Versions: three numbers and whatever follows.
    ...['abc', '2.1', '', '2.1.', '2.x.1', '2..1', ' 2.1.1', 'v2.1.3', 2, null].map((version, i) => line(`bad-version-${i}`, { version })),
    ...['2.1.3-beta.1', '2.1.3.4', '02.1.3', '2.1.3+b', '99999999999999999999.1.3', undefined].map((version, i) => line(`good-version-${i}`, { version })),
    // Counters.
    line('no-output', { usage: { input_tokens: 6 } }), line('no-input', { usage: { output_tokens: 6 } }), line('zero', { tokens: 0 }),
    line('big', { usage: usage({ input_tokens: 2 ** 40 }) }), line('negative', { usage: usage({ input_tokens: -6 }) }), line('fraction', { usage: usage({ input_tokens: 6.5 }) }),
    line('text-count', { usage: usage({ input_tokens: '6' }) }), line('null-count', { usage: usage({ cache_read_input_tokens: null }) }), line('null-usage', { message: { usage: null } }),
    line('cache-both', { usage: usage({ cache_creation_input_tokens: 99, cache_creation: { ephemeral_5m_input_tokens: 50, ephemeral_1h_input_tokens: 7 } }) }),
    line('cache-nested', { usage: usage({ cache_creation: { ephemeral_5m_input_tokens: 50, ephemeral_1h_input_tokens: 7 } }) }),
    line('cache-one', { usage: usage({ cache_creation_input_tokens: 99, cache_creation: { ephemeral_5m_input_tokens: 50 } }) }),
    line('cache-empty', { usage: usage({ cache_creation_input_tokens: 99, cache_creation: {} }) }),
    line('cache-null', { usage: usage({ cache_creation_input_tokens: 99, cache_creation: null }) }),
    line('cache-text', { usage: usage({ cache_creation_input_tokens: 99, cache_creation: 's' }) }),
    line('cache-bad', { usage: usage({ cache_creation: { ephemeral_5m_input_tokens: null, ephemeral_1h_input_tokens: 5 } }) }),
    line('fast', { usage: usage({ speed: 'fast' }) }), line('standard', { usage: usage({ speed: 'standard' }) }),
    line('fast-tie', { tokens: 1 }), line('fast-tie', { usage: { input_tokens: 1, output_tokens: 0, speed: 'fast' } }),
    line('fast-smaller', { tokens: 10 }), line('fast-smaller', { usage: { input_tokens: 1, output_tokens: 1, speed: 'fast' } }),
    // Types and times.
    line('type-user', { type: 'user' }), line('type-none', { type: undefined }), line('type-new', { type: 'later' }), line('api-error', { isApiErrorMessage: true }),
    line('whole-second', { timestamp: '2026-02-10T10:00:00Z' }), line('offset', { timestamp: '2026-02-10T23:30:00-05:00' }), line('no-time', { timestamp: undefined }),
    ...['yesterday', '2026-02-10', '', '2026-02-30T10:00:00.000Z', '2026-02-10T24:00:00.000Z', '2026-02-10T10:00:00', 1770000000].map((timestamp, i) => line(`bad-time-${i}`, { timestamp })),
    line('last-millisecond', { timestamp: '2026-02-10T23:59:59.999Z' }), line('midnight', { timestamp: '2026-02-11T00:00:00.000Z' }),
    // JSON that is and is not.
    tail(line('double-version'), ',"version":"abc"}'), tail(line('double-unknown'), ',"z":1,"z":2}'), `${line('trailing')} x`, `  \t${line('blanks')}  \r`,
    `[${line('array')}]`, tail(line('deep'), `,"z":${'['.repeat(120)}${']'.repeat(120)}}`), tail(line('too-deep'), `,"z":${'['.repeat(200)}${']'.repeat(200)}}`),
    tail(line('lone-surrogate'), ',"z":"\\ud800"}'), tail(line('control'), ',"z":"\t"}'), tail(line('cut-off'), ''), '', 'null', '{}', tail(line('large-number'), `,"z":${'1'.repeat(40)}}`),
    Buffer.from(line('not-utf8', { z: 'QQ' }).replace('QQ', '\xff\xfe'), 'latin1'), line('escaped-"model"'), line('large', { z: 'a'.repeat(3_000_000) }),
    // Progress lines of sub-agents.
    progress('progress', { tokens: 3 }), progress('progress-replay', { tokens: 100, request: 'r2', inner: { isSidechain: true } }), line('progress-replay', { tokens: 10 }),
    progress('progress-outer-side', { tokens: 100, request: 'r2', isSidechain: true }), line('progress-outer-side', { tokens: 10 }),
    progress('progress-parent', { tokens: 100, request: 'r2' }), line('progress-parent', { side: true, tokens: 10 }),
    progress('progress-no-request', { request: undefined }), progress('progress-outer-request', { request: undefined, requestId: 'progress-outer-request-r', tokens: 4 }),
    progress('progress-no-time', { inner: { timestamp: undefined } }), progress('progress-user', { inner: { type: 'user' } }), progress('progress-no-type', { inner: { type: undefined } }),
    progress('progress-version', { version: 'abc' }), progress('progress-inner-version', { inner: { version: 'abc' } }),
    line('across', { tokens: 1 }), line('across-replay', { tokens: 10 }),
  ];
  const agent = [line('across', { tokens: 4 }), line('across-replay', { request: 'r9', side: true, tokens: 100 })];
  return {
    'projects/p/s1.jsonl': main,
    'projects/p/s1/subagents/agent-a1.jsonl': agent,
    'projects/top.jsonl': [line('top-level')],
    'projects/p/notes.json': [line('other-extension')],
    'outside.jsonl': [line('outside')],
  };
}
