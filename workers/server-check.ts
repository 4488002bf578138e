import type { NativeConnection } from '@temporalio/worker';
import { askTemporal, type TemporalFront } from '../activities/ask-temporal.ts';
import { SEARCH_ATTRIBUTE } from '../domain/search-attributes.ts';
import { codeOf, GRPC, isLoopback, namesCaller } from '../domain/temporal-server.ts';
import type { WorkerConfig } from './config.ts';
import { StartError } from './start-error.ts';

type Server = WorkerConfig['temporal'];

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
  // Any answer is one too many.
  if ((await askTemporal(frontOf({ options, namespace }))) === 'answers') {
    throw new StartError(
      `The Temporal server at ${address} lets anonymous calls into the namespace ${namespace}, so this worker does not start. ` +
        'Make the server demand a credential (client certificates, or API keys or JWTs with an authorizer) and name the ' +
        'worker’s own in its Temporal profile.',
    );
  }
  // A server that is away refuses nobody: that one answers us now shows that it was the stranger whom it refused.
  await connection.withDeadline(Date.now() + TIMEOUT_MS, () => connection.workflowService.getSystemInfo({}));
}

/** The same server over the same TLS and with the same trust, for who shows no key, no certificate and no header. */
export function frontOf({ options: { address = '', tls, apiKey }, namespace }: Server): TemporalFront {
  const { clientCertPair: _, ...trust } = typeof tls === 'object' && tls ? tls : {};
  return { address, namespace, tls: tls || (tls === undefined && apiKey !== undefined) ? trust : false };
}

/** Whether its profile gives the worker a credential to show. */
export const showsCredential = ({ options: { tls, apiKey, metadata } }: Server): boolean =>
  apiKey !== undefined || (typeof tls === 'object' && tls?.clientCertPair != null) || namesCaller(metadata);

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
    const code = codeOf(error);
    if (code === GRPC.permissionDenied || code === GRPC.unimplemented) return undefined;
    throw error;
  }
}
