import { join } from 'node:path';

/** What runs a worker: arguments to Node. The client starts workers as programs; it imports nothing of theirs. */
export function workerCommand(role: string, configFolder: string): string[] {
  return [join(import.meta.dirname, '..', 'workers', 'main.ts'), '--role', role, '--config', configFolder];
}
