import { Readable } from 'node:stream';
import { ServiceError } from '../errors.ts';
import { digestOf } from '../oci-image/image.ts';
import type { RegistrySession } from './session.ts';
import { ChunkReader } from './chunk-reader.ts';

/** Bytes that can be read again from the start: an upload whose session the registry lost begins anew. */
export type BlobSource = () => AsyncIterable<Buffer>;

export interface BlobDescriptor {
  /** `sha256:…` */
  readonly digest: string;
  readonly size: number;
}

/** What is told of an upload while it is under way. */
export interface UploadWatcher {
  /** After each chunk. */
  readonly progress?: (sentBytes: number) => void;
  /** All is sent, and nothing yet committed. What it throws ends the upload. */
  readonly sent?: (blob: BlobDescriptor) => Promise<void>;
}

const ATTEMPTS = 3;

export async function hasBlob(session: RegistrySession, repository: string, digest: string): Promise<boolean> {
  const response = await session.send({ method: 'HEAD', target: blobPath(repository, digest), accept: [200, 404] });
  return response.status === 200;
}

/** Makes a blob of another repository of the registry this one's too, without moving a byte; false where it does not. */
export async function mountBlob(
  session: RegistrySession,
  repository: string,
  { digest, from }: { digest: string; from: string },
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from }).toString();
  const response = await session.send({
    method: 'POST',
    target: `/v2/${repository}/blobs/uploads/?${query}`,
    accept: [201, 202, 404],
  });
  const location = response.headers.get('location');
  // 202: the registry opened an upload instead, which is given up.
  if (response.status === 202 && location) await cancelUpload(session, location);
  return response.status === 201;
}

/** The blob's bytes as they come; the caller checks the digest. */
export async function* readBlob(session: RegistrySession, repository: string, digest: string): AsyncIterable<Buffer> {
  const response = await session.send({
    method: 'GET',
    target: blobPath(repository, digest),
    accept: [200],
    stream: true,
  });
  for await (const chunk of response.readableStreamBody ?? []) yield chunk as Buffer;
}

/**
 * Sends a blob in one pass, each byte as soon as it is read: its digest is known only when its last byte has left. A chunk is
 * one PATCH without a length or a range, which ACR takes as "a stream of data without completing the upload"
 * (https://learn.microsoft.com/rest/api/containerregistry/blob/upload) and which Docker pushes whole layers by. Where an
 * answer was lost, the registry is asked how far it got, and the upload goes on from there; where it forgot the upload, it
 * begins anew. A blob that the last PUT committed is found by HEAD. An upload that is given up is taken away; but of one that
 * was cut in a chunk Docker's registry refuses every location, and takes it away by itself after a week (`uploadpurging`).
 * At an abort the chunk ends where it is, so that it is answered, with a location that can be taken away.
 * @throws what the source throws, and the abort's reason
 */
export async function uploadBlob(
  session: RegistrySession,
  repository: string,
  source: BlobSource,
  watcher: UploadWatcher = {},
): Promise<BlobDescriptor> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await uploadOnce(session, repository, source, watcher);
    } catch (error) {
      if (!(error instanceof UploadLost) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Sends content unless it is there; `sent` counts the bytes that had to be. */
export async function ensureBlob(
  session: RegistrySession,
  repository: string,
  content: Buffer,
): Promise<BlobDescriptor & { sent: number }> {
  const blob = { digest: digestOf(content), size: content.length };
  if (await hasBlob(session, repository, blob.digest)) return { ...blob, sent: 0 };
  await uploadBlob(session, repository, async function* () {
    yield content;
  });
  return { ...blob, sent: blob.size };
}

async function uploadOnce(
  session: RegistrySession,
  repository: string,
  source: BlobSource,
  { progress, sent }: UploadWatcher,
): Promise<BlobDescriptor> {
  const reader = new ChunkReader(source(), session.abortSignal);
  let location = await start(session, repository);
  try {
    for (let end = 0; await reader.next(); end = reader.end) {
      location = await sendChunk(session, location, reader, end);
      progress?.(reader.end);
    }
    const blob = { digest: reader.digest(), size: reader.end };
    await sent?.(blob);
    await finish(session, repository, location, blob.digest);
    return blob;
  } catch (error) {
    await cancelUpload(session, location);
    throw error;
  } finally {
    await reader.close();
  }
}

/** Gives an upload up, of a step that was cancelled too. It is tidying: one that is gone, or that the registry keeps, is fine. */
async function cancelUpload(session: RegistrySession, location: string): Promise<void> {
  await session.send({ method: 'DELETE', target: location, accept: [204], tidies: true }).catch(() => {});
}

async function start(session: RegistrySession, repository: string): Promise<string> {
  const response = await session.send({
    method: 'POST',
    target: `/v2/${repository}/blobs/uploads/`,
    accept: [202],
    headers: { 'content-length': '0' },
  });
  return locationOf(response.headers.get('location'));
}

/** Sends what the reader's chunk holds and will hold; once more from where the registry is, if the answer was lost. */
async function sendChunk(
  session: RegistrySession,
  location: string,
  reader: ChunkReader,
  start: number,
): Promise<string> {
  const patch = async (target: string, from: number) => {
    const response = await session.send({
      method: 'PATCH',
      target,
      body: () => Readable.from(reader.read(from)),
      headers: { 'content-type': 'application/octet-stream' },
      accept: [202],
      endsItself: true,
    });
    return locationOf(response.headers.get('location'));
  };
  try {
    return await patch(location, start);
  } catch (error) {
    if (isFinal(error)) throw error;
    const { received, target } = await progressOf(session, location);
    if (received < start || received > reader.end) throw new UploadLost();
    return await patch(target, received);
  }
}

/** `Range: 0-N` of the upload's status; an empty upload is `0-0` too, so one byte counts as none. */
async function progressOf(session: RegistrySession, location: string): Promise<{ received: number; target: string }> {
  const response = await session.send({ method: 'GET', target: location, accept: [204, 404] });
  if (response.status === 404) throw new UploadLost();
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1] ?? 0);
  return { received: last === 0 ? 0 : last + 1, target: response.headers.get('location') ?? location };
}

async function finish(session: RegistrySession, repository: string, location: string, digest: string): Promise<void> {
  const separator = location.includes('?') ? '&' : '?';
  try {
    const response = await session.send({
      method: 'PUT',
      target: `${location}${separator}digest=${encodeURIComponent(digest)}`,
      headers: { 'content-length': '0' },
      accept: [201, 404],
    });
    if (response.status === 201) return;
  } catch (error) {
    if (isFinal(error)) throw error;
  }
  if (!(await hasBlob(session, repository, digest))) throw new UploadLost();
}

/** Collects what a source yields into chunks of one size; the last may be shorter. Small chunks cost the speed. */
export async function* inChunks(source: AsyncIterable<Buffer>, size: number): AsyncIterable<Buffer> {
  let parts: Buffer[] = [];
  let held = 0;
  for await (let piece of source) {
    while (held + piece.length >= size) {
      const rest = size - held;
      yield Buffer.concat([...parts, piece.subarray(0, rest)]);
      piece = piece.subarray(rest);
      parts = [];
      held = 0;
    }
    if (piece.length > 0) parts.push(piece);
    held += piece.length;
  }
  if (held > 0) yield Buffer.concat(parts);
}

class UploadLost extends ServiceError {
  constructor() {
    super({
      class: 'network',
      type: 'UploadLost',
      cause: 'The registry lost an upload in its middle.',
      nextStep: 'It is sent again from the start.',
      retryable: true,
    });
  }
}

/** Denied, out of room and the like: asking how far the upload got would only hide it. */
function isFinal(error: unknown): boolean {
  return error instanceof ServiceError ? !error.retryable : (error as Error).name === 'AbortError';
}

function locationOf(location: string | undefined): string {
  if (location) return location;
  throw new UploadLost();
}

const blobPath = (repository: string, digest: string): string => `/v2/${repository}/blobs/${digest}`;
