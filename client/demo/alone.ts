import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { sha256 } from '../../services/signing.ts';
import { holdsWithin } from '../holds-within.ts';
import type { StatePaths } from '../sandbox/state-paths.ts';
import { writePrivate } from '../sandbox/write-private.ts';

/**
 * Does `work` while no other `npm start` or `run --local` is at work in the same folder: they would stop each other's sandbox. A later one
 * waits, and says for whom; undefined when it is interrupted meanwhile. The lock is an abstract socket name: the kernel
 * gives it back when its process ends, however it ends.
 */
export async function alone<T>(
  paths: StatePaths,
  say: (text: string) => void,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T | undefined> {
  let release = await tryLock(paths);
  if (!release) {
    say(`Another npm start or run --local is at work in ${paths.folder}${holder(paths)}; waiting for it to end.`);
    const free = async () => (release = await tryLock(paths)) !== undefined;
    await holdsWithin(Infinity, free, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
  if (!release) return undefined;
  try {
    mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
    writePrivate(paths.lock, String(process.pid));
    return await work();
  } finally {
    rmSync(paths.lock, { force: true });
    await release();
  }
}

/** Only for the message: the file says nothing of whether that process still runs. */
function holder({ lock }: StatePaths): string {
  try {
    return ` (process ${Number(readFileSync(lock, 'utf8'))})`;
  } catch {
    return '';
  }
}

function tryLock({ folder }: StatePaths): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(`\0edge-train-demo-${sha256(folder).slice(0, 20)}`, () =>
      resolve(() => new Promise((done) => server.close(() => done()))),
    );
  });
}
