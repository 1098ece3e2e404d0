// A real SMTP server receives the sign-in mail over STARTTLS with a login, and nothing in clear text.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { Stack, until } from './support/stack.mjs';
import { Browser } from './support/browser.mjs';

function certificate() {
  const dir = mkdtempSync(join(tmpdir(), 'ccp-mail-'));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')], { stdio: 'ignore' });
  return { dir, key: readFileSync(join(dir, 'key.pem')), cert: readFileSync(join(dir, 'cert.pem')) };
}

async function mailServer(t, options = {}) {
  const tls = certificate();
  const mails = [];
  const server = new SMTPServer({
    key: tls.key, cert: tls.cert, authMethods: ['PLAIN', 'LOGIN'], allowInsecureAuth: false, logger: false, ...options,
    onAuth: (auth, session, done) => (auth.username === 'ccp' && auth.password === 'mail-password' ? done(null, { user: 'ccp' }) : done(new Error('wrong password'))),
    onRcptTo: (address, session, done) => (/bounce/.test(address.address) ? done(Object.assign(new Error('no such user'), { responseCode: 550 })) : done()),
    onData: (stream, session, done) => {
      let text = '';
      stream.on('data', (d) => { text += d; }).on('end', () => { mails.push({ to: session.envelope.rcptTo.map((r) => r.address), secure: session.secure, text }); done(); });
    },
  });
  server.on('error', () => {});
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => { server.close(); rmSync(tls.dir, { recursive: true }); });
  return { mails, port: server.server.address().port, ca: join(tls.dir, 'cert.pem') };
}

const decode = (text) => text.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, h) => String.fromCharCode(parseInt(h, 16)));
const mailSection = (smtp) => `{smtp: "localhost:${smtp.port}", from: login@acme.example, user: ccp, password: {$secret: mail/password}, ca_file: ${smtp.ca}}`;

test('the code of the mail signs in, once', async (t) => {
  const smtp = await mailServer(t);
  const stack = await Stack.start({ mail: mailSection(smtp) });
  t.after(() => stack.stop());
  const browser = new Browser(stack.url);
  await browser.get('/login');
  await browser.submit(/e-?mail/i, { email: 'Ada@Example.com' });
  const mail = await until('the mail', () => smtp.mails[0]);
  assert.deepEqual(mail.to, ['ada@example.com']);
  assert.equal(mail.secure, true);
  const code = /\b([A-Z0-9]{4}-?[A-Z0-9]{4})\b/.exec(decode(mail.text.split('\r\n\r\n').slice(1).join('\n')))[1];
  await browser.submit(/code/i, { code });
  assert.match(browser.html, /action="\/logout"/, 'signed in');
  assert.match(browser.html, /ada@example\.com/);
  assert.ok(!stack.server.output().includes(code), 'the code must not be logged when mail is sent');
});

test('a link of the mail shows a button on GET and works on POST in the same browser only', async (t) => {
  const smtp = await mailServer(t);
  const stack = await Stack.start({ mail: mailSection(smtp) });
  t.after(() => stack.stop());
  const browser = new Browser(stack.url);
  await browser.get('/login');
  await browser.submit(/e-?mail/i, { email: 'bob@example.com' });
  const mail = await until('the mail', () => smtp.mails[0]);
  const link = new RegExp(`${stack.url}/login/[^\\s]+`).exec(decode(mail.text))[0];
  const scanner = new Browser(stack.url);
  await scanner.get(link);
  await scanner.get(link);
  const stranger = new Browser(stack.url);
  await stranger.get(link);
  if (stranger.forms().length) await stranger.submit(/sign in|continue/i).catch(() => {});
  await stranger.get('/dashboard');
  assert.match(stranger.url, /\/login/, 'another browser must not be signed in by the link');
  await browser.get(link);
  await browser.submit(/sign in|continue/i);
  await browser.get('/dashboard');
  assert.doesNotMatch(browser.url, /\/login/);
});

test('a server without STARTTLS gets no mail, and the person gets the same answer', async (t) => {
  const smtp = await mailServer(t, { hideSTARTTLS: true, disabledCommands: ['STARTTLS'] });
  const stack = await Stack.start({ mail: mailSection(smtp) });
  t.after(() => stack.stop());
  const browser = new Browser(stack.url);
  await browser.get('/login');
  await browser.submit(/e-?mail/i, { email: 'eve@example.com' });
  await until('the refusal in the log', () => /STARTTLS/.test(stack.server.output()));
  assert.equal(smtp.mails.length, 0);
});
