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

/** A blob's bytes; after the last one it throws where they are not what they must be. @throws ServiceError `ArtifactDiffers` */
export async function* readVerified(blob: BlockBlobClient, expected: Expected): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of download(blob)) {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes > expected.bytes) break;
    yield chunk;
  }
  const digest = hash.digest('hex');
  if (bytes !== expected.bytes || digest !== expected.sha256)
    throw differs(blob, expected, `${digest}, ${bytes} bytes or more`);
}

/**
 * Copies a blob so that what was hashed is what is kept: its bytes pass through here, and the copy is committed only when
 * they hash right. A copy that is there already (by its metadata, which only this function writes) is left as it is.
 */
export async function copyVerified(
  from: BlockBlobClient,
  to: BlockBlobClient,
  expected: Expected,
  { progress = () => {}, abortSignal }: { progress?: () => void; abortSignal?: AbortSignal } = {},
): Promise<void> {
  if (await isThere(to, expected)) return;
  const options = abortSignal ? { abortSignal } : {};
  const metadata = { sha256: expected.sha256 };
  if (expected.bytes <= BLOCK) {
    const content = await buffer(readVerified(from, expected));
    await told(to, () => to.upload(content, content.length, { metadata, ...options }));
    return;
  }
  const blocks: string[] = [];
  for await (const block of inChunks(readVerified(from, expected), BLOCK)) {
    const id = Buffer.from(String(blocks.length).padStart(8, '0')).toString('base64');
    await told(to, () => to.stageBlock(id, block, block.length, options));
    blocks.push(id);
    progress();
  }
  await told(to, () => to.commitBlockList(blocks, { metadata, ...options }));
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
    for await (const chunk of readableStreamBody ?? []) yield Buffer.from(chunk as Uint8Array);
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
