import { ServiceError, toServiceError } from '../errors.ts';
import { digestOf } from '../oci-image/image.ts';
import type { RegistryRequest, RegistrySession } from './session.ts';

/** A registry takes manifests up to 4 MiB. */
export const MAX_MANIFEST = 4 * 2 ** 20;

/** One repository as its reader sees it: by the cloud worker's session, or by a site through its uplink. */
export interface ImageReader {
  /** The manifest's own bytes; undefined where there is none. By digest they are verified. @throws ServiceError `ContentDiffers` */
  manifest(reference: string): Promise<StoredManifest | undefined>;
  /** What `GET referrers/DIGEST` answers; undefined where the registry does not serve it (404). */
  referrers(digest: string): Promise<Buffer | undefined>;
  /** A small blob, verified. @throws ServiceError `ContentDiffers` */
  content(digest: string, most: number): Promise<Buffer>;
  /** A blob's bytes as they come; who reads them checks the digest. */
  stream(digest: string): AsyncIterable<Buffer>;
}

export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly content: Buffer;
}

/** OCI's list of manifests, which Docker's own resembles. */
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const INDEX_TYPES = [INDEX_TYPE, 'application/vnd.docker.distribution.manifest.list.v2+json'];
/** Whatever a registry may hold under a name: OCI's and Docker's, images and indexes. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  ...INDEX_TYPES,
];

/** Reads a repository by a session, whose token is that of whoever opened it. */
export function sessionReader(session: RegistrySession, repository: string): ImageReader {
  const get = (below: string, accept: string, statuses: readonly number[] = [200, 404]) => {
    const request: RegistryRequest = {
      ...{ method: 'GET', target: `/v2/${repository}/${below}`, stream: true },
      ...{ headers: { accept }, accept: statuses },
    };
    return session.send(request);
  };
  return {
    async manifest(reference) {
      const response = await get(`manifests/${reference}`, MANIFEST_TYPES.join(', '));
      if (response.status === 404) return undefined;
      const content = await whole(response.readableStreamBody, MAX_MANIFEST, `the manifest ${reference}`);
      const mediaType = (response.headers.get('content-type') ?? '').replace(/;.*$/, '');
      return verified(reference, { digest: digestOf(content), mediaType, content });
    },
    async referrers(digest) {
      const response = await get(`referrers/${digest}`, INDEX_TYPE);
      return response.status === 404
        ? undefined
        : whole(response.readableStreamBody, MAX_MANIFEST, `what refers to ${digest}`);
    },
    async content(digest, most) {
      const response = await get(`blobs/${digest}`, '*/*', [200]);
      const content = await whole(response.readableStreamBody, most, `the blob ${digest}`);
      return verified(digest, { digest: digestOf(content), content }).content;
    },
    async *stream(digest) {
      const response = await get(`blobs/${digest}`, '*/*', [200]);
      try {
        for await (const chunk of response.readableStreamBody ?? []) yield Buffer.from(chunk as Uint8Array);
      } catch (error) {
        throw toServiceError(error, `reading the blob ${digest}`);
      }
    },
  };
}

/** A tag may name anything; a digest names what it says. @throws ServiceError `ContentDiffers` */
export function verified<T extends { readonly digest: string }>(reference: string, found: T): T {
  if (!reference.includes(':') || found.digest === reference) return found;
  throw new ServiceError({
    class: 'policy',
    type: 'ContentDiffers',
    cause: `The registry gave ${found.digest} where ${reference} was asked for: it was changed.`,
    nextStep: 'Do not use the image. Find out who can write to the registry’s storage, and push it again.',
    retryable: false,
  });
}

/** A body of at most `most` bytes. @throws ServiceError `ContentTooLarge`, or what broke the line */
export async function whole(body: AsyncIterable<unknown> | undefined, most: number, what: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body ?? []) {
      const piece = Buffer.from(chunk as Uint8Array);
      bytes += piece.length;
      if (bytes > most) throw tooLarge(most);
      pieces.push(piece);
    }
  } catch (error) {
    throw toServiceError(error, `reading ${what}`);
  }
  return Buffer.concat(pieces);
}

const tooLarge = (most: number) =>
  new ServiceError({
    class: 'policy',
    type: 'ContentTooLarge',
    cause: `The registry gives more than ${most} bytes for what should be small.`,
    nextStep: 'Look at what is attached to the image, and remove what does not belong there.',
    retryable: false,
  });
