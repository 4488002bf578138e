import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createSecrets } from '../../services/secrets.ts';

let directory: string;
before(async () => void (directory = await mkdtemp(join(tmpdir(), 'edge-train-secrets-'))));
after(() => rm(directory, { recursive: true }));

const refused = { type: 'SecretUnavailable', class: 'policy', retryable: false };

describe('a secret', () => {
  it('is read at every use', async () => {
    const path = join(directory, 'rotated');
    const secrets = createSecrets({ environment: {} });
    await writeFile(path, 'old\n', { mode: 0o600 });
    assert.equal(await secrets.resolve(`file:${path}`), 'old');
    await writeFile(path, 'new\r\n');
    assert.equal(await secrets.resolve(`file:${path}`), 'new');
  });

  it('in a file is refused when everyone may read it, it is no file, empty, large or absent', async () => {
    const secrets = createSecrets({ environment: {} });
    const file = async (name: string, text: string, mode: number) => {
      await writeFile(join(directory, name), text, { mode });
      return `file:${join(directory, name)}`;
    };
    await assert.rejects(secrets.resolve(await file('open', 'hidden', 0o644)), (error: Error) => {
      assert.match(error.message, /everyone.*chmod 600/);
      assert.doesNotMatch(error.message, /hidden/);
      return true;
    });
    await assert.rejects(secrets.resolve(`file:${directory}`), refused);
    await assert.rejects(secrets.resolve(await file('empty', '\n', 0o600)), refused);
    await assert.rejects(secrets.resolve(await file('large', 'x'.repeat(70_000), 0o600)), refused);
    await assert.rejects(secrets.resolve(`file:${join(directory, 'absent')}`), { ...refused, message: /ENOENT/ });
    await symlink('/dev/zero', join(directory, 'zero'));
    await assert.rejects(secrets.resolve(`file:${join(directory, 'zero')}`), refused);
  });

  it('of the environment is the worker’s own, not its prototype’s', async () => {
    const secrets = createSecrets({ environment: { KEY: 'value' } });
    assert.equal(await secrets.resolve('env:KEY'), 'value');
    await assert.rejects(secrets.resolve('env:OTHER'), { ...refused, message: /env:OTHER is not set/ });
    await assert.rejects(secrets.resolve('env:toString'), refused);
  });

  it('written where its reference belongs is refused, and not shown', async () => {
    await assert.rejects(
      createSecrets({ environment: {} }).resolve('hunter2'),
      (error: Error) => !error.message.includes('hunter2'),
    );
  });
});

describe('Key Vault', () => {
  const asked: { url: string; authorization: string | null; scope: string }[] = [];
  const secrets = (answer: () => Response) => {
    let scope = '';
    return createSecrets({
      environment: {},
      keyVaultCredential: {
        getToken: async (scopes) => ((scope = String(scopes)), { token: 'the-token', expiresOnTimestamp: 0 }),
      },
      fetch: async (input, init) => {
        asked.push({ url: String(input), authorization: new Headers(init?.headers).get('authorization'), scope });
        return answer();
      },
    });
  };

  it('is asked for the vault’s own audience, on Azure and on Stack Hub', async () => {
    const found = secrets(() => Response.json({ value: 'kept' }));
    assert.equal(await found.resolve('keyvault:https://demo.vault.azure.net/secrets/key'), 'kept');
    await found.resolve('keyvault:https://demo.vault.local.stack.example/secrets/key/v1');
    assert.deepEqual(
      asked.map(({ scope }) => scope),
      ['https://vault.azure.net/.default', 'https://vault.local.stack.example/.default'],
    );
    assert.equal(asked[0]?.url, 'https://demo.vault.azure.net/secrets/key?api-version=7.0');
    assert.equal(asked[0]?.authorization, 'Bearer the-token');
  });

  it('is asked by whom the caller names, where the worker itself has no credential', async () => {
    const authorizations: (string | null)[] = [];
    const plain = createSecrets({
      environment: {},
      fetch: async (_, init) => {
        authorizations.push(new Headers(init?.headers).get('authorization'));
        return Response.json({ value: 'kept' });
      },
    });
    const callers = { getToken: async () => ({ token: 'the-callers', expiresOnTimestamp: 0 }) };
    assert.equal(await plain.resolve('keyvault:https://demo.vault.azure.net/secrets/key', callers), 'kept');
    assert.deepEqual(authorizations, ['Bearer the-callers']);
  });

  it('says what was refused', async () => {
    const reference = 'keyvault:https://demo.vault.azure.net/secrets/key';
    await assert.rejects(secrets(() => new Response('', { status: 403 })).resolve(reference), {
      type: 'Denied',
      retryable: false,
    });
    await assert.rejects(secrets(() => new Response('', { status: 503 })).resolve(reference), {
      type: 'ServiceUnavailable',
      retryable: true,
    });
    await assert.rejects(secrets(() => Response.json({})).resolve(reference), refused);
    await assert.rejects(createSecrets({ environment: {} }).resolve(reference), refused);
  });
});
