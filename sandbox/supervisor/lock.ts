import { connect, createServer } from 'node:net';
import { stateId } from '../state.ts';
import { waitUntil } from '../wait-until.ts';

/**
 * Runs `work` while no other start, stop or reset does for the same directory; `waiting` is called where one does. The
 * lock is an abstract socket name: the kernel gives it back when the process ends, however it ends.
 */
export async function withLock<T>(directory: string, waiting: () => void, work: () => Promise<T>): Promise<T> {
  const release = (await tryLock(directory)) ?? (await waitForLock(directory, waiting));
  try {
    return await work();
  } finally {
    await release();
  }
}

async function waitForLock(directory: string, waiting: () => void): Promise<() => Promise<void>> {
  waiting();
  const what = `another start, stop or reset of ${directory} to end`;
  return await waitUntil(what, 300_000, () => tryLock(directory));
}

function tryLock(directory: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(nameOf(directory), () => resolve(() => new Promise((done) => server.close(() => done()))));
  });
}

/** Whether a start, stop or reset of the directory is at work. */
export function isLocked(directory: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(nameOf(directory), () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

const nameOf = (directory: string): string => `\0edge-train-sandbox-${stateId(directory)}`;
