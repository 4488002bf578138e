import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  ensureContainer,
  findBlob,
  listBlobs,
  openAccount,
  openBlob,
  openContainer,
  putFileIfAbsent,
  putIfAbsent,
  readText,
  replaceText,
  STACK_HUB_VERSION,
  type BlobAccount,
} from '../../services/blob-storage.ts';
import { secret, startFixture, type Fixture } from '../sandbox/fixture.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { startAzurite, type Upstream } from '../sandbox/upstream.ts';

const account = { name: 'sitedata', key: secret() };
let azurite: Upstream;
let fixture: Fixture;
let site: BlobAccount;
let endpoint: string;
const stackHub = () => ({ ca: fixture.ca, apiVersion: STACK_HUB_VERSION });

before(async () => {
  azurite = await startAzurite([account]);
  fixture = await startFixture(machinesDouble(), (config) => ({
    ...config,
    azurite: { url: azurite.url },
    accounts: { ...config.accounts, site: account },
  }));
  endpoint = `https://127.0.0.1:${fixture.config.siteBlob.port}/${account.name}`;
  site = openAccount({ endpoint, key: account.key, ...stackHub() });
  await ensureContainer(site.container('data'));
});
after(async () => {
  await fixture[Symbol.asyncDispose]();
  await azurite[Symbol.asyncDispose]();
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('the site’s blob storage, with Stack Hub’s limits in front', () => {
  it('refuses what the SDK speaks by itself, so the version is really ours', async () => {
    const modern = openAccount({ endpoint, key: account.key, ca: fixture.ca });
    await assert.rejects(putIfAbsent(modern.container('data'), 'x', ''), {
      type: 'RequestRefused',
      message: /InvalidHeaderValue/,
    });
    assert.equal(await findBlob(site.container('data'), 'x'), undefined);
  });

  it('puts what is absent once, and leaves what is there', async () => {
    const container = site.container('data');
    assert.equal(await putIfAbsent(container, 'runs/a b/ü.json', 'first'), true);
    assert.equal(await putIfAbsent(container, 'runs/a b/ü.json', 'second'), false);
    assert.equal(await readText(container, 'runs/a b/ü.json'), 'first');
    await replaceText(container, 'runs/a b/ü.json', '', 'text/plain');
    assert.equal(await readText(container, 'runs/a b/ü.json'), '');
    assert.equal(await readText(container, 'runs/none'), undefined);
    await ensureContainer(container);
  });

  it('one of many writers wins', async () => {
    const container = site.container('data');
    const won = await Promise.all(Array.from({ length: 8 }, (_, i) => putIfAbsent(container, 'race', `writer ${i}`)));
    assert.equal(won.filter(Boolean).length, 1);
  });

  it('puts a file in blocks, once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'edge-train-blob-'));
    const file = join(directory, 'large');
    await writeFile(file, Buffer.alloc(20 * 2 ** 20, 7));
    assert.equal(await putFileIfAbsent(site.container('data'), 'large', file), true);
    assert.equal(await putFileIfAbsent(site.container('data'), 'large', file), false);
    assert.equal((await findBlob(site.container('data'), 'large'))?.bytes, 20 * 2 ** 20);
    await rm(directory, { recursive: true });
  });

  it('lists a folder with sizes and etags, and not its neighbour by prefix', async () => {
    const container = site.container('data');
    for (const path of ['set/a', 'set/b/c', 'settle/d']) await putIfAbsent(container, path, path);
    const found = await collect(listBlobs(container, 'set/'));
    assert.deepEqual(
      found.map(({ path, bytes }) => [path, bytes]),
      [
        ['set/a', 5],
        ['set/b/c', 7],
      ],
    );
    assert.equal(found[0]?.etag, (await findBlob(container, 'set/a'))?.etag);
  });

  it('does not read more than it was told to', async () => {
    await assert.rejects(readText(site.container('data'), 'large', 1024), /20971520 bytes/);
  });
});

describe('a shared access signature', () => {
  it('gives what it says, for this container, and no more', async () => {
    await putIfAbsent(site.container('data'), 'readable', 'rows');
    const { url, expires } = site.sas({ container: 'data', permissions: 'r' });
    const reader = openContainer(url, stackHub());
    assert.equal(await readText(reader, 'readable'), 'rows');
    await assert.rejects(putIfAbsent(reader, 'written', 'x'), { retryable: false });
    await assert.rejects(collect(listBlobs(reader, '')), { retryable: false });
    const parameters = new URL(url).searchParams;
    assert.equal(parameters.get('sv'), STACK_HUB_VERSION);
    assert.equal(Math.round((Date.parse(expires) - Date.parse(parameters.get('st') ?? '')) / 60_000), 75);
  });

  it('of one blob opens no other', async () => {
    await putIfAbsent(site.container('data'), 'other', 'rows');
    const { url } = site.sas({ container: 'data', blob: 'readable', permissions: 'r' });
    assert.equal((await openBlob(url, stackHub()).downloadToBuffer()).toString(), 'rows');
    await assert.rejects(openBlob(url.replace('/readable?', '/other?'), stackHub()).downloadToBuffer());
  });

  it('that has run out says GrantExpired, and shows no signature', async () => {
    const { url } = site.sas({ container: 'data', permissions: 'r', now: new Date(Date.now() - 2 * 3_600_000) });
    await assert.rejects(readText(openContainer(url, stackHub()), 'readable'), (error: Error & { type: string }) => {
      assert.equal(error.type, 'GrantExpired');
      assert.doesNotMatch(error.message, /sig=/);
      return true;
    });
  });
});

describe('faults', () => {
  const blob = 'PUT /sitedata/data/lost';

  it('a lost answer to a put that was committed is found again', async () => {
    await fixture.fault({ route: blob, moment: 'after', action: 'drop', count: 1 });
    assert.equal(await putIfAbsent(site.container('data'), 'lost', 'kept'), false);
    assert.equal(await readText(site.container('data'), 'lost'), 'kept');
  });

  it('a request that its caller gives up is broken off, while the service still holds it', async () => {
    const id = await fixture.fault({ route: 'PUT /sitedata/data/given-up', moment: 'before', action: 'hold' });
    const caller = new AbortController();
    const breakable = openAccount({ endpoint, key: account.key, ...stackHub(), abortSignal: caller.signal });
    const putting = putIfAbsent(breakable.container('data'), 'given-up', 'x');
    const held = async () =>
      (await fixture.admin<{ held: string[] }[]>('GET', '/faults')).some((fault) => fault.held.length > 0);
    while (!(await held())) await new Promise((resolve) => setImmediate(resolve));
    caller.abort();
    await assert.rejects(putting);
    assert.ok(await held(), 'it ended by its caller’s will, not by an answer');
    assert.equal(await findBlob(site.container('data'), 'given-up'), undefined);
    await fixture.admin('DELETE', `/faults/${id}`);
  });

  it('a dead service is a retryable failure that names the place', async () => {
    await fixture.fault({ route: 'PUT /sitedata/data/dead', moment: 'before', action: 'drop', count: 10 });
    await assert.rejects(
      putIfAbsent(site.container('data'), 'dead', 'x'),
      (error: Error & { type: string; retryable: boolean }) => {
        assert.deepEqual([error.type, error.retryable], ['Unreachable', true]);
        assert.match(error.message, /writing https:\/\/127\.0\.0\.1:\d+\/sitedata\/data\/dead/);
        return true;
      },
    );
    await fixture.admin('DELETE', '/faults');
  });

  it('a wrong key, and one that is no key, are told apart from trouble', async () => {
    const wrong = openAccount({ endpoint, key: secret(), ...stackHub() });
    await assert.rejects(findBlob(wrong.container('data'), 'x'), { class: 'policy', retryable: false });
    assert.throws(
      () => openAccount({ endpoint, key: 'hunter2!', ...stackHub() }),
      (error: Error) => !error.message.includes('hunter2'),
    );
    await assert.rejects(findBlob(openAccount({ endpoint, key: account.key }).container('data'), 'x'), {
      type: 'CertificateNotTrusted',
    });
  });
});
