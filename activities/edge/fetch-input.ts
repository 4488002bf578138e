import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { heartbeat } from '@temporalio/activity';
import type { DataFile } from '../../domain/data-reference.ts';
import type { PlannedBlob, PlannedInput } from '../../domain/training-plan.ts';
import type { BlobContainer } from '../../services/blob-storage.ts';
import { inChunks } from '../../services/container-registry/blobs.ts';
import { ServiceError, toServiceError } from '../../services/errors.ts';
import { sha256 } from '../../services/signing.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { jobFolder } from './output-files.ts';

/** What is hashed, told and written at once: TLS brings 16 KiB at a time, and each costs a call of all three. */
const BLOCK = 2 ** 20;

/**
 * One blob as a read-only file of the job: from the VM's cache where this very version of it is there, else fetched
 * (If-Match), hashed on its way, and published by rename. The job's file is a hard link, so inputs are kept once.
 */
export async function fetchInput(request: {
  edge: EdgeDependencies;
  job: string;
  input: PlannedInput;
  blob: PlannedBlob;
  container: BlobContainer;
}): Promise<{ data: DataFile; cached: boolean }> {
  const { edge, job, input, blob, container } = request;
  const path = pathInInput(input, blob.path);
  const cache = join(edge.home, 'cache', 'inputs');
  await mkdir(cache, { recursive: true, mode: 0o755 });
  const key = sha256(JSON.stringify([container.url.split('?', 1)[0], blob.path, blob.etag, blob.bytes]));
  const known = await cachedDigest(cache, key);
  const digest = known ?? (await download(container, blob, input.name, cache, key));
  const target = join(jobFolder(edge.home, job), 'inputs', input.name, path);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await rm(target, { force: true });
  await link(join(cache, key), target);
  return { data: { input: input.name, path, bytes: blob.bytes, sha256: digest }, cached: known !== undefined };
}

/** A file keeps its own name; a folder's blobs are named from the folder on. */
export function pathInInput(input: PlannedInput, blobPath: string): string {
  if (input.type === 'uri_file') return basename(blobPath);
  const prefix = `${input.data.path}/`;
  const path = blobPath.startsWith(prefix) ? blobPath.slice(prefix.length) : basename(blobPath);
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..') || path.includes('\0')) {
    throw new ServiceError({
      class: 'data',
      type: 'BlobNameRefused',
      cause: `A blob of the input ${input.name} has a name that is no path: an empty part, . or ..`,
      nextStep: 'Rename the blob; its name stands in the site’s run container.',
      retryable: false,
    });
  }
  return path;
}

async function cachedDigest(cache: string, key: string): Promise<string | undefined> {
  try {
    await stat(join(cache, key));
    return await readFile(join(cache, `${key}.sha256`), 'utf8');
  } catch {
    return undefined;
  }
}

async function download(
  container: BlobContainer,
  blob: PlannedBlob,
  input: string,
  cache: string,
  key: string,
): Promise<string> {
  const temporary = join(cache, `.${key}.${randomUUID()}`);
  try {
    const hash = createHash('sha256');
    const response = await container.getBlobClient(blob.path).download(0, undefined, {
      conditions: { ifMatch: blob.etag },
      maxRetryRequests: 3,
    });
    if (!response.readableStreamBody) throw new Error('the answer has no body');
    let bytes = 0;
    const measured = async function* (body: AsyncIterable<Buffer>) {
      for await (const block of inChunks(body, BLOCK)) {
        hash.update(block);
        bytes += block.length;
        heartbeat({ input, bytes });
        yield block;
      }
    };
    const file = createWriteStream(temporary, { mode: 0o444, flags: 'wx', highWaterMark: 2 * BLOCK });
    await pipeline(response.readableStreamBody as AsyncIterable<Buffer>, measured, file);
    if (bytes !== blob.bytes) throw new Error(`${bytes} of ${blob.bytes} bytes came`);
    const digest = hash.digest('hex');
    await writeFile(join(cache, `${key}.sha256`), digest);
    await rename(temporary, join(cache, key));
    return digest;
  } catch (error) {
    await rm(temporary, { force: true });
    const status = (error as { statusCode?: unknown }).statusCode;
    if (status === 412 || status === 404) throw changed(input, status === 404);
    throw toServiceError(error, `fetching a file of the input ${input} from the site’s blob storage`);
  }
}

const changed = (input: string, gone: boolean) =>
  new ServiceError({
    class: 'data',
    type: 'DataChanged',
    cause: `The input ${input} ${gone ? 'is gone' : 'was changed'} since the run was planned.`,
    nextStep: 'Start the run again, when the data is at rest.',
    retryable: false,
  });
