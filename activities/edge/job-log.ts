import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findBlob, type BlobContainer } from '../../services/blob-storage.ts';
import { toServiceError } from '../../services/errors.ts';
import type { JobStatus } from '../../services/systemd.ts';
import { writeWhole } from './write-whole.ts';

/** Append Block takes at most 4 MiB, and a blob at most 50,000 of them. */
const BLOCK = 4 * 2 ** 20;
const SECOND = 1000;

/**
 * The log of a job in `folder`. One that begins on this VM goes on where that of a VM that was lost ended; where that was
 * is written down first, so that every attempt says the same. `file` is another that grows as the log does. @throws ServiceError
 */
export async function openLog(
  folder: string,
  runs: BlobContainer,
  path: string,
  standing: JobStatus,
  { file, marker } = { file: join(folder, 'logs', 'job.log'), marker: join(folder, 'spec', 'log.json') },
): Promise<JobLog> {
  const known = await readFile(marker, 'utf8').catch(() => undefined);
  if (known !== undefined || standing.state !== 'created') return new JobLog(file, runs, path, Number(known ?? 0));
  const offset = (await findBlob(runs, path))?.bytes ?? 0;
  await writeWhole(marker, String(offset));
  return new JobLog(file, runs, path, offset);
}

/**
 * Copies a job's log to an append blob of the site's run container while it grows. The blob is always a prefix of the
 * file, from `offset` on: each block names the position it belongs at, so a worker that was killed, or two at once, repeat nothing.
 */
export class JobLog {
  private copied: number | undefined;
  private lastCopy = 0;
  private readonly startedAt = Date.now();
  private readonly file: string;
  private readonly offset: number;
  private readonly blob: ReturnType<BlobContainer['getAppendBlobClient']>;

  constructor(file: string, container: BlobContainer, path: string, offset = 0) {
    this.file = file;
    this.offset = offset;
    this.blob = container.getAppendBlobClient(path);
  }

  /** How much is on site. */
  get bytes(): number {
    return this.copied ?? 0;
  }

  /** Copies what is new, ever more rarely as the job grows old, so that 50,000 blocks last. */
  async copySome(): Promise<void> {
    const pause = Math.max(SECOND, (Date.now() - this.startedAt) / 2000);
    if (Date.now() - this.lastCopy < pause) return;
    await this.copyAll();
    this.lastCopy = Date.now();
  }

  /** @throws ServiceError, `GrantExpired` where the SAS has run out */
  async copyAll(): Promise<void> {
    try {
      this.copied ??= await this.length();
      await this.append();
    } catch (error) {
      this.copied = undefined; // another worker may have written: ask again
      throw toServiceError(error, 'copying the job’s log to the site’s run container');
    }
  }

  private async length(): Promise<number> {
    await this.blob.createIfNotExists({ blobHTTPHeaders: { blobContentType: 'text/plain; charset=utf-8' } });
    return await this.size();
  }

  private async size(): Promise<number> {
    return (await this.blob.getProperties()).contentLength ?? 0;
  }

  private async append(): Promise<void> {
    const file = await open(this.file, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (!file) return;
    try {
      const block = Buffer.allocUnsafe(BLOCK);
      for (;;) {
        const at = this.copied ?? this.offset;
        const { bytesRead } = await file.read(block, 0, BLOCK, at - this.offset);
        if (bytesRead === 0) return;
        this.copied = await this.appendAt(at, block.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }

  /** Returns how much is on site then: this block, or what an append whose answer was lost, or another worker, put there. */
  private async appendAt(position: number, bytes: Buffer): Promise<number> {
    try {
      await this.blob.appendBlock(bytes, bytes.length, { conditions: { appendPosition: position } });
      return position + bytes.length;
    } catch (error) {
      const size = (error as { statusCode?: unknown }).statusCode === 412 ? await this.size() : 0;
      if (size <= position) throw error;
      return size;
    }
  }
}
