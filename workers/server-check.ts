import { Connection } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { SEARCH_ATTRIBUTE } from '../domain/search-attributes.ts';
import type { WorkerConfig } from './config.ts';
import { StartError } from './start-error.ts';

type Server = WorkerConfig['temporal'];

/** https://grpc.io/docs/guides/status-codes/ */
const GRPC = { deadlineExceeded: 4, permissionDenied: 7, unimplemented: 12, unavailable: 14, unauthenticated: 16 };
/** `temporal.api.enums.v1.IndexedValueType`. */
const KEYWORD = 2;
const TIMEOUT_MS = 5_000;

/**
 * A production server (any that is not on this machine's loopback) must not answer who shows no credential: whoever reaches
 * it could start trainings and read histories. There is no way to turn this off. `connection` is the worker's own.
 * @throws StartError
 */
export async function refuseAnonymousServer(
  { options, namespace }: Server,
  connection: NativeConnection,
  isProduction = (address: string) => !isLoopback(address),
): Promise<void> {
  const { address = '' } = options;
  if (!isProduction(address)) return;
  if (await answersAnonymous(options, namespace)) {
    throw new StartError(
      `The Temporal server at ${address} lets anonymous calls into the namespace ${namespace}, so this worker does not start. ` +
        'Make the server demand a credential (client certificates, or API keys or JWTs with an authorizer) and name the ' +
        'worker’s own in its Temporal profile.',
    );
  }
  // A server that is away refuses nobody: that one answers us now shows that it was the stranger whom it refused.
  await connection.withDeadline(Date.now() + TIMEOUT_MS, () => connection.workflowService.getSystemInfo({}));
}

/** Over the same TLS and with the same trust, but with no key, no certificate and no header. Any answer is one too many. */
async function answersAnonymous({ address, tls, apiKey }: Server['options'], namespace: string): Promise<boolean> {
  const { clientCertPair: _, ...trust } = typeof tls === 'object' && tls ? tls : {};
  const stranger = Connection.lazy({
    ...(address === undefined ? {} : { address }),
    tls: tls || (tls === undefined && apiKey !== undefined) ? trust : false,
    // The way that the worker's own connection takes, and no second try.
    channelArgs: { 'grpc.enable_http_proxy': 0 },
    interceptors: [],
  });
  try {
    await stranger.withDeadline(Date.now() + TIMEOUT_MS, () =>
      stranger.workflowService.describeNamespace({ namespace }),
    );
    return true;
  } catch (error) {
    const { unauthenticated, permissionDenied, unavailable, deadlineExceeded } = GRPC;
    // A server that demands a certificate ends the handshake, which gRPC calls unavailable.
    return ![unauthenticated, permissionDenied, unavailable, deadlineExceeded].includes(codeOf(error));
  } finally {
    await stranger.close();
  }
}

/** 127.0.0.0/8, ::1 and localhost: who reaches those is on this machine already. */
export function isLoopback(address: string): boolean {
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return /^127(\.\d{1,3}){3}$/.test(host) || host === '::1' || host.toLowerCase() === 'localhost';
}

/**
 * A run writes search attributes, and one that the namespace does not know would hold up its workflow task for ever. Where the
 * credential may not list them, nothing is said: `doctor` tells.
 * @throws StartError
 */
export async function requireSearchAttributes(
  { options, namespace }: Server,
  connection: NativeConnection,
): Promise<void> {
  const known = await listSearchAttributes(connection, namespace);
  const missing = known ? Object.values(SEARCH_ATTRIBUTE).filter((name) => known[name] !== KEYWORD) : [];
  if (missing.length === 0) return;
  const flags = missing.flatMap((name) => [`--name ${name}`, '--type Keyword']).join(' ');
  throw new StartError(
    `The namespace ${namespace} of Temporal at ${options.address} does not know the search attributes ${missing.join(', ')} ` +
      `(type Keyword). Run: temporal operator search-attribute create --namespace ${namespace} ${flags}`,
  );
}

async function listSearchAttributes(connection: NativeConnection, namespace: string) {
  try {
    const { customAttributes } = await connection.withDeadline(Date.now() + TIMEOUT_MS, () =>
      connection.operatorService.listSearchAttributes({ namespace }),
    );
    return customAttributes ?? {};
  } catch (error) {
    if ([GRPC.permissionDenied, GRPC.unimplemented].includes(codeOf(error))) return undefined;
    throw error;
  }
}

const codeOf = (error: unknown): number => (error as { code?: number }).code ?? -1;
