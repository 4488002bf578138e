import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PreparedEnvironment } from '../../domain/completed-job.ts';

/** What an environment's folder says that it is; undefined until it is whole. */
export async function readReady(path: string): Promise<PreparedEnvironment | undefined> {
  try {
    return PreparedEnvironment.parse(JSON.parse(await readFile(join(path, 'ready.json'), 'utf8')));
  } catch {
    return undefined;
  }
}
