import { readFile } from 'node:fs/promises';
import { mintToken, publicKeySet } from '../services/temporal-token.ts';
import { refused, type CommandError } from './command-error.ts';
import { EXIT_CODE } from './exit-code.ts';

/** `edge-train credential key-set --key ID=FILE`: the JWKS for TEMPORAL_JWT_KEY_SOURCE1. @throws CommandError exit 2 */
export async function printKeySet({ key }: { readonly key: readonly string[] }): Promise<number> {
  const keys = await Promise.all(key.map(readKey));
  process.stdout.write(`${JSON.stringify(orRefuse(() => publicKeySet(keys)))}\n`);
  return EXIT_CODE.done;
}

/** `edge-train credential issue`: a JWT on standard output, and nothing else. @throws CommandError exit 2 */
export async function issueCredential(options: {
  readonly key: string;
  readonly namespace: string;
  readonly subject: string;
  readonly days: string;
}): Promise<number> {
  const days = Number(options.days);
  if (!(days > 0 && days <= 3650)) throw fault('--days', 'is a number of days, at most 3650');
  const { id: keyId, key: signingKey } = await readKey(options.key);
  const { namespace, subject } = options;
  if (namespace === 'temporal-system') throw fault('--namespace', 'temporal-system opens all others');
  const request = { keyId, signingKey, namespace, subject, minutes: days * 1440, now: new Date() };
  const { token } = await mintToken(request).catch((error: Error) => {
    throw fault('--key', error.message);
  });
  process.stdout.write(`${token}\n`);
  return EXIT_CODE.done;
}

async function readKey(given: string): Promise<{ id: string; key: string }> {
  const [, id, file] = /^([^=]+)=(.+)$/.exec(given) ?? [];
  if (id === undefined || file === undefined) throw fault('--key', 'is ID=FILE');
  const key = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw fault('--key', `${file} cannot be read (${error.code ?? 'unknown error'})`);
  });
  return { id, key };
}

function orRefuse<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fault('--key', (error as Error).message);
  }
}

const fault = (path: string, rule: string): CommandError =>
  refused('No credential was made.', [{ path, rule }], 'See: edge-train credential --help');
