import { Connection } from '@temporalio/client';
import { CLOUD_QUEUE, SITE_QUEUE } from '../../domain/resource-names.ts';
import { failed } from '../command-error.ts';
import { holdsWithin } from '../holds-within.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import type { SandboxInfo } from './sandbox-info.ts';
import type { StatePaths } from './state-paths.ts';
import { workerFailed } from './worker-process.ts';

const PATIENCE_MS = 90_000;

/** `temporal.api.enums.v1.TaskQueueType`. */
const TASK_QUEUE_TYPE = { workflow: 1, activity: 2 } as const;

const EXPECTED = [
  { name: CLOUD_QUEUE, taskQueueType: TASK_QUEUE_TYPE.workflow },
  { name: CLOUD_QUEUE, taskQueueType: TASK_QUEUE_TYPE.activity },
  { name: SITE_QUEUE, taskQueueType: TASK_QUEUE_TYPE.activity },
];

/** Waits until this worker (by its pid in its identity) polls its queues, as the server sees it. */
export async function waitForWorker(worker: ProcessIdentity, info: SandboxInfo, paths: StatePaths): Promise<void> {
  const { address, namespace } = info.temporal;
  const connection = await Connection.connect({ address });
  try {
    const deadline = Date.now() + PATIENCE_MS;
    for (const queue of EXPECTED) {
      const polled = async () => {
        if (!isAlive(worker)) throw workerFailed(paths);
        return isPolled(connection, namespace, queue, worker.pid);
      };
      if (!(await holdsWithin(deadline - Date.now(), polled))) throw notReady(paths);
    }
  } finally {
    await connection.close();
  }
}

async function isPolled(
  connection: Connection,
  namespace: string,
  { name, taskQueueType }: (typeof EXPECTED)[number],
  pid: number,
): Promise<boolean> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name },
    taskQueueType,
  });
  return (pollers ?? []).some(({ identity }) => new RegExp(`(^|\\D)${pid}(\\D|$)`).test(identity ?? ''));
}

function notReady(paths: StatePaths) {
  return failed({
    class: 'host',
    type: 'WorkerFailed',
    cause: `The worker runs, but asked Temporal for no work within ${PATIENCE_MS / 1000} s.`,
    nextStep: `Read ${paths.worker.log}, and run the command again.`,
  });
}
