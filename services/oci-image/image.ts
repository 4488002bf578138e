import { createHash } from 'node:crypto';
import type { BlobDescriptor } from '../container-registry/blobs.ts';

/** OCI image specification 1.1: https://github.com/opencontainers/image-spec (manifest.md, config.md, annotations.md). */

export const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const EPOCH = '1970-01-01T00:00:00Z';

export interface Descriptor extends BlobDescriptor {
  readonly mediaType: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly created?: string;
  readonly config?: Readonly<Record<string, unknown>> & { readonly Env?: readonly string[] };
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] };
  readonly history?: readonly Readonly<Record<string, unknown>>[];
}

export interface Layer extends BlobDescriptor {
  /** What made it, in `history`. */
  readonly createdBy: string;
}

export interface AssembledImage {
  readonly config: Buffer;
  readonly manifest: Buffer;
  readonly configDescriptor: Descriptor;
}

/** Layers on a base, or on nothing. They are uncompressed tars, so a layer's digest is its diff_id too. */
export function assembleImage(request: {
  readonly base?: { readonly manifest: ImageManifest; readonly config: ImageConfig };
  readonly platform: { readonly os: string; readonly architecture: string };
  readonly layers: readonly Layer[];
  /** Merged over the base's own: `Env` by name, the rest whole. */
  readonly config: Readonly<Record<string, unknown>> & { readonly Env?: readonly string[] };
  readonly annotations?: Readonly<Record<string, string>>;
}): AssembledImage {
  const { base, layers } = request;
  const below = base?.config.config ?? {};
  const config = json({
    created: EPOCH,
    ...request.platform,
    config: { ...below, ...request.config, Env: mergeEnvironment(below.Env ?? [], request.config.Env ?? []) },
    rootfs: { type: 'layers', diff_ids: [...(base?.config.rootfs.diff_ids ?? []), ...layers.map((it) => it.digest)] },
    history: [
      ...(base?.config.history ?? []),
      ...layers.map(({ createdBy }) => ({ created: EPOCH, created_by: createdBy })),
    ],
  });
  const configDescriptor = { mediaType: CONFIG_TYPE, digest: digestOf(config), size: config.length };
  const manifest = json({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: configDescriptor,
    layers: [
      ...(base?.manifest.layers ?? []).map(({ mediaType, digest, size }) => ({
        mediaType: OCI_NAME[mediaType] ?? mediaType,
        digest,
        size,
      })),
      ...layers.map(({ digest, size }) => ({ mediaType: LAYER_TYPE, digest, size })),
    ],
    ...(request.annotations ? { annotations: request.annotations } : {}),
  });
  return { config, manifest, configDescriptor };
}

/** Docker's names for the same bytes, which an OCI manifest should not hold. */
const OCI_NAME: Readonly<Record<string, string>> = {
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.diff.tar': LAYER_TYPE,
};

export const digestOf = (content: Uint8Array | string): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;

function mergeEnvironment(below: readonly string[], above: readonly string[]): string[] {
  const nameOf = (entry: string) => entry.slice(0, entry.indexOf('='));
  const named = new Set(above.map(nameOf));
  return [...below.filter((entry) => !named.has(nameOf(entry))), ...above];
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
