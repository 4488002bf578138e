import {
  AnonymousCredential,
  BlobSASPermissions,
  BlockBlobClient,
  ContainerClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { blobPipeline, type BlobConnection } from './blob-pipeline.ts';
import { ServiceError, toServiceError } from './errors.ts';

/** The newest version that Stack Hub's blob service speaks; a newer one is `400 InvalidHeaderValue`. */
export const STACK_HUB_VERSION = '2019-07-07';

export type { BlobConnection };

export interface BlobAccountOptions extends BlobConnection {
  /** `https://ACCOUNT.blob.SUFFIX`, or `https://HOST:PORT/ACCOUNT`. */
  endpoint: string;
  key: string;
}

export interface SasRequest {
  container: string;
  /** Absent: the whole container. */
  blob?: string;
  /** Letters as Azure writes them: `r` read, `l` list, `c` create, `w` write, `a` add, `d` delete. */
  permissions: string;
  minutes?: number;
  now?: Date;
}

/** A storage account and its shared key. */
export interface BlobAccount {
  container(name: string): ContainerClient;
  /** A URL that carries its own short permission; it starts 15 minutes back, for clocks that differ. */
  sas(request: SasRequest): { url: string; expires: string };
}

export interface ListedBlob {
  /** The whole name in the container. */
  readonly path: string;
  readonly bytes: number;
  /** In quotes, as If-Match wants it. */
  readonly etag: string;
}

export function openAccount(options: BlobAccountOptions): BlobAccount {
  const endpoint = options.endpoint.replace(/\/+$/, '');
  const credential = new StorageSharedKeyCredential(accountName(endpoint), checkedKey(options.key));
  const pipeline = blobPipeline(credential, options);
  const container = (name: string) => new ContainerClient(`${endpoint}/${name}`, pipeline);
  return {
    container,
    sas({ container: name, blob, permissions, minutes = 60, now = new Date() }) {
      const expiresOn = new Date(now.getTime() + minutes * 60_000);
      const query = generateBlobSASQueryParameters(
        {
          containerName: name,
          ...(blob === undefined ? {} : { blobName: blob }),
          permissions:
            blob === undefined ? ContainerSASPermissions.parse(permissions) : BlobSASPermissions.parse(permissions),
          startsOn: new Date(now.getTime() - 15 * 60_000),
          expiresOn,
          ...(options.apiVersion === undefined ? {} : { version: options.apiVersion }),
        },
        credential,
      );
      const client = container(name);
      return {
        url: `${blob === undefined ? client.url : client.getBlobClient(blob).url}?${query}`,
        expires: expiresOn.toISOString(),
      };
    },
  };
}

export type BlobContainer = ContainerClient;
export type BlockBlob = BlockBlobClient;

/** A container by a URL that carries a SAS. */
export function openContainer(url: string, connection: BlobConnection = {}): ContainerClient {
  return new ContainerClient(url, blobPipeline(new AnonymousCredential(), connection));
}

/** A blob by a URL that carries a SAS. */
export function openBlob(url: string, connection: BlobConnection = {}): BlockBlobClient {
  return new BlockBlobClient(url, blobPipeline(new AnonymousCredential(), connection));
}

/** Every blob below a prefix, in the order of their names, page by page. @throws ServiceError */
export async function* listBlobs(container: ContainerClient, prefix: string): AsyncGenerator<ListedBlob> {
  try {
    for await (const { name, properties } of container.listBlobsFlat({ prefix })) {
      yield { path: name, bytes: properties.contentLength ?? 0, etag: quoted(properties.etag) };
    }
  } catch (error) {
    throw blobError(error, container.url, `listing ${place(container.url)}/${prefix}`);
  }
}

/** Size and etag of one blob; undefined where there is none. @throws ServiceError */
export async function findBlob(container: ContainerClient, path: string): Promise<ListedBlob | undefined> {
  try {
    const { contentLength = 0, etag = '' } = await container.getBlobClient(path).getProperties();
    return { path, bytes: contentLength, etag: quoted(etag) };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw blobError(error, container.url, `reading ${place(container.url)}/${path}`);
  }
}

/** Puts a blob that is not there yet. False: it was there, and is as it was. @throws ServiceError */
export async function putIfAbsent(
  container: ContainerClient,
  path: string,
  content: string | Uint8Array,
  contentType = 'application/octet-stream',
): Promise<boolean> {
  const body = typeof content === 'string' ? Buffer.from(content) : content;
  try {
    await container.getBlockBlobClient(path).upload(body, body.byteLength, {
      conditions: { ifNoneMatch: '*' },
      blobHTTPHeaders: { blobContentType: contentType },
    });
    return true;
  } catch (error) {
    if (statusOf(error) === 409 && codeOf(error) === 'BlobAlreadyExists') return false;
    if (statusOf(error) === 412) return false;
    throw blobError(error, container.url, `writing ${place(container.url)}/${path}`);
  }
}

/** Puts a blob whatever is there. @throws ServiceError */
export async function replaceText(
  container: ContainerClient,
  path: string,
  text: string,
  contentType: string,
): Promise<void> {
  const body = Buffer.from(text);
  try {
    await container
      .getBlockBlobClient(path)
      .upload(body, body.byteLength, { blobHTTPHeaders: { blobContentType: contentType } });
  } catch (error) {
    throw blobError(error, container.url, `writing ${place(container.url)}/${path}`);
  }
}

/** As `putIfAbsent`, from a file of any size, in blocks. */
export async function putFileIfAbsent(container: ContainerClient, path: string, file: string): Promise<boolean> {
  try {
    await container
      .getBlockBlobClient(path)
      .uploadFile(file, { conditions: { ifNoneMatch: '*' }, blockSize: 8 * 2 ** 20 });
    return true;
  } catch (error) {
    if (statusOf(error) === 409 && codeOf(error) === 'BlobAlreadyExists') return false;
    if (statusOf(error) === 412) return false;
    throw blobError(error, container.url, `writing ${place(container.url)}/${path}`);
  }
}

/** A blob of at most `limit` bytes, as UTF-8; undefined where there is none. @throws ServiceError */
export async function readText(
  container: ContainerClient,
  path: string,
  limit = 64 * 2 ** 20,
): Promise<string | undefined> {
  const doing = `reading ${place(container.url)}/${path}`;
  try {
    const blob = container.getBlobClient(path);
    const { contentLength = 0, readableStreamBody } = await blob.download(0, undefined, { maxRetryRequests: 3 });
    const body = readableStreamBody as Readable;
    if (contentLength <= limit) return await text(body);
    body.destroy();
    throw toServiceError(new Error(`it has ${contentLength} bytes, and ${limit} are expected at most`), doing);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw blobError(error, container.url, doing);
  }
}

/** Whether a container is there; also whether the credential may look. @throws ServiceError */
export async function hasContainer(container: ContainerClient): Promise<boolean> {
  try {
    await container.getProperties();
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw blobError(error, container.url, `reading the container ${place(container.url)}`);
  }
}

/** Makes a container; one that is there is fine. @throws ServiceError */
export async function ensureContainer(container: ContainerClient): Promise<void> {
  try {
    await container.createIfNotExists();
  } catch (error) {
    throw blobError(error, container.url, `creating the container ${place(container.url)}`);
  }
}

function accountName(endpoint: string): string {
  const url = new URL(endpoint);
  const inPath = url.pathname.split('/')[1];
  return inPath ? inPath : (url.hostname.split('.')[0] ?? '');
}

/** The SDK takes any text for a key and signs nonsense with it. */
function checkedKey(key: string): string {
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(key) && key.length % 4 === 0) return key;
  throw new ServiceError({
    class: 'policy',
    type: 'CredentialRefused',
    cause: 'The storage account’s key is not base64, as every account key is.',
    nextStep: 'Put the account’s key behind the reference in the configuration; it is read anew at each attempt.',
    retryable: false,
  });
}

/** A listing gives etags without their quotes, a header with them. */
const quoted = (etag: string): string => (etag.startsWith('"') || etag === '' ? etag : `"${etag}"`);

/** An answer to HEAD has no words, so the URL itself says whether its permission has run out. */
function blobError(error: unknown, url: string, doing: string): ServiceError {
  const expiry = new URL(url).searchParams.get('se');
  const expired = statusOf(error) === 403 && expiry !== null && Date.parse(expiry) <= Date.now();
  return toServiceError(
    expired ? Object.assign(new Error('the grant has run out'), { code: 'SasExpired' }) : error,
    doing,
  );
}

/** A container's URL without its query, which may be a SAS. */
function place(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

const statusOf = (error: unknown): unknown => (error as { statusCode?: unknown }).statusCode;
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;
