import { createServer } from 'node:net';
import { stateId } from '../state.ts';
import { waitUntil } from '../wait-until.ts';

/**
 * Runs `work` while no other start, stop or reset does for the same directory. The lock is an abstract socket name: the
 * kernel gives it back when the process ends, however it ends.
 */
export async function withLock<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const release = await waitUntil(`another start, stop or reset of ${directory} to end`, 300_000, () =>
    tryLock(directory),
  );
  try {
    return await work();
  } finally {
    await release();
  }
}

function tryLock(directory: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(`\0edge-train-sandbox-${stateId(directory)}`, () =>
      resolve(() => new Promise((done) => server.close(() => done()))),
    );
  });
}
