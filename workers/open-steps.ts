import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '@temporalio/activity';
import type { NativeConnection } from '@temporalio/worker';

/**
 * The steps that this worker has begun and not ended, as files with their task tokens. One that was killed leaves them, and the
 * next worker gives them up at once: else Temporal would wait until their heartbeats are missed.
 */
export class OpenSteps {
  readonly #folder: string;

  /** @param folder the worker's own, of one process at a time */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** An inbound interceptor: what cannot be written costs a wait after a kill, and no step. */
  readonly watch = (context: Context) => ({
    inbound: {
      execute: async <I>(input: I, next: (input: I) => Promise<unknown>): Promise<unknown> => {
        const { taskToken } = context.info;
        const file = join(this.#folder, createHash('sha256').update(taskToken).digest('hex'));
        await writeFile(file, taskToken, { mode: 0o600 }).catch(() => {});
        try {
          return await next(input);
        } finally {
          await rm(file, { force: true }).catch(() => {});
        }
      },
    },
  });

  /** Before the worker polls: its steps are tried again now. One that Temporal has given up by itself is fine. */
  async giveUp({ workflowService }: Pick<NativeConnection, 'workflowService'>, namespace: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) {
      const file = join(this.#folder, name);
      await workflowService
        .respondActivityTaskFailed({ namespace, taskToken: await readFile(file), failure: RESTARTED })
        .catch(() => {});
      await rm(file, { force: true });
    }
  }
}

const RESTARTED = {
  message: 'The worker on the VM was started anew in the middle of this step, which is tried again.',
  source: 'edge-train',
  applicationFailureInfo: { type: 'WorkerRestarted', nonRetryable: false },
};
