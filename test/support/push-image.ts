import { uploadBlob } from '../../services/container-registry/blobs.ts';
import { RegistrySession, type Registry } from '../../services/container-registry/session.ts';
import { once } from '../../services/oci-image/base-image.ts';
import { digestOf } from '../services/layers.ts';

export interface PushedLayer {
  /** The tar, and how it is sent; absent: as it is. */
  readonly tar: Buffer;
  readonly packed?: Buffer;
}

const TYPES = {
  oci: {
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar',
    index: 'application/vnd.oci.image.index.v1+json',
  },
  docker: {
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  },
} as const;

/** Puts an image of these layers into a registry under a tag; returns its manifest's digest. */
export async function pushImage(
  registry: Registry,
  repository: string,
  tag: string,
  layers: readonly PushedLayer[],
  {
    kind = 'oci',
    env = [],
    architecture = 'amd64',
  }: { kind?: keyof typeof TYPES; env?: string[]; architecture?: string } = {},
): Promise<string> {
  const session = new RegistrySession(registry);
  const types = TYPES[kind];
  const config = Buffer.from(
    JSON.stringify({
      ...{ os: 'linux', architecture, config: { Env: env, Entrypoint: ['/ignored'], User: 'nobody' } },
      rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => digestOf(tar)) },
    }),
  );
  const sent = [];
  for (const { tar, packed = tar } of layers) {
    sent.push({ mediaType: types.layer, ...(await uploadBlob(session, repository, once(packed))) });
  }
  const manifest = {
    ...{ schemaVersion: 2, mediaType: types.manifest },
    config: { mediaType: types.config, ...(await uploadBlob(session, repository, once(config))) },
    layers: sent,
  };
  return putManifest(session, repository, tag, manifest);
}

/** Puts an index of images, by their architecture, under a tag. */
export async function pushIndex(
  registry: Registry,
  repository: string,
  tag: string,
  images: Readonly<Record<string, string>>,
  kind: keyof typeof TYPES = 'oci',
): Promise<string> {
  const manifests = Object.entries(images).map(([architecture, digest]) => ({
    ...{ mediaType: TYPES[kind].manifest, digest, size: 1, platform: { os: 'linux', architecture } },
  }));
  const index = { schemaVersion: 2, mediaType: TYPES[kind].index, manifests };
  return putManifest(new RegistrySession(registry), repository, tag, index);
}

async function putManifest(
  session: RegistrySession,
  repository: string,
  tag: string,
  manifest: { mediaType: string },
): Promise<string> {
  const body = Buffer.from(JSON.stringify(manifest));
  const headers = { 'content-type': manifest.mediaType };
  await session.send({ method: 'PUT', target: `/v2/${repository}/manifests/${tag}`, headers, body, accept: [201] });
  return digestOf(body);
}
