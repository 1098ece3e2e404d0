// A browser without scripts: cookies, redirects, forms found in the page. Enough to be a person on
// server-rendered pages; Chromium does the same in chromium.test.mjs.
export class Browser {
  constructor(base) { this.base = base; this.cookies = new Map(); }

  async request(path, init = {}) {
    let url = new URL(path, this.url ?? this.base);
    for (let hops = 0; hops < 10; ++hops) {
      const answer = await fetch(url, {
        ...init, redirect: 'manual',
        headers: { accept: 'text/html', ...init.headers, ...(this.cookies.size ? { cookie: [...this.cookies].map(([k, v]) => `${k}=${v}`).join('; ') } : {}) },
      });
      for (const line of answer.headers.getSetCookie()) {
        const [pair] = line.split(';');
        const at = pair.indexOf('=');
        const name = pair.slice(0, at), value = pair.slice(at + 1);
        if (value === '' || /max-age=0/i.test(line)) this.cookies.delete(name); else this.cookies.set(name, value);
      }
      if (answer.status >= 300 && answer.status < 400 && answer.headers.get('location')) {
        url = new URL(answer.headers.get('location'), url);
        init = {};
        continue;
      }
      this.status = answer.status;
      this.url = url.href;
      this.headers = answer.headers;
      this.html = await answer.text();
      return this;
    }
    throw new Error('too many redirects');
  }

  get(path) { return this.request(path); }

  /** Forms of the page: [{action, method, fields, text}] */
  forms() {
    const attribute = (tag, name) => {
      const match = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(tag);
      return match ? unescape(match[1] ?? match[2]) : undefined;
    };
    return [...this.html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, open, inner]) => {
      const fields = {}, buttons = [];
      for (const [tag] of inner.matchAll(/<input\b[^>]*>/gi)) {
        const name = attribute(tag, 'name'), type = attribute(tag, 'type') ?? 'text';
        if (!name) continue;
        if (type === 'submit') { buttons.push({ name, value: attribute(tag, 'value') ?? '' }); continue; }
        if ((type === 'radio' || type === 'checkbox') && !/\bchecked\b/i.test(tag)) { fields[name] ??= undefined; continue; }
        fields[name] = attribute(tag, 'value') ?? '';
      }
      for (const [, tag, body] of inner.matchAll(/<select\b([^>]*)>([\s\S]*?)<\/select>/gi)) {
        const options = [...body.matchAll(/<option\b[^>]*>/gi)].map(([o]) => o);
        const chosen = options.find((o) => /\bselected\b/i.test(o)) ?? options[0];
        fields[attribute(tag, 'name')] = chosen ? attribute(chosen, 'value') : '';
      }
      for (const [, tag, body] of inner.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)) {
        buttons.push({ name: attribute(tag, 'name'), value: attribute(tag, 'value') ?? '', text: body.replace(/<[^>]*>/g, '').trim() });
      }
      return { action: attribute(open, 'action') ?? this.url, method: (attribute(open, 'method') ?? 'get').toUpperCase(), fields, buttons, text: inner.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ') };
    });
  }

  /** Submits the form whose action, text or button matches; `button` picks a named button. */
  async submit(match, values = {}, button) {
    const form = this.forms().find((f) => match.test(f.action) || match.test(f.text) || f.buttons.some((b) => match.test(b.text ?? b.value)));
    if (!form) throw new Error(`no form matches ${match} on ${this.url}:\n${this.html.slice(0, 3000)}`);
    const fields = { ...form.fields, ...values };
    const pressed = form.buttons.find((b) => b.name && button && (button.test(b.text ?? '') || button.test(b.value)));
    if (pressed) fields[pressed.name] = pressed.value;
    const body = new URLSearchParams(Object.entries(fields).filter(([, v]) => v !== undefined));
    if (form.method === 'GET') return this.request(`${form.action}?${body}`);
    return this.request(form.action, {
      method: 'POST', body: body.toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(this.url).origin },
    });
  }
}

function unescape(text) {
  return text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&#x2F;/gi, '/').replace(/&amp;/g, '&');
}
