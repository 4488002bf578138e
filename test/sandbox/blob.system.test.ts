import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import {
  BlobServiceClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  newPipeline,
  StorageSharedKeyCredential,
  type RequestPolicy,
} from '@azure/storage-blob';
import { send, startFixture, trust, type Fixture } from './fixture.ts';
import { machinesDouble } from './machines-double.ts';
import { startAzurite, type Upstream } from './upstream.ts';

let azurite: Upstream;
let sandbox: Fixture;

before(async () => {
  const accounts = {
    site: { name: 'sitedata', key: randomBytes(32).toString('base64') },
    release: { name: 'releases', key: randomBytes(32).toString('base64') },
  };
  azurite = await startAzurite(Object.values(accounts));
  sandbox = await startFixture(machinesDouble(), (config) => ({ ...config, accounts, azurite: { url: azurite.url } }));
  trust(sandbox.ca);
});

after(async () => {
  await sandbox[Symbol.asyncDispose]();
  await azurite[Symbol.asyncDispose]();
});

describe('blobs by the official client', () => {
  it('serves the site account up to the version of Stack Hub', async () => {
    const old = siteClient('2019-07-07');
    const container = old.getContainerClient('data');
    await container.create();
    const bytes = randomBytes(3 * 1024 * 1024);
    const blob = container.getBlockBlobClient('a/b.bin');
    await blob.uploadData(bytes, { blockSize: 1024 * 1024, maxSingleShotSize: 1024 });
    assert.ok((await blob.downloadToBuffer()).equals(bytes));
    const names: string[] = [];
    for await (const { name } of container.listBlobsFlat()) names.push(name);
    assert.deepEqual(names, ['a/b.bin']);

    await assert.rejects(siteClient().getContainerClient('data').getProperties(), { statusCode: 400 });
    await assert.rejects(siteClient().getContainerClient('other').create(), { code: 'InvalidHeaderValue' });
    await assert.rejects(blob.setTags({ a: 'b' }), { statusCode: 400 });
    await assert.rejects(blob.setAccessTier('Cool'), { statusCode: 400 });
    await assert.rejects(container.getBlockBlobClient('x'.repeat(881)).upload('a', 1), { code: 'OutOfRangeInput' });
  });

  it('takes a SAS of an old version, and refuses a newer one', async () => {
    const { name, key } = sandbox.config.accounts.site;
    const url = (version: string) => {
      const permissions = ContainerSASPermissions.parse('r');
      const sas = generateBlobSASQueryParameters(
        { containerName: 'data', blobName: 'a/b.bin', permissions, expiresOn: new Date(Date.now() + 60_000), version },
        new StorageSharedKeyCredential(name, key),
      );
      return `${siteOrigin()}/${name}/data/a/b.bin?${sas.toString()}`;
    };
    const range = { headers: { range: 'bytes=0-9' } };
    assert.equal((await send(sandbox.ca, 'GET', url('2019-07-07'), range)).status, 206);
    const newer = await send(sandbox.ca, 'GET', url('2020-08-04'), range);
    assert.equal(newer.status, 400);
    assert.match(String(newer.body), /<QueryParameterName>sv</);
    const audit = await sandbox.admin<{ path: string }[]>('GET', '/requests?front=site-blob');
    assert.ok(
      audit.some(({ path }) => path.includes('sig=REDACTED')) &&
        !audit.some(({ path }) => /sig=(?!REDACTED)/.test(path)),
    );
  });

  it('serves the release account in any version, and each account at its own front only', async () => {
    const { name, key } = sandbox.config.accounts.release;
    const origin = `https://127.0.0.1:${sandbox.config.ports.release}`;
    const service = new BlobServiceClient(`${origin}/${name}`, new StorageSharedKeyCredential(name, key));
    const container = service.getContainerClient('models');
    await container.create();
    const source = container.getBlockBlobClient('in/model');
    await source.upload('weights', 7);
    const moved = container.getBlockBlobClient('kept/model');
    await moved.syncCopyFromURL(
      source.url +
        '?' +
        generateBlobSASQueryParameters(
          {
            containerName: 'models',
            blobName: 'in/model',
            permissions: ContainerSASPermissions.parse('r'),
            expiresOn: new Date(Date.now() + 60_000),
          },
          new StorageSharedKeyCredential(name, key),
        ).toString(),
    );
    assert.equal((await moved.downloadToBuffer()).toString(), 'weights');
    const foreign = await send(sandbox.ca, 'GET', `${origin}/${sandbox.config.accounts.site.name}/data/a/b.bin`);
    assert.equal(foreign.status, 400);
    const uploads = await sandbox.admin<{ method: string; body?: string }[]>('GET', '/requests?front=release-blob');
    assert.ok(
      uploads.some(({ method, body }) => method === 'PUT' && body === 'weights'),
      'what goes to the cloud is on record',
    );
  });

  it('loses an answer after the upload is committed, and answers 503 as ordered', async () => {
    const { name, key } = sandbox.config.accounts.release;
    const pipeline = newPipeline(new StorageSharedKeyCredential(name, key), { retryOptions: { maxTries: 1 } });
    const container = new BlobServiceClient(
      `https://127.0.0.1:${sandbox.config.ports.release}/${name}`,
      pipeline,
    ).getContainerClient('models');
    await sandbox.fault({ route: 'PUT /releases/models/lost', moment: 'after', action: 'drop' });
    await assert.rejects(container.getBlockBlobClient('lost').upload('x', 1));
    assert.equal(await container.getBlockBlobClient('lost').exists(), true);
    await sandbox.fault({
      route: 'HEAD /releases/models/lost',
      moment: 'before',
      action: { status: 503, code: 'ServerBusy' },
    });
    await assert.rejects(container.getBlockBlobClient('lost').getProperties(), { statusCode: 503 });
    await sandbox.fault({ route: 'GET /releases/models/lost', moment: 'during', action: 'drop' });
    await assert.rejects(
      container.getBlockBlobClient('lost').downloadToBuffer(0, undefined, { maxRetryRequestsPerBlock: 0 }),
    );
    assert.equal((await container.getBlockBlobClient('lost').downloadToBuffer()).toString(), 'x');
  });
});

function siteOrigin(): string {
  return `https://${sandbox.config.siteBlob.address}:${sandbox.config.siteBlob.port}`;
}

/** The client with its version as it is, or forced to an older one before it signs. */
function siteClient(version?: string): BlobServiceClient {
  const { name, key } = sandbox.config.accounts.site;
  const pipeline = newPipeline(new StorageSharedKeyCredential(name, key), { retryOptions: { maxTries: 1 } });
  if (version) {
    pipeline.factories.unshift({
      create: (next: RequestPolicy) => ({
        sendRequest: (request) => {
          request.headers.set('x-ms-version', version);
          return next.sendRequest(request);
        },
      }),
    });
  }
  return new BlobServiceClient(`${siteOrigin()}/${name}`, pipeline);
}
