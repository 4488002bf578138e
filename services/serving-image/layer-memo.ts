import type { ContainerClient } from '@azure/storage-blob';
import { z } from 'zod';
import { putIfAbsent, readText, replaceText } from '../blob-storage.ts';
import { hasBlob, mountBlob, uploadBlob, type BlobDescriptor, type BlobSource } from '../container-registry/blobs.ts';
import type { RegistrySession } from '../container-registry/session.ts';

const Memo = z.object({ digest: z.string(), size: z.int(), repository: z.string() });

export interface LayerPlace {
  readonly session: RegistrySession;
  readonly repository: string;
  /** The container where it is remembered which content gave which layer; only the cloud worker writes to it. */
  readonly memos: ContainerClient;
  readonly progress: () => void;
}

/**
 * A layer that is in the registry: what this content gave before is remembered, so a layer that is there is neither made
 * nor read nor sent; one of another repository is mounted. It is remembered before it is committed, so that a worker which is
 * killed in between does not send it again, and anew where the repository that was remembered has lost it. `sent` counts the
 * bytes that had to be uploaded.
 */
export async function ensureLayer(
  place: LayerPlace,
  key: string,
  withSource: <T>(use: (source: BlobSource) => Promise<T>) => Promise<T>,
): Promise<BlobDescriptor & { sent: number }> {
  const { session, repository, memos, progress } = place;
  const path = `images/layers/${key}.json`;
  const text = await readText(memos, path);
  if (text !== undefined) {
    const { digest, size, repository: from } = Memo.parse(JSON.parse(text));
    if (await hasBlob(session, repository, digest)) return { digest, size, sent: 0 };
    if (from !== repository && (await mountBlob(session, repository, { digest, from })))
      return { digest, size, sent: 0 };
  }
  const sent = (blob: BlobDescriptor) =>
    replaceText(memos, path, JSON.stringify({ ...blob, repository }), 'application/json');
  const made = await withSource((source) => uploadBlob(session, repository, source, { progress, sent }));
  return { ...made, sent: made.size };
}

/** A text that is made once for its key: whoever is first decides, so that all that follow are the same. */
export async function ensureText(memos: ContainerClient, path: string, make: () => Promise<string>): Promise<string> {
  const there = await readText(memos, path);
  if (there !== undefined) return there;
  const made = await make();
  if (await putIfAbsent(memos, path, made, 'text/plain; charset=utf-8')) return made;
  return (await readText(memos, path)) ?? made;
}
