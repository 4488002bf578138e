import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ServiceError } from '../errors.ts';
import { readBlob, uploadBlob, hasBlob, type BlobDescriptor } from '../container-registry/blobs.ts';
import { sessionReader, type ImageReader } from '../container-registry/content.ts';
import { putManifest } from '../container-registry/manifests.ts';
import { RegistrySession, type Registry } from '../container-registry/session.ts';
import { assembleImage, digestOf, type ImageConfig, type ImageManifest } from './image.ts';

/** Which Python the base has, as a label on it. */
export const PYTHON_LABEL = 'dev.edge-train.python';

export interface BaseImage {
  readonly repository: string;
  readonly digest: string;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/**
 * Puts a root file system into a registry as an image of one layer, tagged with the head of its digest; the same tar is
 * the same image. What is there is not sent again. Returns the digest that `cloud.yml: registry.base` names.
 */
export async function pushBaseImage(request: {
  readonly registry: Registry;
  readonly tarPath: string;
  readonly repository: string;
  readonly architecture?: string;
  /** The Python that is in it. Default 3.11. */
  readonly python?: string;
  readonly progress?: (sentBytes: number) => void;
}): Promise<{ digest: string }> {
  const { registry, repository } = request;
  const session = new RegistrySession(registry);
  const layer = await uploadTar(session, request);
  const image = assembleImage({
    platform: { os: 'linux', architecture: request.architecture ?? NODE_TO_OCI[process.arch] ?? process.arch },
    layers: [{ ...layer, createdBy: 'edge-train: root file system of the serving base' }],
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Labels: { [PYTHON_LABEL]: request.python ?? '3.11' },
    },
    annotations: { 'org.opencontainers.image.title': 'edge-train serving base' },
  });
  if (!(await hasBlob(session, repository, image.configDescriptor.digest)))
    await uploadBlob(session, repository, once(image.config));
  const digest = digestOf(image.manifest);
  await putManifest(registry, {
    repository,
    tag: digest.slice('sha256:'.length).slice(0, 12),
    content: image.manifest,
  });
  return { digest };
}

/** Reads `REPOSITORY@sha256:DIGEST` of `cloud.yml`, of an index the image for Linux on x86-64. */
export async function readBaseImage(
  registry: Registry,
  reference: string,
  session = new RegistrySession(registry),
): Promise<BaseImage> {
  const [repository = '', digest = ''] = reference.split('@');
  const manifest = await readImageManifest(registry, sessionReader(session, repository), repository, digest);
  const pieces: Buffer[] = [];
  for await (const piece of readBlob(session, repository, manifest.config.digest)) pieces.push(piece);
  const content = Buffer.concat(pieces);
  if (digestOf(content) !== manifest.config.digest) throw baseUnusable(registry, reference, 'its config is damaged');
  return { repository, digest, manifest, config: JSON.parse(content.toString('utf8')) as ImageConfig };
}

async function readImageManifest(
  registry: Registry,
  reader: ImageReader,
  repository: string,
  digest: string,
): Promise<ImageManifest> {
  const found = await reader.manifest(digest);
  const reference = `${repository}@${digest}`;
  if (!found) throw baseUnusable(registry, reference, 'it is not in the registry');
  const manifest = JSON.parse(found.content.toString('utf8')) as Partial<ImageManifest> & {
    manifests?: PlatformDescriptor[];
  };
  if (manifest.layers && manifest.config) return manifest as ImageManifest;
  const fitting = manifest.manifests?.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64',
  );
  if (!fitting) throw baseUnusable(registry, reference, 'it is no image for Linux on x86-64');
  return readImageManifest(registry, reader, repository, fitting.digest);
}

interface PlatformDescriptor extends BlobDescriptor {
  readonly platform?: { readonly os: string; readonly architecture: string };
}

async function uploadTar(
  session: RegistrySession,
  request: Parameters<typeof pushBaseImage>[0],
): Promise<BlobDescriptor> {
  const { repository, tarPath } = request;
  const source = () => createReadStream(tarPath, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>;
  const known = await digestOfFile(source);
  if (await hasBlob(session, repository, known.digest)) return known;
  return uploadBlob(session, repository, source, request.progress ? { progress: request.progress } : {});
}

async function digestOfFile(source: () => AsyncIterable<Buffer>): Promise<BlobDescriptor> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of source()) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

/** One buffer as a blob's source. */
export function once(content: Buffer): () => AsyncIterable<Buffer> {
  return async function* () {
    yield content;
  };
}

function baseUnusable(registry: Registry, reference: string, why: string): ServiceError {
  return new ServiceError({
    class: 'host',
    type: 'BaseImageUnusable',
    cause: `The base image ${registry.loginServer}/${reference} cannot be used: ${why}.`,
    nextStep: 'Push the serving base to the registry and name it in cloud.yml as registry.base.',
    retryable: false,
  });
}

const NODE_TO_OCI: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
