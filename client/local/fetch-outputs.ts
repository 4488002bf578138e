import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { siteRunPath, type JobId } from '../../domain/resource-names.ts';
import { readToFile } from '../../services/blob-range.ts';
import { listBlobs, type BlobContainer } from '../../services/blob-storage.ts';

/**
 * Brings what a run left on the sandbox's site to a folder: a folder an output. Returns how many files. Names are the
 * script's, so one that leads out of the folder is left out.
 */
export async function fetchOutputs(runs: BlobContainer, job: JobId, folder: string): Promise<number> {
  const prefix = `${siteRunPath(job, 'outputs')}/`;
  let fetched = 0;
  for await (const { path } of listBlobs(runs, prefix)) {
    const parts = path.slice(prefix.length).split('/');
    if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) continue;
    const file = join(folder, ...parts);
    await mkdir(dirname(file), { recursive: true });
    await readToFile(runs, path, file);
    fetched += 1;
  }
  return fetched;
}
