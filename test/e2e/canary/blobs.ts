import type { BlobServiceClient } from '@azure/storage-blob';
import type { Exhibit } from './exhibit.ts';

/**
 * Every blob of an account, snapshots too: its content, and its line in the listing, which has name, metadata and
 * headers. Blocks that were never committed cannot be read; they are in the requests that brought them.
 */
export async function* blobs(service: BlobServiceClient, onSite?: true): AsyncGenerator<Exhibit> {
  const where = { kind: 'blob', ...(onSite ? { onSite } : {}) } as const;
  for await (const { name: container } of service.listContainers({ includeMetadata: true })) {
    const client = service.getContainerClient(container);
    const all = { includeSnapshots: true, includeUncommitedBlobs: true, includeMetadata: true };
    for await (const item of client.listBlobsFlat(all)) {
      const { name: path, snapshot = '', properties } = item;
      const name = `${service.accountName}/${container}/${path}${snapshot && ` of ${snapshot}`}`;
      yield { ...where, name: `${name}, listed`, bytes: Buffer.from(JSON.stringify(item)) };
      if (properties.contentLength === 0) continue;
      const blob = client.getBlobClient(path).withSnapshot(snapshot);
      yield { ...where, name, bytes: await blob.downloadToBuffer() };
    }
  }
}
