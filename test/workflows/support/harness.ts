import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  Client,
  Connection,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { carryVerdict } from '../../../activities/failure.ts';
import type { PayloadKeys } from '../../../domain/payload-codec.ts';
import { CLOUD_QUEUE, SITE_QUEUE } from '../../../domain/resource-names.ts';
import { Failure } from '../../../domain/failure.ts';
import type { RunStatus } from '../../../domain/run-status.ts';
import type { TrainModelRequest } from '../../../domain/train-model-input.ts';
import { dataConverter } from '../../../workers/data-converter.ts';
import { bundleWorkflows } from '../../../workers/workflow-bundle.ts';
import { startTemporal, type TemporalServer } from '../../support/temporal.ts';
import { EDGE_QUEUE, World } from './world.ts';

export interface Harness {
  readonly client: Client;
  readonly world: World;
  /** Starts a run on a VM of that name. */
  train(input: TrainModelRequest | unknown): Promise<WorkflowHandle>;
  /** One more VM's worker, on a queue of its own. */
  edgeWorker(queue: string): Promise<{ readonly worker: Worker; stop(): Promise<void> }>;
  stop(): Promise<void>;
}

/**
 * A real Temporal server, the real workflows and interceptor, and stubs typed by the contract on the three queues. With `keys`
 * workers and client encrypt; a `server` that is given is the caller's to stop, and what runs on it goes on with these workers.
 */
export async function startHarness(
  given: { readonly keys?: PayloadKeys; readonly server?: TemporalServer } = {},
): Promise<Harness> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const server = given.server ?? (await startTemporal());
  const connection = await NativeConnection.connect({ address: server.address });
  const encryption = given.keys ? { dataConverter: dataConverter(given.keys, server.namespace) } : {};
  const client = new Client({
    ...encryption,
    identity: 'test',
    connection: await Connection.connect({ address: server.address }),
  });
  const world = new World(client);
  const common = {
    ...encryption,
    connection,
    identity: 'test',
    shutdownGraceTime: '1 second',
    maxHeartbeatThrottleInterval: '100ms',
    defaultHeartbeatThrottleInterval: '100ms',
    interceptors: { activity: [carryVerdict] },
  } as const satisfies Partial<WorkerOptions>;
  const workflowBundle = await bundleWorkflows({ encrypted: given.keys !== undefined });
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: CLOUD_QUEUE, workflowBundle, activities: world.cloud }),
    Worker.create({ ...common, taskQueue: SITE_QUEUE, activities: world.site }),
    Worker.create({ ...common, taskQueue: EDGE_QUEUE, activities: world.edge }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  const edgeWorker = async (taskQueue: string) => {
    const worker = await Worker.create({ ...common, taskQueue, activities: world.edge });
    const running = worker.run();
    const stop = () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      return running;
    };
    return { worker, stop };
  };
  return {
    client,
    world,
    edgeWorker,
    train: (input) =>
      client.workflow.start('trainModel', {
        workflowId: `train-${randomUUID()}`,
        taskQueue: CLOUD_QUEUE,
        args: [input],
      }),
    stop: async () => {
      for (const worker of workers) worker.shutdown();
      await running;
      await client.connection.close();
      await connection.close();
      if (!given.server) await server.stop();
    },
  };
}

export const status = (run: WorkflowHandle): Promise<RunStatus> => run.query<RunStatus>('status');

/** What a run or an update failed with. */
export async function failureOf(result: Promise<unknown>): Promise<Failure> {
  const error = await result.then(
    () => assert.fail('it succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError, String(error));
  return Failure.parse((error.cause as { details?: unknown[] }).details?.[0]);
}
