import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { ClientSecretCredential } from '@azure/identity';
import { openAccount, type BlobContainer } from '../../services/blob-storage.ts';
import { RegistrySession } from '../../services/container-registry/session.ts';
import { ServiceError } from '../../services/errors.ts';
import { once } from '../../services/oci-image/base-image.ts';
import { ensureLayers, type WantedLayer } from '../../services/serving-image/layer-memo.ts';
import { startFixture, trust, type Fixture } from '../sandbox/fixture.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { startAzurite, startDockerRegistry, type Upstream } from '../sandbox/upstream.ts';

describe('what is remembered of a layer', () => {
  let [upstream, azurite, sandbox] = [] as unknown as [Upstream, Upstream, Fixture];
  let [session, memos] = [] as unknown as [RegistrySession, BlobContainer];
  before(async () => {
    const account = { name: 'releases', key: randomBytes(32).toString('base64') };
    [upstream, azurite] = await Promise.all([startDockerRegistry(), startAzurite([account])]);
    sandbox = await startFixture(machinesDouble(), (config) => ({
      ...{ ...config, dockerRegistry: { url: upstream.url }, azurite: { url: azurite.url } },
      accounts: { ...config.accounts, release: account },
    }));
    trust(sandbox.ca);
    const { azure, ports } = sandbox.config;
    const credential = new ClientSecretCredential(azure.tenant, azure.clientId, azure.clientSecret, {
      ...{ authorityHost: sandbox.azure, disableInstanceDiscovery: true },
    });
    session = new RegistrySession({
      ...{ loginServer: `127.0.0.1:${ports.registry}`, credential, ca: sandbox.ca },
      audience: 'https://containerregistry.azure.net',
    });
    const endpoint = `https://127.0.0.1:${ports.release}/${account.name}`;
    memos = openAccount({ endpoint, key: account.key, ca: sandbox.ca }).container('edge-train-models');
    await memos.create();
  });
  after(async () => {
    await sandbox?.[Symbol.asyncDispose]();
    await azurite?.[Symbol.asyncDispose]();
    await upstream?.[Symbol.asyncDispose]();
  });

  const ensure = async (repository: string, key: string, content: Buffer) => {
    const wanted: WantedLayer = { key, createdBy: 'a test', withSource: (send) => send(once(content)) };
    const [layer] = await ensureLayers({ session, repository, memos, progress: () => {} }, [wanted]);
    return layer!;
  };
  const fault = (route: string, moment: 'before' | 'after') =>
    sandbox.fault({ route, moment, action: 'drop', front: 'registry' });

  it('is there before the layer is: whoever is lost at the commit does not send it again', async () => {
    const content = randomBytes(1000);
    await fault('PUT /v2/lost/commit/blobs/uploads/*', 'after');
    await fault('HEAD /v2/lost/commit/blobs/*', 'before');
    const isPassing = (error: unknown) => error instanceof ServiceError && error.retryable;
    await assert.rejects(ensure('lost/commit', 'commit', content), isPassing);
    assert.equal((await ensure('lost/commit', 'commit', content)).sent, 0);
  });

  it('does not stand for a layer that was never committed', async () => {
    const content = randomBytes(1000);
    await sandbox.fault({
      ...{ route: 'PUT /v2/never/there/blobs/uploads/*', moment: 'before', front: 'registry' },
      action: { status: 403, code: 'DENIED' },
    });
    await assert.rejects(ensure('never/there', 'never', content), ServiceError);
    assert.equal((await ensure('never/there', 'never', content)).sent, content.length);
  });

  it('is written over where the registry lost the layer: it is sent once, and then mounted from where it is', async () => {
    const content = randomBytes(1000);
    const { digest } = await ensure('moved/first', 'moved', content);
    await session.send({ method: 'DELETE', target: `/v2/moved/first/blobs/${digest}`, accept: [202] });
    assert.equal((await ensure('moved/second', 'moved', content)).sent, content.length);
    assert.equal((await ensure('moved/third', 'moved', content)).sent, 0);
  });
});
