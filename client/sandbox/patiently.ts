import { setTimeout as pause } from 'node:timers/promises';
import { ServiceError } from '../../services/errors.ts';

const PATIENCE_MS = 20_000;

/** What a service that has just come up refuses, and says will pass, is asked again for a short while. @throws what it throws last */
export async function patiently<T>(deed: () => Promise<T>, patience = PATIENCE_MS): Promise<T> {
  const deadline = Date.now() + patience;
  for (;;) {
    try {
      return await deed();
    } catch (error) {
      if (!(error instanceof ServiceError) || !error.retryable || Date.now() > deadline) throw error;
      await pause(200);
    }
  }
}
