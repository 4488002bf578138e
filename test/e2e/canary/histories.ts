import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Product } from '../product.ts';
import type { Exhibit } from './exhibit.ts';

type Execution = proto.temporal.api.common.v1.IWorkflowExecution;

/**
 * Every workflow of the namespace, with what the server tells of it: its history as it is sent (payloads byte for byte) and
 * as JSON, its description (pending steps with their heartbeats and last failures), and its line in the list, which has
 * memo and search attributes. Then the server's own files, which hold what it tells nobody.
 */
export async function* histories(product: Product): AsyncGenerator<Exhibit> {
  const { address, namespace } = product.info.temporal;
  const connection = await Connection.connect({ address });
  try {
    const { workflowService } = connection;
    for await (const listed of pages((nextPageToken) =>
      workflowService.listWorkflowExecutions({ namespace, nextPageToken }),
    )) {
      for (const info of listed.executions ?? []) {
        const name = `${info.type?.name} ${info.execution?.workflowId}`;
        const described = await workflowService.describeWorkflowExecution({ namespace, execution: info.execution });
        yield { kind: 'history', name: `${name}, listed and described`, bytes: json([info, described]) };
        yield* historyOf(connection, namespace, info.execution ?? {}, name);
      }
    }
  } finally {
    await connection.close();
  }
  const folder = join(product.folder, 'sandbox', 'temporal');
  for (const file of readdirSync(folder))
    yield { kind: 'history', name: `temporal/${file}`, bytes: readFileSync(join(folder, file)) };
}

async function* historyOf(
  { workflowService }: Connection,
  namespace: string,
  execution: Execution,
  name: string,
): AsyncGenerator<Exhibit> {
  for await (const { history } of pages((nextPageToken) =>
    workflowService.getWorkflowExecutionHistory({ namespace, execution, nextPageToken }),
  )) {
    if (!history) continue;
    const bytes = Buffer.from(proto.temporal.api.history.v1.History.encode(history).finish());
    yield { kind: 'history', name: `${name}, history`, bytes };
    yield { kind: 'history', name: `${name}, history as JSON`, bytes: json(history) };
  }
}

async function* pages<T extends { nextPageToken?: Uint8Array | null }>(
  ask: (token: Uint8Array) => Promise<T>,
): AsyncGenerator<T> {
  let token: Uint8Array = new Uint8Array();
  do {
    const page = await ask(token);
    yield page;
    token = page.nextPageToken ?? new Uint8Array();
  } while (token.length > 0);
}

/** Protobuf's own JSON: payloads are base64. */
const json = (message: unknown): Buffer => Buffer.from(JSON.stringify(message));
