import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import ssh2 from 'ssh2';
import { ServiceError } from '../../services/errors.ts';
import { openSsh, SSH_ALGORITHMS } from '../../services/ssh.ts';

const WHEEL = join(import.meta.dirname, '../../.tools/ssh-audit.whl');
const HOST_KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)}`;
const FAILURES = 3;

/** ssh-audit as a server that judges what a client offers. `dial` is asked again while nobody listens yet. */
async function audit(dial: (port: number) => Promise<unknown>): Promise<{ code: number | null; report: string }> {
  const port = await freePort();
  const program = spawn('python3', ['-m', 'ssh_audit', '--no-colors', '-c', '-p', String(port), '-t', '120'], {
    env: { ...process.env, PYTHONPATH: WHEEL },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let report = '';
  program.stdout.on('data', (chunk: Buffer) => (report += chunk.toString()));
  program.stderr.on('data', (chunk: Buffer) => (report += chunk.toString()));
  const exit = new Promise<number | null>((resolve) => program.once('close', resolve));
  while (program.exitCode === null && /ECONNREFUSED/.test(String(await dial(port).catch((error: unknown) => error))));
  return { code: await exit, report };
}

test('ssh-audit finds no fail in what our side offers', { timeout: 180_000 }, async () => {
  const credential = { password: 'never sent' };
  const target = { name: 'audit', address: '127.0.0.1', username: 'nobody', hostKeys: [HOST_KEY], credential };
  const { code, report } = await audit((port) => openSsh({ ...target, port }));
  assert.match(report, /\(kex\) curve25519-sha256 /);
  assert.match(report, /\(enc\) aes256-gcm@openssh\.com/);
  assert.match(report, /kex-strict-c-v00@openssh\.com/, 'strict key exchange, against Terrapin');
  assert.doesNotMatch(report, /\[fail\]/);
  assert.ok(code !== null && code < FAILURES && code !== 1, `exit code ${code}\n${report}`);
});

test('ssh-audit would find one: what the library offers by itself has several', { timeout: 180_000 }, async () => {
  const { code, report } = await audit(
    (port) =>
      new Promise((_, reject) => {
        const client = new ssh2.Client().once('error', reject).once('close', () => reject(new Error('closed')));
        client.connect({ host: '127.0.0.1', port, username: 'nobody', password: 'never sent' });
      }),
  );
  assert.match(report, /\[fail\]/);
  assert.equal(code, FAILURES);
});

test('a server that offers none of ours is refused for good, and told so', async () => {
  const hostKeys = [ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private];
  const server = new ssh2.Server({ hostKeys }, (client) => client.on('error', () => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const credential = { password: 'never sent' };
  const target = { name: 'old', address: '127.0.0.1', port, username: 'nobody', hostKeys: [HOST_KEY], credential };
  await assert.rejects(openSsh(target), (error) => {
    assert.ok(error instanceof ServiceError);
    assert.deepEqual([error.type, error.class, error.retryable], ['NoCommonAlgorithm', 'policy', false]);
    assert.match(error.nextStep, /ed25519 host key/);
    return true;
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

test('a server with another key than the stated is refused before anybody logs in', async () => {
  const { private: hostKey } = ssh2.utils.generateKeyPairSync('ed25519');
  let asked = 0;
  const server = new ssh2.Server({ hostKeys: [hostKey], algorithms: SSH_ALGORITHMS }, (client) => {
    client
      .on('error', () => {})
      .on('authentication', (context) => {
        asked++;
        context.accept();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const credential = { password: 'never sent' };
  const target = { name: 'other', address: '127.0.0.1', port, username: 'nobody', hostKeys: [HOST_KEY], credential };
  await assert.rejects(openSsh(target), { type: 'HostKeyChanged', class: 'policy', retryable: false });
  assert.equal(asked, 0);
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

test('a host that takes the password only as PAM asks for it, lets us in; a command that hangs is cut', async () => {
  const { private: hostKey, public: line } = ssh2.utils.generateKeyPairSync('ed25519');
  const server = new ssh2.Server({ hostKeys: [hostKey], algorithms: SSH_ALGORITHMS }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (context) => {
      if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
      context.prompt([{ prompt: 'Password: ', echo: false }], ([answer]) =>
        answer === 'by question' ? context.accept() : context.reject(),
      );
    });
    client.on('session', (accept) => accept().on('exec', (start) => void start()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const target = { name: 'pam', address: '127.0.0.1', port, username: 'nobody', hostKeys: [line] };
  using session = await openSsh({ ...target, credential: { password: 'by question' } });
  await assert.rejects(session.run('hang', { seconds: 0.2 }), {
    type: 'Unreachable',
    retryable: true,
    message: /took longer than 0\.2 seconds/,
  });
  await assert.rejects(openSsh({ ...target, credential: { password: 'another' } }), { type: 'LoginRefused' });
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
