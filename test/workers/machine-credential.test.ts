import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { CredentialKeeper, readCredential, type CredentialPlaces } from '../../workers/machine-credential.ts';

let folder: string;
let places: CredentialPlaces;
let used: string[];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-train-credential-'));
  places = { config: join(folder, 'none'), installed: join(folder, 'installed'), renewed: join(folder, 'renewed') };
});
after(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  used = [];
  for (const path of [places.installed, places.renewed]) await rm(path, { force: true });
});

const at = (second: number) => ({
  ...{ token: `token-${second}`, issued: new Date(second * 1000).toISOString() },
  expires: '2030-01-01T00:00:00.000Z',
});
const keeper = (token?: string) => new CredentialKeeper(places, token, async (next) => void used.push(next));

describe('a VM’s worker', () => {
  it('takes up a new credential at once, and keeps it for the next start', async () => {
    await keeper('token-1').take(at(2));
    assert.deepEqual(used, ['token-2']);
    assert.deepEqual(await readCredential(places), at(2));
    assert.equal((await stat(places.renewed)).mode & 0o777, 0o600);
  });

  it('takes the same one up once, and leaves one that was issued before', async () => {
    const one = keeper();
    await one.take(at(5));
    await one.take(at(5));
    await one.take(at(4));
    assert.deepEqual(used, ['token-5']);
    assert.deepEqual(JSON.parse(await readFile(places.renewed, 'utf8')), at(5));
  });

  it('sees what root, or another worker of the VM, has put there since', async () => {
    const one = keeper('token-1');
    await one.take(at(2));
    await writeFile(places.installed, JSON.stringify(at(3)));
    await one.refresh();
    await one.refresh();
    assert.deepEqual(used, ['token-2', 'token-3']);
  });

  it('is not disturbed by a file that is half written', async () => {
    const one = keeper('token-1');
    await writeFile(places.installed, '{"token":');
    await one.refresh();
    assert.deepEqual(used, []);
  });

  it('tries again a credential that the connection did not take', async () => {
    const one = new CredentialKeeper(places, undefined, async (next) => {
      used.push(next);
      if (used.length === 1) throw new Error('not now');
    });
    await assert.rejects(one.take(at(2)));
    await one.refresh();
    assert.deepEqual(used, ['token-2', 'token-2']);
  });
});
