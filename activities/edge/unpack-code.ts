import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { heartbeat } from '@temporalio/activity';
import type { CodeAsset } from '../../domain/code-asset.ts';
import type { CodeGrant } from '../../domain/grant.ts';
import { ArchiveRefused, unpackArchive } from '../../services/code-archive.ts';
import { openBlob, STACK_HUB_VERSION } from '../../services/blob-storage.ts';
import { ServiceError, toServiceError } from '../../services/errors.ts';
import { breakableConnection, type EdgeDependencies } from './dependencies.ts';
import { jobFolder } from './output-files.ts';

/**
 * The job's code in its `source` folder: fetched through the uplink, and unpacked only when its SHA-256 is the plan's.
 * Folders and regular files only; nothing outside the folder, no link. Unpacking again makes it anew.
 */
export async function unpackCode(
  edge: EdgeDependencies,
  job: string,
  code: CodeAsset,
  grant: CodeGrant,
): Promise<void> {
  const source = join(jobFolder(edge.home, job), 'source');
  const archive = join(source, `.${randomUUID()}.tar.gz`);
  for (const name of await readdir(source)) await rm(join(source, name), { recursive: true, force: true });
  try {
    await fetchCode(edge, grant.url, archive, code);
    const fresh = join(source, '.unpacking');
    await mkdir(fresh, { mode: 0o755 });
    await unpackArchive(archive, fresh).catch((error: unknown) => {
      throw error instanceof ArchiveRefused ? refused(error.message) : error;
    });
    for (const name of await readdir(fresh)) await rename(join(fresh, name), join(source, name));
    await rm(fresh, { recursive: true });
  } finally {
    await rm(archive, { force: true });
  }
}

async function fetchCode(edge: EdgeDependencies, url: string, target: string, code: CodeAsset): Promise<void> {
  const hash = createHash('sha256');
  try {
    const blob = openBlob(url, breakableConnection(url, edge, STACK_HUB_VERSION));
    const response = await blob.download(0, undefined, { maxRetryRequests: 3 });
    if (!response.readableStreamBody) throw new Error('the answer has no body');
    const measured = new Transform({
      transform(block: Buffer, _encoding, done) {
        hash.update(block);
        heartbeat();
        done(null, block);
      },
    });
    await pipeline(response.readableStreamBody, measured, createWriteStream(target, { mode: 0o600, flags: 'wx' }));
  } catch (error) {
    throw toServiceError(error, 'fetching the code through the uplink');
  }
  if (hash.digest('hex') !== code.digest) throw refused('its digest is not the one that was started with');
}

const refused = (why: string) =>
  new ServiceError({
    class: 'policy',
    type: 'CodeChanged',
    cause: `The code is refused: ${why}.`,
    nextStep: 'Start the run again with edge-train run, which packs and uploads the code.',
    retryable: false,
  });
