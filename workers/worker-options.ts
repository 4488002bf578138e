import type { DataConverter } from '@temporalio/common';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import { carryVerdict } from '../activities/failure.ts';

/** What the cloud's and the site's workers have in common. The identity tells a role and a process, no host. */
export function commonOptions(
  role: string,
  connection: NativeConnection,
  namespace: string,
  dataConverter: DataConverter | undefined,
) {
  return {
    connection,
    namespace,
    ...(dataConverter ? { dataConverter } : {}),
    identity: `${role}/${process.pid}`,
    interceptors: { activity: [carryVerdict] },
    // A cancellation arrives with the answer to a heartbeat, so these must not be held back for long.
    maxHeartbeatThrottleInterval: '2 seconds',
    defaultHeartbeatThrottleInterval: '2 seconds',
    // Steps that are cut off by a shutdown are done again elsewhere; long ones resume.
    shutdownGraceTime: '2 seconds',
    shutdownForceTime: '15 seconds',
  } as const satisfies Partial<WorkerOptions>;
}
