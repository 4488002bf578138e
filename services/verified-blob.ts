import type { BlockBlobClient } from '@azure/storage-blob';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { inChunks } from './container-registry/blobs.ts';
import { ServiceError, toServiceError } from './errors.ts';

/** What a blob must be. */
export interface Expected {
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

const BLOCK = 8 * 2 ** 20;

/**
 * The same bytes; after the last one it throws where they are not what they must be. What `unlike` makes of what was found
 * is thrown.
 */
export async function* verified(
  chunks: AsyncIterable<Buffer>,
  expected: Expected,
  unlike: (found: string) => Error,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes > expected.bytes) break;
    yield chunk;
  }
  const digest = hash.digest('hex');
  if (bytes !== expected.bytes || digest !== expected.sha256) throw unlike(`${digest}, ${bytes} bytes or more`);
}

/** A blob's bytes, verified. @throws ServiceError `ArtifactDiffers` */
export function readVerified(blob: BlockBlobClient, expected: Expected): AsyncGenerator<Buffer> {
  return verified(download(blob), expected, (found) => differs(blob, expected, found));
}

/** A blob's bytes, of which there must be so many. @throws ServiceError `ArtifactDiffers` */
export async function* readSized(blob: BlockBlobClient, bytes: number): AsyncGenerator<Buffer> {
  let read = 0;
  for await (const chunk of download(blob)) {
    read += chunk.length;
    if (read > bytes) break;
    yield chunk;
  }
  if (read !== bytes) throw differs(blob, { bytes, sha256: 'a file' }, `${read} bytes or more`);
}

export interface PutOptions {
  readonly metadata?: Record<string, string>;
  readonly abortSignal?: AbortSignal;
  /** Called after each block of a blob that has several, with the bytes that were sent. */
  readonly progress?: (sent: number) => void;
}

/**
 * Puts a blob of so many bytes: up to one block in one request, more in blocks that the last request lists. A source that
 * throws leaves no blob, and the one that was there as it was.
 */
export async function putChunks(
  blob: BlockBlobClient,
  bytes: number,
  chunks: AsyncIterable<Buffer>,
  { progress = () => {}, ...options }: PutOptions = {},
): Promise<void> {
  if (bytes <= BLOCK) {
    const content = await buffer(chunks);
    await blob.upload(content, content.length, options);
    return;
  }
  const { abortSignal } = options;
  const blocks: string[] = [];
  let sent = 0;
  for await (const block of inChunks(chunks, BLOCK)) {
    const id = Buffer.from(String(blocks.length).padStart(8, '0')).toString('base64');
    await blob.stageBlock(id, block, block.length, abortSignal ? { abortSignal } : {});
    blocks.push(id);
    sent += block.length;
    progress(sent);
  }
  await blob.commitBlockList(blocks, options);
}

/**
 * Copies a blob so that what was hashed is what is kept: its bytes pass through here, and the copy is committed only when
 * they hash right. A copy that is there already (by its metadata, which only this function writes) is left as it is.
 */
export async function copyVerified(
  from: BlockBlobClient,
  to: BlockBlobClient,
  expected: Expected,
  options: Omit<PutOptions, 'metadata'> = {},
): Promise<void> {
  if (await isThere(to, expected)) return;
  const metadata = { sha256: expected.sha256 };
  await told(to, () => putChunks(to, expected.bytes, readVerified(from, expected), { ...options, metadata }));
}

async function isThere(blob: BlockBlobClient, expected: Expected): Promise<boolean> {
  try {
    const { contentLength, metadata } = await blob.getProperties();
    return contentLength === expected.bytes && metadata?.['sha256'] === expected.sha256;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw toServiceError(error, `reading ${placeOf(blob)}`);
  }
}

/** One state of the blob: the SDK reads on with If-Match after a broken connection. */
async function* download(blob: BlockBlobClient): AsyncGenerator<Buffer> {
  try {
    const { readableStreamBody } = await blob.download(0, undefined, { maxRetryRequests: 3 });
    for await (const chunk of readableStreamBody ?? []) yield chunk as Buffer;
  } catch (error) {
    if ((error as { name?: string }).name === 'AbortError') throw error;
    throw toServiceError(error, `reading ${placeOf(blob)}`);
  }
}

async function told<T>(blob: BlockBlobClient, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { name?: string }).name === 'AbortError') throw error;
    throw toServiceError(error, `writing ${placeOf(blob)}`);
  }
}

function differs(blob: BlockBlobClient, expected: Expected, found: string): ServiceError {
  return new ServiceError({
    class: 'data',
    type: 'ArtifactDiffers',
    cause: `${placeOf(blob)} is not what was released: ${expected.sha256}, ${expected.bytes} bytes were released, and ${found} are there.`,
    nextStep: 'Nothing was registered. Find out who changed the blob, then start the run again.',
    retryable: false,
  });
}

const placeOf = (blob: BlockBlobClient): string => blob.url.split('?', 1)[0] ?? '';
