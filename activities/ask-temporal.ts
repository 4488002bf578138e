import { Connection, type ConnectionOptions } from '@temporalio/client';
import { codeOf, GRPC, receptionOf, strangersLetIn, type Reception } from '../domain/temporal-server.ts';
import { ServiceError } from '../services/errors.ts';

export interface TemporalFront {
  readonly address: string;
  readonly namespace: string;
  /** Whom to trust, and no certificate of the caller's own. */
  readonly tls: Exclude<ConnectionOptions['tls'], undefined | null>;
}

const TIMEOUT_MS = 5_000;

/** How a Temporal server receives who shows this key, or nothing at all. Changes nothing; never throws. */
export async function askTemporal({ address, namespace, tls }: TemporalFront, apiKey?: string): Promise<Reception> {
  const connection = Connection.lazy({
    ...{ address, tls },
    ...(apiKey === undefined ? {} : { apiKey }),
    // The way that a worker's own connection takes, and no second try.
    channelArgs: { 'grpc.enable_http_proxy': 0 },
    interceptors: [],
  });
  try {
    const call = () => connection.workflowService.describeNamespace({ namespace });
    return receptionOf(
      await connection.withDeadline(Date.now() + TIMEOUT_MS, call).then(
        () => GRPC.ok,
        (error: unknown) => codeOf(error),
      ),
    );
  } finally {
    await connection.close();
  }
}

/** Of a server that answers who shows nothing. */
export function anonymousCalls(address: string, namespace: string): ServiceError {
  const { cause, nextStep } = strangersLetIn(address, namespace);
  return new ServiceError({ class: 'policy', type: 'AnonymousCalls', cause, nextStep, retryable: false });
}
