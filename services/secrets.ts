import { open } from 'node:fs/promises';
import type { TokenCredential } from '@azure/core-auth';
import { SecretReference } from '../domain/secret.ts';
import { ServiceError, toServiceError } from './errors.ts';

/** Turns a reference into the secret. Nothing is kept: a secret that was rotated is the new one at the next attempt. */
export interface Secrets {
  /** `keyVault`: who asks Key Vault, where that is not who asks for all of them. */
  resolve(reference: SecretReference, keyVault?: TokenCredential): Promise<string>;
}

export interface SecretSources {
  /** Where `env:` looks. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Who asks Key Vault; absent: `keyvault:` is refused. */
  keyVaultCredential?: TokenCredential;
  fetch?: typeof fetch;
}

const MAX_BYTES = 64 * 1024;

export function createSecrets(sources: SecretSources): Secrets {
  return {
    async resolve(reference, keyVault = sources.keyVaultCredential) {
      if (!SecretReference.safeParse(reference).success) {
        throw unavailable('a reference', 'is none of env:NAME, file:/PATH, keyvault:https://VAULT/secrets/NAME');
      }
      const [kind, name] = split(reference);
      const secret =
        kind === 'env'
          ? fromEnvironment(sources, name)
          : kind === 'file'
            ? await fromFile(name)
            : await fromKeyVault({ ...sources, ...(keyVault ? { keyVaultCredential: keyVault } : {}) }, name);
      if (secret === '') throw unavailable(reference, 'is empty');
      return secret;
    },
  };
}

function split(reference: string): [string, string] {
  const colon = reference.indexOf(':');
  return [reference.slice(0, colon), reference.slice(colon + 1)];
}

function fromEnvironment(sources: SecretSources, name: string): string {
  const value = Object.hasOwn(sources.environment, name) ? sources.environment[name] : undefined;
  if (value === undefined) throw unavailable(`env:${name}`, 'is not set in the worker’s environment');
  return value;
}

/** The opened file is the one that is checked, so that it cannot be swapped in between. Others must not read it. */
async function fromFile(path: string): Promise<string> {
  const reference = `file:${path}`;
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw unavailable(reference, `cannot be opened (${error.code ?? 'unknown error'})`);
  });
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw unavailable(reference, 'is not a regular file');
    if ((status.mode & 0o007) !== 0)
      throw unavailable(reference, `can be read or changed by everyone: chmod 600 ${path}`);
    if (status.size > MAX_BYTES) throw unavailable(reference, `is larger than ${MAX_BYTES} bytes`);
    return (await handle.readFile('utf8')).replace(/\r?\n$/, '');
  } finally {
    await handle.close();
  }
}

/**
 * `GET {vault}/secrets/{name}[/{version}]?api-version=7.0`, which Stack Hub's Key Vault speaks too. The token's scope is the
 * vault's own domain, so what another host were sent would be of no use at Azure's.
 */
async function fromKeyVault(sources: SecretSources, address: string): Promise<string> {
  const reference = `keyvault:${address}`;
  const url = new URL(address);
  if (!sources.keyVaultCredential)
    throw unavailable(reference, 'needs a Key Vault credential, and this worker has none');
  const domain = url.hostname.split('.').slice(1).join('.');
  if (!domain) throw unavailable(reference, 'names no vault: its host is VAULT.vault.DOMAIN');
  try {
    const token = await sources.keyVaultCredential.getToken(`https://${domain}/.default`);
    url.searchParams.set('api-version', '7.0');
    const response = await (sources.fetch ?? fetch)(url, {
      headers: { authorization: `Bearer ${token?.token ?? ''}`, accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(30_000),
    });
    if (!response.ok)
      throw Object.assign(new Error(`Key Vault answered ${response.status}`), { status: response.status });
    const { value } = (await response.json()) as { value?: unknown };
    if (typeof value !== 'string') throw unavailable(reference, 'has no value in Key Vault’s answer');
    return value;
  } catch (error) {
    throw toServiceError(error, `reading the secret ${reference}`);
  }
}

function unavailable(reference: string, why: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'SecretUnavailable',
    cause: `The secret ${reference} ${why}.`,
    nextStep: 'Put the secret where the configuration says, or correct the reference; it is read anew at each attempt.',
    retryable: false,
  });
}
