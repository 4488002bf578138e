import { join } from 'node:path';
import { Client, Connection, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { CLOUD_QUEUE } from '../../../domain/resource-names.ts';
import { SEARCH_ATTRIBUTE } from '../../../domain/search-attributes.ts';
import type { Envelope } from '../../../domain/statement.ts';
import { startTemporal } from '../../support/temporal.ts';
import type { StubInput } from './workflows.ts';

export interface Stub {
  readonly address: string;
  readonly client: Client;
  /** Starts a stand-in of a run, as the client does. */
  start(workflowId: string, input: StubInput, status?: string): Promise<WorkflowHandleWithFirstExecutionRunId>;
  stop(): Promise<void>;
}

/** Answers as the site does, beside the envelope. */
const activities = { issueReceipt: (envelope: Envelope) => Promise.resolve({ digest: '', envelope, path: '' }) };

/** A real Temporal server, and a worker whose `trainModel` is a stand-in. */
export async function startStub(): Promise<Stub> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const server = await startTemporal();
  const connection = await NativeConnection.connect({ address: server.address });
  const client = new Client({ connection: await Connection.connect({ address: server.address }) });
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(import.meta.dirname, 'workflows.ts'),
    logger: new DefaultLogger('ERROR'),
  });
  const worker = await Worker.create({ connection, taskQueue: CLOUD_QUEUE, workflowBundle, activities });
  const running = worker.run();
  return {
    address: server.address,
    client,
    start: (workflowId, input, status = 'Running') =>
      client.workflow.start('trainModel', {
        ...{ workflowId, taskQueue: CLOUD_QUEUE, args: [input] },
        typedSearchAttributes: [
          { key: { name: SEARCH_ATTRIBUTE.site, type: 'KEYWORD' }, value: input.site },
          { key: { name: SEARCH_ATTRIBUTE.model, type: 'KEYWORD' }, value: input.model.name },
          { key: { name: SEARCH_ATTRIBUTE.jobStatus, type: 'KEYWORD' }, value: status },
          { key: { name: SEARCH_ATTRIBUTE.virtualMachine, type: 'KEYWORD' }, value: 'vm-1' },
        ],
      }),
    stop: async () => {
      worker.shutdown();
      await running;
      await client.connection.close();
      await connection.close();
      await server.stop();
    },
  };
}
