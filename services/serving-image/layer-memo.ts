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

/** A layer by what it is made of. */
export interface WantedLayer {
  /** The same for the same content. */
  readonly key: string;
  /** What made it, in the image's history. */
  readonly createdBy: string;
  /** Runs `send` with the layer's bytes; what is behind them lives as long. */
  readonly withSource: (send: (source: BlobSource) => Promise<BlobDescriptor>) => Promise<BlobDescriptor>;
}

/** `sent` counts the bytes that had to be uploaded. */
export type EnsuredLayer = BlobDescriptor & { readonly createdBy: string; readonly sent: number };

/**
 * Layers that are in the registry: what their content gave before is remembered, so a layer that is there is neither made
 * nor read nor sent; one of another repository is mounted. It is remembered before it is committed, so that a worker which is
 * killed in between does not send it again, and anew where the repository that was remembered has lost it. All are looked up
 * at once; those that are not there are sent one after the other.
 */
export async function ensureLayers(place: LayerPlace, wanted: readonly WantedLayer[]): Promise<EnsuredLayer[]> {
  const looked = await Promise.all(wanted.map(async (layer) => ({ layer, found: await findLayer(place, layer.key) })));
  const ensured: EnsuredLayer[] = [];
  for (const { layer, found } of looked) {
    const { createdBy } = layer;
    if (found) ensured.push({ ...found, createdBy, sent: 0 });
    else {
      const made = await sendLayer(place, layer);
      ensured.push({ ...made, createdBy, sent: made.size });
    }
  }
  return ensured;
}

async function findLayer({ session, repository, memos }: LayerPlace, key: string): Promise<BlobDescriptor | undefined> {
  const text = await readText(memos, memoPath(key));
  if (text === undefined) return undefined;
  const { digest, size, repository: from } = Memo.parse(JSON.parse(text));
  const isThere =
    (await hasBlob(session, repository, digest)) ||
    (from !== repository && (await mountBlob(session, repository, { digest, from })));
  return isThere ? { digest, size } : undefined;
}

function sendLayer(place: LayerPlace, { key, withSource }: WantedLayer): Promise<BlobDescriptor> {
  const { session, repository, memos, progress } = place;
  const sent = (blob: BlobDescriptor) =>
    replaceText(memos, memoPath(key), JSON.stringify({ ...blob, repository }), 'application/json');
  return withSource((source) => uploadBlob(session, repository, source, { progress, sent }));
}

const memoPath = (key: string): string => `images/layers/${key}.json`;

/** A text that is made once for its key: whoever is first decides, so that all that follow are the same. */
export async function ensureText(memos: ContainerClient, path: string, make: () => Promise<string>): Promise<string> {
  const there = await readText(memos, path);
  if (there !== undefined) return there;
  const made = await make();
  if (await putIfAbsent(memos, path, made, 'text/plain; charset=utf-8')) return made;
  return (await readText(memos, path)) ?? made;
}
