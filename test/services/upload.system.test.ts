import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { ClientSecretCredential } from '@azure/identity';
import { serverCertificate } from '../../sandbox/server/certificate-authority.ts';
import { readBlob, uploadBlob, type BlobSource } from '../../services/container-registry/blobs.ts';
import { RegistrySession, type Registry } from '../../services/container-registry/session.ts';
import { startFixture, trust, type Fixture } from '../sandbox/fixture.ts';
import { until } from '../support/until.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { startDockerRegistry, type Upstream } from '../sandbox/upstream.ts';

const MIB = 2 ** 20;
/** Three chunks. */
const CONTENT = randomBytes(40 * MIB);
const DIGEST = `sha256:${createHash('sha256').update(CONTENT).digest('hex')}`;

/** In pieces as a line gives them; `cut`: after so many bytes something else happens. */
const source = (cut?: { at: number; then: () => void }): BlobSource =>
  async function* () {
    for (let at = 0; at < CONTENT.length; at += 50_000) {
      if (cut !== undefined && at >= cut.at) cut.then();
      yield CONTENT.subarray(at, at + 50_000);
    }
  };

describe('a blob’s upload to a registry that forgets what it has not answered', () => {
  let [upstream, sandbox, registry, session] = [] as unknown as [Upstream, Fixture, Registry, RegistrySession];
  let repository = '';
  let tests = 0;
  before(async () => {
    upstream = await startDockerRegistry();
    sandbox = await startFixture(machinesDouble(), (config) => ({ ...config, dockerRegistry: { url: upstream.url } }));
    trust(sandbox.ca);
    const { tenant, clientId, clientSecret } = sandbox.config.azure;
    const credential = new ClientSecretCredential(tenant, clientId, clientSecret, {
      authorityHost: sandbox.azure,
      disableInstanceDiscovery: true,
    });
    const loginServer = `127.0.0.1:${sandbox.config.ports.registry}`;
    registry = { loginServer, credential, audience: 'https://containerregistry.azure.net', ca: sandbox.ca };
    session = new RegistrySession(registry);
  });
  beforeEach(() => {
    repository = `edge/cut-${(tests += 1)}`;
  });
  after(async () => {
    await sandbox?.[Symbol.asyncDispose]();
    await upstream?.[Symbol.asyncDispose]();
  });

  const once = (method: string, more: object) =>
    sandbox.fault({ ...{ route: `${method} /v2/**/blobs/uploads/**`, front: 'registry' }, ...more } as never);

  const ofStep = (step: AbortController) => new RegistrySession({ ...registry, abortSignal: step.signal });
  const faults = () => sandbox.admin<{ id: string; held: string[] }[]>('GET', '/faults');

  /** What is there afterwards, and what was asked for it. */
  async function seen() {
    const pieces: Buffer[] = [];
    for await (const piece of readBlob(session, repository, DIGEST)) pieces.push(piece);
    assert.ok(Buffer.concat(pieces).equals(CONTENT), 'the blob is what was sent');
    const all = await sandbox.admin<{ method: string; path: string; status?: number; bodyBytes: number }[]>(
      'GET',
      '/requests?front=registry',
    );
    const ours = all.filter(({ path, status }) => path.startsWith(`/v2/${repository}/blobs/uploads`) && status !== 401);
    const of = (method: string) => ours.filter((each) => each.method === method);
    const taken = of('PATCH').filter(({ status }) => status === 202);
    return {
      ...{ left: (await uploadsLeft()).length, begun: of('POST').length },
      ...{ committed: of('PUT').length, takenAway: of('DELETE').map(({ status }) => status) },
      bytes: taken.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0),
    };
  }
  /** Bytes of uploads that were neither committed nor given up. */
  const uploadsLeft = async () => {
    const folder = join(upstream.directory, 'data/docker/registry/v2/repositories', repository, '_uploads');
    const paths = await readdir(folder, { recursive: true });
    return paths.filter((path) => path.endsWith('/data'));
  };

  it('sends each byte once', async () => {
    const progress: number[] = [];
    const told = { progress: (bytes: number) => void progress.push(bytes) };
    const sent = await uploadBlob(session, repository, source(), told);
    assert.deepEqual(sent, { digest: DIGEST, size: CONTENT.length });
    assert.deepEqual(await seen(), { left: 0, begun: 1, committed: 1, takenAway: [], bytes: CONTENT.length });
    assert.deepEqual(progress, [16 * MIB, 32 * MIB, 40 * MIB]);
  });

  for (const [where, more] of [
    ['is cut between two chunks', { moment: 'before', action: 'drop' }],
    ['has a chunk refused for a while', { moment: 'before', action: { status: 503, code: 'Busy' } }],
  ] as const)
    it(`goes on where it was when it ${where}`, async () => {
      await once('PATCH', { ...more, skip: 1 });
      assert.equal((await uploadBlob(session, repository, source())).digest, DIGEST);
      assert.deepEqual(await seen(), { left: 0, begun: 1, committed: 1, takenAway: [], bytes: CONTENT.length });
    });

  it('is not committed twice when the answer to the commit is lost', async () => {
    await once('PUT', { moment: 'after', action: 'drop' });
    assert.equal((await uploadBlob(session, repository, source())).digest, DIGEST);
    assert.deepEqual(await seen(), { left: 0, begun: 1, committed: 1, takenAway: [], bytes: CONTENT.length });
  });

  for (const moment of ['during', 'after'])
    it(`begins anew when a chunk is cut ${moment} it; what the registry has of it stays, which answers 404 to whoever takes it away`, async () => {
      await once('PATCH', { moment, action: 'drop', skip: 1 });
      assert.equal((await uploadBlob(session, repository, source())).digest, DIGEST);
      const { left, begun, committed, takenAway } = await seen();
      assert.deepEqual({ left, begun, committed, takenAway }, { left: 1, begun: 2, committed: 1, takenAway: [404] });
    });

  it('is taken away when its step is cancelled in the midst of a chunk', async () => {
    const step = new AbortController();
    const sent = uploadBlob(ofStep(step), repository, source({ at: 20 * MIB, then: () => step.abort() }));
    await assert.rejects(sent, { name: 'AbortError' });
    assert.deepEqual(await uploadsLeft(), []);
  });

  it('is taken away when its step is cancelled while the registry does not answer', async () => {
    const step = new AbortController();
    const id = await once('PATCH', { moment: 'before', action: 'hold', skip: 1 });
    const sent = uploadBlob(ofStep(step), repository, source());
    const held = async () => (await faults()).some((each) => each.id === id && each.held.length > 0);
    await Promise.race([until('a chunk is on its way', held), sent]);
    step.abort();
    await assert.rejects(sent, { name: 'AbortError' });
    assert.deepEqual(await uploadsLeft(), []);
    await sandbox.admin('DELETE', `/faults/${id}`);
  });

  it('fails with the source’s own error, and is taken away', async () => {
    const error = new Error('the model is not what was released');
    const then = () => {
      throw error;
    };
    for (const at of [0, 100_000, 20 * MIB])
      await assert.rejects(uploadBlob(session, repository, source({ at, then })), error);
    assert.deepEqual(await uploadsLeft(), []);
  });
});

it('a blob’s upload goes on from the byte that the registry names', async (context) => {
  for (const cut of [2, 5_000_000, 16 * MIB, 30_000_000]) {
    const { registry, taken } = await startKeeping(context, cut);
    const sent = await uploadBlob(new RegistrySession(registry), 'edge/kept', source());
    assert.deepEqual(sent, { digest: DIGEST, size: CONTENT.length });
    assert.ok(Buffer.concat(taken.pieces).equals(CONTENT), `cut at ${cut}`);
    assert.deepEqual([taken.begun, taken.cuts], [1, 1], 'not a byte was sent twice');
  }
});

interface Taken {
  pieces: Buffer[];
  begun: number;
  cuts: number;
}

/** A registry that keeps each byte it got, of a chunk that was cut too, and cuts the line once after so many. */
async function startKeeping(context: TestContext, cut: number): Promise<{ registry: Registry; taken: Taken }> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-train-registry-'));
  context.after(() => rm(folder, { recursive: true }));
  const ca = join(folder, 'ca.pem');
  const certificate = await serverCertificate({ ca, own: folder }, ['127.0.0.1']);
  const taken: Taken = { pieces: [], begun: 0, cuts: 0 };
  let size = 0;
  const keep = (request: IncomingMessage, response: ServerResponse) => {
    request.on('error', () => {});
    request.on('data', (piece: Buffer) => {
      const kept = taken.cuts === 0 && size + piece.length >= cut ? piece.subarray(0, cut - size) : piece;
      taken.pieces.push(Buffer.from(kept));
      size += kept.length;
      if (taken.cuts > 0 || size < cut) return;
      taken.cuts += 1;
      request.pause();
      request.socket.destroy();
    });
    request.on('end', () => answer(response, 202));
  };
  const answer = (response: ServerResponse, status: number) =>
    response
      .writeHead(status, { location: '/v2/edge/kept/blobs/uploads/1', range: `0-${Math.max(0, size - 1)}` })
      .end();
  const server = createServer(certificate, (request, response) => {
    if (request.method === 'PATCH') return keep(request, response);
    if (request.method === 'POST') taken.begun += 1;
    void text(request).then(() => answer(response, { GET: 204, PUT: 201 }[request.method ?? ''] ?? 202));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => server.close());
  const loginServer = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { registry: { loginServer, audience: '', ca: await readFile(ca, 'utf8') }, taken };
}
