import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ClientSecretCredential } from '@azure/identity';
import type { ContainerImage, Evidence, ModelVersion } from '../../domain/model-version.ts';
import type { Receipt } from '../../domain/statement.ts';
import { openAccount, type BlobContainer } from '../../services/blob-storage.ts';
import { attachAll } from '../../services/container-registry/attach.ts';
import { uploadBlob } from '../../services/container-registry/blobs.ts';
import { sessionReader, type ImageReader } from '../../services/container-registry/content.ts';
import { putManifest } from '../../services/container-registry/manifests.ts';
import { listReferrers } from '../../services/container-registry/referrers.ts';
import { RegistrySession, type Registry } from '../../services/container-registry/session.ts';
import { attestImage } from '../../services/image-trust/attest-image.ts';
import { PREDICATE_ANNOTATION } from '../../services/image-trust/sigstore-bundle.ts';
import { assembleImage, digestOf, type ImageConfig, type ImageManifest } from '../../services/oci-image/image.ts';
import { writeTar } from '../../services/oci-image/tar.ts';
import { MODEL_FOLDER } from '../../services/serving-image/model-layer.ts';
import { generateSigningKey } from '../../services/signing.ts';
import { evidenceOf, modelFiles, receiptKey, receiptOf } from '../cloud/cloud.ts';
import { startFixture, trust, type Fixture } from '../sandbox/fixture.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { startAzurite, startDockerRegistry } from '../sandbox/upstream.ts';
import { tar } from './layers.ts';

/** A registry behind the sandbox's front, and a container for what is remembered. */
export interface TestRegistry extends AsyncDisposable {
  readonly fixture: Fixture;
  readonly registry: Registry;
  readonly memos: BlobContainer;
  /** Where docker-registry keeps a blob or a manifest. */
  stored(digest: string): string;
}

/** A repository token of the registry. */
export const PULL_TOKEN = { name: 'puller', password: 'a-repository-token' };

export async function startRegistry({ referrers = true } = {}): Promise<TestRegistry> {
  const account = { name: 'releases', key: Buffer.alloc(64, 7).toString('base64') };
  const [upstream, azurite] = await Promise.all([startDockerRegistry(), startAzurite([account])]);
  const fixture = await startFixture(machinesDouble(), (config) => ({
    ...config,
    dockerRegistry: { url: upstream.url, referrers },
    pullToken: PULL_TOKEN,
  }));
  trust(fixture.ca);
  const { tenant, clientId, clientSecret } = fixture.config.azure;
  const credential = new ClientSecretCredential(tenant, clientId, clientSecret, {
    authorityHost: fixture.azure,
    disableInstanceDiscovery: true,
  });
  const loginServer = `127.0.0.1:${fixture.config.ports.registry}`;
  const memos = openAccount({ endpoint: `${azurite.url}/${account.name}`, key: account.key }).container('models');
  await memos.createIfNotExists();
  return {
    ...{ fixture, memos },
    stored: (digest) => {
      const hex = digest.replace(/^sha256:/, '');
      return join(upstream.directory, 'data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    },
    registry: { loginServer, credential, audience: 'https://containerregistry.azure.net', ca: fixture.ca },
    [Symbol.asyncDispose]: async () => {
      await fixture[Symbol.asyncDispose]();
      await Promise.all([upstream[Symbol.asyncDispose](), azurite[Symbol.asyncDispose]()]);
    },
  };
}

/** A CONNECT proxy on loopback. */
export async function startUplink(t: TestContext): Promise<string> {
  const proxy = createServer().on('connect', ({ url = '' }, socket: Socket, head) => {
    const { hostname, port } = new URL(`http://${url}`);
    const onward = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const each of [onward, socket]) each.on('error', () => [onward, socket].forEach((it) => it.destroy()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => void proxy.close());
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

/** What the images of these tests are said to be made from. */
export const [BASE_DIGEST, LOCK, CODE] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)];

export const signingKey = generateSigningKey();

/** An image as buildServingImage makes one, of small layers; all that attestImage needs to know of it. */
export interface TestImage {
  readonly image: ContainerImage;
  readonly version: ModelVersion;
  readonly evidence: Evidence;
  readonly receipt: Receipt;
}

export async function pushServingImage(
  { registry }: TestRegistry,
  {
    repository,
    changed = false,
    number = 1,
    job = '0123456789abcdef0123',
  }: { repository: string; changed?: boolean; number?: number; job?: string },
): Promise<TestImage> {
  const files = await modelFiles();
  const evidence = evidenceOf(files, { job, code: { digest: CODE, bytes: 3, files: 1 } });
  const served = files.map((file, index) =>
    changed && index === 0 ? { ...file, content: flipped(file.content) } : file,
  );
  const session = new RegistrySession(registry);
  const push = (content: Buffer) =>
    uploadBlob(session, repository, async function* () {
      yield content;
    });
  const base = gzipSync(tar(...BASE));
  const layers = [
    await push(tar(...PACKAGES)),
    await push(tar({ name: 'opt/edge-train/score.py', content: 'def init(): pass\n' })),
    await push(await modelLayer(served)),
  ];
  const below = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...(await push(base)) };
  const { config, manifest } = assembleImage({
    base: {
      manifest: { layers: [below] } as unknown as ImageManifest,
      config: { rootfs: { type: 'layers', diff_ids: [digestOf(tar(...BASE))] } } as unknown as ImageConfig,
    },
    platform: { os: 'linux', architecture: 'amd64' },
    layers: layers.map((layer) => ({ ...layer, createdBy: 'test' })),
    config: { Labels: { 'dev.edge-train.packages': LOCK } },
    annotations: { 'org.opencontainers.image.base.digest': `sha256:${BASE_DIGEST}` },
  });
  await push(config);
  const tag = `v${number}`;
  const { digest } = await putManifest(registry, { repository, tag, content: manifest });
  const version: ModelVersion = {
    ...{ name: evidence.plan.model.name, version: number, resourceId: '/models', modelUri: 'azureml://models' },
    ...{ type: 'mlflow_model', tags: {} },
  };
  return {
    image: { registry: registry.loginServer, repository, tag, digest, uploadedBytes: 0 },
    ...{ version, evidence, receipt: receiptOf(evidence) },
  };
}

export const readerOf = ({ registry }: TestRegistry, repository: string): ImageReader =>
  sessionReader(new RegistrySession(registry), repository);

export const attest = ({ registry, memos }: TestRegistry, image: TestImage, key = signingKey.privateKey) =>
  attestImage({ ...image, registry, memos, signingKey: key, progress: () => {} });

/** Whose words count in these tests. */
export const KEYS = { keys: [signingKey.publicKey], receiptKeys: [receiptKey.publicKey] };

/** What is attached to an image, as it would be attached elsewhere: its text, and what it calls itself. */
export async function documentsOf(at: TestRegistry, { repository, digest }: ContainerImage): Promise<Document[]> {
  const reader = readerOf(at, repository);
  const documents: Document[] = [];
  for (const referrer of await listReferrers(reader, digest)) {
    const stored = await reader.manifest(referrer.digest);
    const { layers } = JSON.parse(stored?.content.toString() ?? '{}') as ImageManifest;
    const text = (await reader.content(layers[0]?.digest ?? '', 2 ** 20)).toString();
    const { artifactType = '', annotations = {} } = referrer;
    documents.push({ artifactType, annotations, text, type: annotations[PREDICATE_ANNOTATION] ?? artifactType });
  }
  return documents.sort((a, b) => (a.type < b.type ? -1 : 1));
}

export interface Document {
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly text: string;
  /** The predicate's, or the receipt's own. */
  readonly type: string;
}

export async function attachDocuments(
  at: TestRegistry,
  { repository, digest }: ContainerImage,
  documents: readonly Document[],
): Promise<void> {
  const stored = await readerOf(at, repository).manifest(digest);
  if (!stored) throw new Error(`no ${digest}`);
  const attachments = documents.map(({ artifactType, annotations, text }) => ({
    ...{ artifactType, annotations },
    layer: { mediaType: artifactType, content: Buffer.from(text) },
  }));
  await attachAll(new RegistrySession(at.registry), repository, stored, attachments);
}

export function flipped(content: Buffer): Buffer {
  const changed = Buffer.from(content);
  changed[0] = (changed[0] ?? 0) ^ 1;
  return changed;
}

/** The same bundle with its statement changed where its subject is named, and the signature as it was. */
export function withPayload(text: string, change: (content: Buffer) => Buffer): string {
  const bundle = JSON.parse(text) as { dsseEnvelope: { payload: string } };
  const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64');
  const at = payload.indexOf('"name":"') + 8;
  const changed = Buffer.concat([payload.subarray(0, at), change(payload.subarray(at))]);
  return JSON.stringify({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, payload: changed.toString('base64') } });
}

async function modelLayer(files: readonly { path: string; content: Buffer }[]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const members = files.map(({ path, content }) => ({
    path: `${MODEL_FOLDER}/${path}`,
    bytes: content.length,
    open: async function* () {
      yield content;
    },
  }));
  for await (const piece of writeTar(members)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const BASE = [
  { name: 'usr/lib/os-release', content: 'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n' },
  {
    name: 'var/lib/dpkg/status',
    content: [
      'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u10\nDescription: C\n library',
      'Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1.0',
      'Package: half\nStatus: install reinstreq half-installed\nArchitecture: amd64\nVersion: 1.0',
      'Package: perl\nStatus: install ok installed\nArchitecture: all\nVersion: 1:5.36~1',
      '',
    ].join('\n\n'),
  },
  { name: 'usr/lib/python3/dist-packages/distro-1.dist-info/METADATA', content: 'Name: distro\nVersion: 1\n' },
];

const folder = 'opt/edge-train/packages';
const PACKAGES = [
  {
    name: `${folder}/numpy-1.26.4.dist-info/METADATA`,
    content:
      'Metadata-Version: 2.1\nName: numpy\nVersion: 1.26.4\nLicense: Copyright (c) 2005\n        All rights\n' +
      'Classifier: License :: OSI Approved :: BSD License\n\nName: not this\n',
  },
  {
    name: `${folder}/typing_extensions-4.12.dist-info/METADATA`,
    content: 'Metadata-Version: 2.4\nName: typing_extensions\nVersion: 4.12+local\nLicense-Expression: PSF-2.0\n\n',
  },
];
