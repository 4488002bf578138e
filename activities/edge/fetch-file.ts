import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlockBlob } from '../../services/blob-storage.ts';
import { readSized, readVerified, type Expected } from '../../services/verified-blob.ts';
import { digestFile } from './output-files.ts';

/** Fetches a blob into a file, which is whole only when this returns. @throws ServiceError `ArtifactDiffers` */
export async function fetchFile(blob: BlockBlob, expected: Expected, path: string): Promise<void> {
  await pipeline(Readable.from(readVerified(blob, expected)), createWriteStream(path));
}

/** The same of a blob whose digest nobody knows, of so many bytes. What is made of it must be checked. @throws ServiceError `ArtifactDiffers` */
export async function fetchOriginal(blob: BlockBlob, bytes: number, path: string): Promise<void> {
  await pipeline(Readable.from(readSized(blob, bytes)), createWriteStream(path));
}

/** Whether a regular file of this size and digest is there. */
export async function holds(path: string, { bytes, sha256 }: Expected): Promise<boolean> {
  const found = await digestFile(path).catch(() => undefined);
  return found?.bytes === bytes && found.sha256 === sha256;
}
