import type { Store } from '../server/store.ts';
import type { TokenKey } from '../server/tokens.ts';

/** What the parts of the container registry share. */
export interface Registry {
  /** host:port, as image names and tokens have it. */
  loginServer: string;
  /** The docker-registry that holds the bytes. */
  upstream: string;
  /** Whether it lists what refers to an image; Azure's does. */
  servesReferrers: boolean;
  /** A repository token. */
  pullToken?: { name: string; password: string };
  store: Store;
  key: TokenKey;
  /** Checks an Entra ID token for the registry. @throws Failure 401 */
  checkEntraToken(token: string): Promise<void>;
}

/** One manifest of a repository. Blobs and manifests lie upstream; names, tags and referrers are kept here. */
export interface ManifestRecord {
  repository: string;
  digest: string;
  mediaType: string;
  size: number;
  /** Of config and layers together. */
  imageSize: number;
  configMediaType?: string;
  artifactType?: string;
  subject?: string;
  annotations?: Record<string, string>;
  createdTime: string;
  lastUpdateTime: string;
}

export interface TagRecord {
  repository: string;
  name: string;
  digest: string;
  createdTime: string;
  lastUpdateTime: string;
}

export const manifestCollection = 'registry/manifest';
export const tagCollection = 'registry/tag';

export function manifestsOf({ store }: Registry, repository: string): ManifestRecord[] {
  return store.list(manifestCollection, `${repository}@`);
}

export function tagsOf({ store }: Registry, repository: string): TagRecord[] {
  return store
    .list<TagRecord>(tagCollection, `${repository}:`)
    .toSorted((one, other) => compareText(one.name, other.name));
}

export function repositories({ store }: Registry): string[] {
  return [...new Set(store.list<ManifestRecord>(manifestCollection).map(({ repository }) => repository))].sort(
    compareText,
  );
}

/** The manifest that a tag or digest names. */
export function findManifest({ store }: Registry, repository: string, reference: string): ManifestRecord | undefined {
  const digest = reference.includes(':')
    ? reference
    : store.get<TagRecord>(tagCollection, `${repository}:${reference}`)?.digest;
  return digest === undefined ? undefined : store.get(manifestCollection, `${repository}@${digest}`);
}

/** By code units, as registries sort. */
export function compareText(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
