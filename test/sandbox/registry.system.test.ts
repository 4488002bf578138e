import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import {
  ContainerRegistryClient,
  ContainerRegistryContentClient,
  type OciImageManifest,
} from '@azure/container-registry';
import { ClientSecretCredential } from '@azure/identity';
import { send, startFixture, token, trust, type Answer, type Fixture } from './fixture.ts';
import { machinesDouble } from './machines-double.ts';
import { startDockerRegistry, type Upstream } from './upstream.ts';

let upstream: Upstream;
let sandbox: Fixture;
let credential: ClientSecretCredential;
let endpoint: string;

before(async () => {
  upstream = await startDockerRegistry();
  sandbox = await startFixture(machinesDouble(), (config) => ({
    ...config,
    dockerRegistry: { url: upstream.url },
    pullToken: { name: 'puller', password: 'a-repository-token' },
  }));
  trust(sandbox.ca);
  const { tenant, clientId, clientSecret } = sandbox.config.azure;
  credential = new ClientSecretCredential(tenant, clientId, clientSecret, {
    authorityHost: sandbox.azure,
    disableInstanceDiscovery: true,
  });
  endpoint = `https://127.0.0.1:${sandbox.config.ports.registry}`;
});

after(async () => {
  await sandbox[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

describe('the container registry by the official clients', () => {
  it('pushes, lists, pulls and deletes an image', async () => {
    const content = new ContainerRegistryContentClient(endpoint, 'edge/risk', credential);
    const layer = randomBytes(9 * 1024 * 1024);
    const { manifest, digest } = await push(content, layer, 'v1');
    assert.equal((await content.getManifest('v1')).digest, digest);
    const pulled = await content.downloadBlob(manifest.layers[0]!.digest);
    const bytes: Buffer[] = [];
    for await (const chunk of pulled.content) bytes.push(chunk as Buffer);
    assert.ok(Buffer.concat(bytes).equals(layer));

    const registry = new ContainerRegistryClient(endpoint, credential);
    const names: string[] = [];
    for await (const name of registry.listRepositoryNames()) names.push(name);
    assert.deepEqual(names, ['edge/risk']);
    const artifact = registry.getArtifact('edge/risk', 'v1');
    assert.deepEqual((await artifact.getManifestProperties()).tags, ['v1']);
    assert.equal((await artifact.getTagProperties('v1')).digest, digest);
    await artifact.deleteTag('v1');
    await assert.rejects(artifact.getTagProperties('v1'), { statusCode: 404 });
    assert.equal((await content.getManifest(digest)).digest, digest, 'the manifest outlives its tag');
    await registry.deleteRepository('edge/risk');
    await assert.rejects(content.getManifest(digest), { statusCode: 404 });
  });

  it('lists what refers to an image', async () => {
    const content = new ContainerRegistryContentClient(endpoint, 'edge/signed', credential);
    const { digest } = await push(content, randomBytes(10), 'v1');
    const bearer = await accessToken('repository:edge/signed:pull,push');
    const empty = Buffer.from('{}');
    await content.uploadBlob(empty);
    const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha(empty), size: 2 };
    const statement = {
      ...{
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        artifactType: 'application/vnd.test',
      },
      ...{
        config,
        layers: [config],
        subject: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 1 },
      },
    };
    const text = JSON.stringify(statement);
    const put = await send(sandbox.ca, 'PUT', `${endpoint}/v2/edge/signed/manifests/${sha(text)}`, {
      headers: { authorization: bearer, 'content-type': statement.mediaType },
      body: text,
    });
    assert.deepEqual([put.status, put.headers['oci-subject']], [201, digest]);
    const listed = await send(
      sandbox.ca,
      'GET',
      `${endpoint}/v2/edge/signed/referrers/${digest}?artifactType=application/vnd.test`,
      { headers: { authorization: bearer } },
    );
    assert.deepEqual(
      (listed.body as { manifests: { digest: string }[] }).manifests.map((each) => each.digest),
      [sha(text)],
    );
    assert.equal(listed.headers['oci-filters-applied'], 'artifactType');
    const none = await send(sandbox.ca, 'GET', `${endpoint}/v2/edge/signed/referrers/${digest}?artifactType=x`, {
      headers: { authorization: bearer },
    });
    assert.deepEqual((none.body as { manifests: unknown[] }).manifests, []);
    const of = (what: string) => `${endpoint}/v2/edge/signed/referrers/${what}`;
    const ask = async (url: string, authorization: string) =>
      (await send(sandbox.ca, 'GET', url, { headers: { authorization } })).status;
    assert.equal(await ask(of('sha256:0'), bearer), 400);
    assert.equal(await ask(of(digest), await accessToken('repository:edge/other:pull')), 401, 'another repository’s');
    const wrong = JSON.stringify({ ...statement, subject: { ...statement.subject, digest: 'latest' } });
    const refused = await send(sandbox.ca, 'PUT', `${endpoint}/v2/edge/signed/manifests/${sha(wrong)}`, {
      headers: { authorization: bearer, 'content-type': statement.mediaType },
      body: wrong,
    });
    assert.equal(refused.status, 400);
  });

  it('checks scopes by repository, and tokens by kind', async () => {
    const read = await accessToken('repository:edge/signed:pull');
    const tags = (authorization?: string): Promise<Answer> =>
      send(sandbox.ca, 'GET', `${endpoint}/v2/edge/other/tags/list`, {
        headers: authorization ? { authorization } : {},
      });
    const refused = await tags(read);
    assert.equal(refused.status, 401);
    assert.match(
      String(refused.headers['www-authenticate']),
      /scope="repository:edge\/other:pull",error="insufficient_scope"/,
    );
    const upload = await send(sandbox.ca, 'POST', `${endpoint}/v2/edge/signed/blobs/uploads/`, {
      headers: { authorization: read },
    });
    assert.equal(upload.status, 401);
    assert.equal((await tags()).status, 401);
    assert.equal((await tags(`Bearer ${await token(sandbox, 'azure')}`)).status, 401);
  });

  it('lets docker in with a refresh token as its password', async () => {
    const basic = Buffer.from(`00000000-0000-0000-0000-000000000000:${await refreshToken()}`).toString('base64');
    const service = new URL(endpoint).host;
    const got = await send(
      sandbox.ca,
      'GET',
      `${endpoint}/oauth2/token?service=${service}&scope=repository:edge/signed:pull`,
      { headers: { authorization: `Basic ${basic}` } },
    );
    assert.equal(got.status, 200);
    const wrong = Buffer.from('00000000-0000-0000-0000-000000000000:no').toString('base64');
    assert.equal(
      (
        await send(sandbox.ca, 'GET', `${endpoint}/oauth2/token?service=${service}`, {
          headers: { authorization: `Basic ${wrong}` },
        })
      ).status,
      401,
    );
  });

  it('lets a repository token pull, and do nothing else', async () => {
    const ask = async (password: string) => {
      const basic = Buffer.from(`puller:${password}`).toString('base64');
      const query = `service=${new URL(endpoint).host}&scope=repository:edge/signed:pull,push`;
      return send(sandbox.ca, 'GET', `${endpoint}/oauth2/token?${query}`, {
        headers: { authorization: `Basic ${basic}` },
      });
    };
    const authorization = `Bearer ${((await ask('a-repository-token')).body as { access_token: string }).access_token}`;
    const status = async (method: string, path: string) =>
      (await send(sandbox.ca, method, `${endpoint}/v2/edge/signed/${path}`, { headers: { authorization } })).status;
    assert.equal(await status('GET', 'tags/list'), 200);
    assert.equal(await status('POST', 'blobs/uploads/'), 401);
    assert.equal((await ask('another')).status, 401);
  });

  it('cuts a blob in the middle as ordered, and takes it whole the next time', async () => {
    const content = new ContainerRegistryContentClient(endpoint, 'edge/cut', credential, {
      retryOptions: { maxRetries: 0 },
    });
    const id = await sandbox.fault({
      route: 'PATCH /v2/edge/cut/**',
      moment: 'during',
      action: 'drop',
      front: 'registry',
    });
    await assert.rejects(content.uploadBlob(randomBytes(6 * 1024 * 1024)));
    const bytes = randomBytes(6 * 1024 * 1024);
    assert.equal((await content.uploadBlob(bytes)).digest, sha(bytes));
    assert.equal(
      (await sandbox.admin<{ id: string; fired: number }[]>('GET', '/faults')).find((each) => each.id === id)?.fired,
      1,
    );
    const cut = (
      await sandbox.admin<{ method: string; status?: number; path: string }[]>('GET', '/requests?front=registry')
    ).filter(({ method, status }) => method === 'PATCH' && status === undefined);
    assert.equal(cut.length, 1);
  });
});

async function push(
  content: ContainerRegistryContentClient,
  layer: Buffer,
  tag: string,
): Promise<{ manifest: OciImageManifest; digest: string }> {
  const config = Buffer.from('{}');
  for (const blob of [layer, config]) assert.equal((await content.uploadBlob(blob)).digest, sha(blob));
  const manifest: OciImageManifest = {
    schemaVersion: 2,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha(config), size: config.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha(layer), size: layer.length }],
  };
  const { digest } = await content.setManifest(manifest, { tag });
  return { manifest, digest };
}

async function refreshToken(): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'access_token',
    service: new URL(endpoint).host,
    access_token: await token(sandbox, 'azure'),
  });
  const answer = await send(sandbox.ca, 'POST', `${endpoint}/oauth2/exchange`, {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  return (answer.body as { refresh_token: string }).refresh_token;
}

async function accessToken(scope: string): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    service: new URL(endpoint).host,
    scope,
    refresh_token: await refreshToken(),
  });
  const answer = await send(sandbox.ca, 'POST', `${endpoint}/oauth2/token`, {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  return `Bearer ${(answer.body as { access_token: string }).access_token}`;
}

function sha(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
