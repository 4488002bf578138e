import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import ssh2, { type Client, type ConnectConfig } from 'ssh2';
import { ServiceError, toServiceError } from './errors.ts';

/** All that is offered to a host: no NIST curve, no SHA-1, no CBC. With GCM the MAC goes unused, but must be named. */
export const SSH_ALGORITHMS = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org'],
  serverHostKey: ['ssh-ed25519'],
  cipher: ['aes256-gcm@openssh.com', 'aes128-gcm@openssh.com'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  compress: ['none'],
} satisfies ConnectConfig['algorithms'];

export interface SshTarget {
  /** By which `site.yml: hosts` knows it. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly username: string;
  /** `ssh-ed25519 AAAA…`: what the operator states. */
  readonly hostKeys: readonly string[];
  readonly credential: { readonly privateKey: string } | { readonly password: string };
  readonly signal?: AbortSignal | undefined;
}

export interface SshSession extends Disposable {
  /**
   * Runs a command by the account's login shell. What is secret goes by `input`: the command stands in the host's process list.
   * @throws ServiceError `Unreachable` when the line is cut or the command takes longer; it may go on running there
   */
  run(command: string, options: SshRun): Promise<SshEnd>;
}

export interface SshRun {
  readonly input?: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;
  readonly seconds: number;
}

export interface SshEnd {
  readonly code: number;
  /** The last 64 KiB. */
  readonly stdout: string;
  readonly stderr: string;
}

const HANDSHAKE_MS = 20_000;
const KEPT = 64 * 1024;

/**
 * A session with the host that shows one of the stated keys, and with no other: not a byte of a login goes there.
 * Without ssh2's native binding, which an install script would build, node:crypto does AES-GCM.
 * @throws ServiceError `HostKeyChanged`, `LoginRefused`, `NoCommonAlgorithm` (policy, never retried), `Unreachable` (network)
 */
export async function openSsh(target: SshTarget): Promise<SshSession> {
  const { signal } = target;
  const client = new ssh2.Client();
  const cut = () => void client.destroy();
  const close = () => {
    signal?.removeEventListener('abort', cut);
    client.destroy();
  };
  signal?.addEventListener('abort', cut, { once: true });
  const stated = target.hostKeys.map((line) => line.split(' ')[1]);
  let stranger: Buffer | undefined;
  // It answers at once, with a literal false: ssh2 takes a promise of false for a yes.
  const hostVerifier = (shown: Buffer): boolean => {
    const known = stated.includes(shown.toString('base64'));
    if (!known) stranger = shown;
    return known;
  };
  try {
    await connected(client, { ...connection(target), ...login(client, target), hostVerifier }, signal);
  } catch (error) {
    close();
    throw stranger ? keyChanged(target, stranger) : refusal(target, error);
  }
  return { run: (command, options) => run(client, target, command, options), [Symbol.dispose]: close };
}

function connection({ address, port, username }: SshTarget): ConnectConfig {
  return {
    ...{ host: address, port, username },
    algorithms: SSH_ALGORITHMS,
    readyTimeout: HANDSHAKE_MS,
    keepaliveInterval: 10_000,
    keepaliveCountMax: 3,
  };
}

/** No way but the stated one is tried. @throws ServiceError `CredentialRefused` */
function login(client: Client, { name, credential }: SshTarget): ConnectConfig {
  if ('password' in credential) {
    const { password } = credential;
    // PAM asks for it as a question whose answer is not shown.
    client.on('keyboard-interactive', (_name, _text, _language, questions, answer) =>
      answer(questions.map(({ echo }) => (echo ? '' : password))),
    );
    return { password, tryKeyboard: true, authHandler: ['password', 'keyboard-interactive'] };
  }
  const key = ssh2.utils.parseKey(credential.privateKey);
  if (!(key instanceof Error) && key.type === 'ssh-ed25519')
    return { privateKey: credential.privateKey, authHandler: ['publickey'] };
  throw new ServiceError({
    class: 'policy',
    type: 'CredentialRefused',
    cause: `hosts.${name}.privateKey is no ed25519 key without a passphrase in OpenSSH’s form.`,
    nextStep:
      'Make one with: ssh-keygen -t ed25519 -N "" -f FILE; put FILE.pub into the account’s authorized_keys on the host.',
    retryable: false,
  });
}

async function connected(client: Client, config: ConnectConfig, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve).on('error', reject);
    client.once('close', () => reject(new Error('the connection was closed')));
    client.once('connect', () => client.setNoDelay(true));
    client.connect(config);
    if (signal?.aborted) client.destroy();
  });
}

async function run(client: Client, target: SshTarget, command: string, { input = [], seconds }: SshRun) {
  const { promise, resolve, reject } = Promise.withResolvers<SshEnd>();
  const cut = (why: string) => reject(unreachable(target, why));
  const closed = () => cut('the connection was cut while a command ran');
  const timer = setTimeout(() => {
    cut(`a command took longer than ${seconds} seconds`);
    client.destroy();
  }, seconds * 1000);
  client.once('close', closed);
  client.exec(command, (error, channel) => {
    if (error) return cut(error.message);
    const [stdout, stderr] = [tail(channel), tail(channel.stderr)];
    channel.once('close', (code: number | null | undefined) => {
      // Ended by a signal, as by the shell's own account of it.
      if (code === undefined) closed();
      else resolve({ code: code ?? 128, stdout: stdout(), stderr: stderr() });
    });
    // Where the command ends before it has read all, its exit code says what there is to say.
    pipeline(Readable.from(input, { objectMode: false, highWaterMark: 2 ** 20 }), channel, { end: true }).catch(
      () => {},
    );
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    client.off('close', closed);
  }
}

function tail(stream: NodeJS.ReadableStream): () => string {
  let kept = '';
  stream.on('data', (chunk: Buffer) => (kept = (kept + chunk.toString()).slice(-KEPT)));
  return () => kept;
}

const fingerprint = (blob: Buffer): string =>
  `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;

function keyChanged({ name, address, port, hostKeys }: SshTarget, shown: Buffer): ServiceError {
  const stated = hostKeys.map((line) => fingerprint(Buffer.from(line.split(' ')[1] ?? '', 'base64')));
  return new ServiceError({
    class: 'policy',
    type: 'HostKeyChanged',
    cause: `${address} port ${port} shows the SSH host key ${fingerprint(shown)}, and site.yml states ${stated.join(' or ')} for the host ${name}. Nothing was sent there.`,
    nextStep: `On the host’s own console run: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub. If it prints the key that was shown, put that file’s line into hosts.${name}.hostKeys of site.yml and start the run again. If not, something else answers at that address: find out what.`,
    retryable: false,
  });
}

function refusal(target: SshTarget, error: unknown): ServiceError {
  const { name, username } = target;
  const { level, message } = error as { level?: string; message: string };
  if (error instanceof ServiceError) return error;
  if (level === 'client-authentication') {
    return new ServiceError({
      class: 'policy',
      type: 'LoginRefused',
      cause: `The host ${name} does not let ${username} in with what site.yml refers to.`,
      nextStep: `Correct hosts.${name}.username and its privateKey or password, or let that account in on the host (authorized_keys; sshd_config).`,
      retryable: false,
    });
  }
  if (/no matching/.test(message)) {
    return new ServiceError({
      class: 'policy',
      type: 'NoCommonAlgorithm',
      cause: `The host ${name} offers no SSH algorithms that edge-train takes: ${message}.`,
      nextStep:
        'Let its sshd offer curve25519-sha256, an ed25519 host key, and aes256-gcm@openssh.com or aes128-gcm@openssh.com.',
      retryable: false,
    });
  }
  return unreachable(target, message, error);
}

function unreachable({ name, address, port }: SshTarget, why: string, error?: unknown): ServiceError {
  const known = error === undefined ? undefined : toServiceError(error, `SSH to the host ${name}`);
  if (known && known.type !== 'Unexpected') return known;
  return new ServiceError({
    class: 'network',
    type: 'Unreachable',
    cause: `SSH to the host ${name} (${address} port ${port}): ${why}.`,
    nextStep: `Check hosts.${name}.address and port in site.yml, that sshd runs there, and that this worker may reach it; it is tried again.`,
    retryable: true,
  });
}
