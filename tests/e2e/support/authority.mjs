// A certificate authority for tests, made with the openssl command; and programs run to their end.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });

export class Authority {
  constructor(dir, name) {
    this.dir = dir;
    this.name = name;
    this.certFile = join(dir, `${name}.ca.pem`);
    this.keyFile = join(dir, `${name}.ca.key`);
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
      '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-keyout', this.keyFile, '-out', this.certFile);
    this.cert = readFileSync(this.certFile);
  }
  /** Files of a certificate and its key on P-256. */
  issue(name, { names = '', usage = 'serverAuth', days = 30 } = {}) {
    const file = (kind) => join(this.dir, `${this.name}.${name}.${kind}`);
    writeFileSync(file('ext'), `basicConstraints=critical,CA:FALSE\nextendedKeyUsage=${usage}\n${names ? `subjectAltName=${names}\n` : ''}`);
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/O=Acme/CN=${name}`, '-keyout', file('key'), '-out', file('csr'));
    openssl('x509', '-req', '-in', file('csr'), '-CA', this.certFile, '-CAkey', this.keyFile, '-CAcreateserial', '-days', String(days), '-extfile', file('ext'), '-out', file('cert'));
    return { cert: file('cert'), key: file('key') };
  }
}

/** A program with `input` on stdin, closed after `keepOpen` milliseconds; {code, text} of both outputs. */
export function run(command, args, { input = '', keepOpen = 0, timeout = 30_000 } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let text = '';
    const late = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.on('error', fail);
    child.stdin.on('error', () => {});
    child.stdout.on('data', (d) => { text += d; });
    child.stderr.on('data', (d) => { text += d; });
    child.on('close', (code) => { clearTimeout(late); done({ code, text }); });
    child.stdin.write(input);
    setTimeout(() => child.stdin.end(), keepOpen);
  });
}
