import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { CommandError, failed, unreachable } from '../command-error.ts';
import type { TemporalClient } from './connect.ts';

/** gRPC codes (https://grpc.io/docs/guides/status-codes/) that say that the server was not there or not in time. */
const AWAY = new Set([1, 4, 14]);
const REFUSED = new Set([7, 16]);

/** What an error of a call to Temporal means for the user. */
export function serviceTrouble(error: unknown, { address, namespace }: TemporalClient, what: string): CommandError {
  if (error instanceof CommandError) return error;
  const code = grpcCode(error);
  if (code !== undefined && AWAY.has(code)) {
    return unreachable(
      `${what}: Temporal at ${address} does not answer.`,
      'Check that the server runs (`edge-train sandbox status`) and run the command again; nothing is done twice.',
    );
  }
  if (code !== undefined && REFUSED.has(code)) {
    return failed({
      class: 'policy',
      type: 'AccessDenied',
      cause: `${what}: Temporal at ${address} does not let you into the namespace ${namespace}.`,
      nextStep: 'Check the credential in your Temporal profile.',
    });
  }
  const message = firstLine(deepest(error));
  return failed({
    class: 'internal',
    type: 'TemporalRefused',
    cause: `${what}: Temporal at ${address} refused it: ${message}`,
    nextStep: nextStep(message),
  });
}

function nextStep(message: string): string {
  if (/search attribute|EdgeTrain[A-Z]/i.test(message)) {
    const names = Object.values(SEARCH_ATTRIBUTE).map((name) => `--name ${name} --type Keyword`);
    return `The operator tells the namespace of them, once: temporal operator search-attribute create ${names.join(' ')}`;
  }
  if (/Unknown encoding: binary\/encrypted/.test(message))
    return 'Payloads are encrypted here: client.yml needs `codec`, with the keys that the workers have.';
  if (/namespace/i.test(message)) return 'Check the namespace in your Temporal profile.';
  return 'Look at the server’s log, and report this if it is edge-train’s fault.';
}

export function isAway(error: unknown): boolean {
  const code = grpcCode(error);
  return code !== undefined && AWAY.has(code);
}

function grpcCode(error: unknown): number | undefined {
  for (let current = error, depth = 0; current && depth < 5; depth++) {
    const { code, cause } = current as { code?: unknown; cause?: unknown };
    if (typeof code === 'number') return code;
    current = cause;
  }
  return undefined;
}

function deepest(error: unknown): unknown {
  const cause = (error as { cause?: unknown } | undefined)?.cause;
  return cause instanceof Error ? deepest(cause) : error;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
