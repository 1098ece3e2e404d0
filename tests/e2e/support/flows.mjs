// What a person does in a browser, as functions: sign in, approve a device, pay.
import { Browser } from './browser.mjs';
import { until } from './stack.mjs';

/** Signs in as demo@localhost through dev mode's button. */
export async function signInAsDemo(stack) {
  const browser = new Browser(stack.url);
  await browser.get('/login');
  await browser.submit(/demo@localhost/i);
  // The page behind it may ask for a plan (402); signed in is who can sign out.
  if (!browser.html.includes('action="/logout"')) throw new Error(`sign-in answered ${browser.status}: ${browser.html.slice(0, 500)}`);
  return browser;
}

/** Signs in with the code that dev mode prints into the log instead of mailing it. */
export async function signInByCode(stack, email) {
  const browser = new Browser(stack.url);
  await browser.get('/login');
  const before = stack.server.output().length;
  await browser.submit(/e-?mail/i, { email });
  const mail = await until('the sign-in mail in the log', () => {
    const lines = stack.server.output().slice(before).split('\n').filter((l) => l.includes('"text"') && l.includes(email));
    return lines.length ? JSON.parse(lines.at(-1)) : undefined;
  });
  const code = /\b([A-Z0-9]{4}-?[A-Z0-9]{4})\b/.exec(mail.text)[1];
  await browser.submit(/code/i, { code });
  return browser;
}

/** Approves (or denies) a user code on /device, choosing the named org if there is a choice. */
export async function decideDevice(browser, userCode, { decision = /approve/i, org } = {}) {
  await browser.get(`/device?user_code=${encodeURIComponent(userCode)}`);
  if (!browser.forms().some((f) => f.buttons.some((b) => decision.test(b.text ?? b.value)))) {
    await browser.submit(/code|continue/i, { user_code: userCode });
  }
  await browser.submit(decision, org ? { org } : {}, decision);
  return browser;
}

/** `ccp login` with somebody in a browser who approves it. */
export async function login(stack, { browser, home, org, args = [] } = {}) {
  browser ??= await signInAsDemo(stack);
  let approval;
  const result = await stack.ccp(['login', '--json', ...args], {
    home,
    onLine: (line) => {
      let event;
      try { event = JSON.parse(line); } catch { return; }
      if (event.user_code) approval = decideDevice(browser, event.user_code, { org }).catch((error) => error);
    },
  });
  const outcome = await approval;
  if (outcome instanceof Error) throw outcome;
  if (result.code !== 0) throw new Error(`ccp login: exit ${result.code}\n${result.stdout}\n${result.stderr}`);
  return { browser, result };
}

/** Pays on the sandbox's checkout page. */
export async function pay(checkoutUrl, { card = '4242 4242 4242 4242' } = {}) {
  const browser = new Browser(checkoutUrl);
  await browser.get(checkoutUrl);
  const form = browser.forms().find((f) => Object.keys(f.fields).some((name) => /card|number/i.test(name)));
  if (!form) throw new Error(`no card form on ${checkoutUrl}:\n${browser.html.slice(0, 2000)}`);
  const field = Object.keys(form.fields).find((name) => /card|number/i.test(name));
  await browser.submit(/pay|card/i, { [field]: card });
  return browser;
}

/** `ccp upgrade PRICE` with somebody who pays; resolves when the command says that the plan is active. */
export async function upgrade(stack, price, { home, card, args = [] } = {}) {
  let payment;
  const result = await stack.ccp(['upgrade', price, '--no-browser', '--json', ...args], {
    home,
    onLine: (line) => {
      let event;
      try { event = JSON.parse(line); } catch { return; }
      const url = event.checkout?.url ?? event.checkout_url ?? event.url;
      if (url && !payment) payment = pay(url, { card }).catch((error) => error);
    },
  });
  const outcome = await payment;
  if (outcome instanceof Error) throw outcome;
  return { result, browser: outcome };
}
