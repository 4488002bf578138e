/** https://grpc.io/docs/guides/status-codes/ */
export const GRPC = {
  ok: 0,
  deadlineExceeded: 4,
  permissionDenied: 7,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** What a server made of a caller; `silent`: it, or its TLS, said nothing. */
export type Reception = 'answers' | 'refuses' | 'silent';

/**
 * From the gRPC status of a call that takes a permission (Temporal's default authorizer lets everybody ask for its health and
 * its version). Any answer is one, be it that there is no such namespace.
 */
export function receptionOf(code: number): Reception {
  if (code === GRPC.permissionDenied || code === GRPC.unauthenticated) return 'refuses';
  // A server that demands a certificate ends the handshake, which gRPC calls unavailable.
  return code === GRPC.unavailable || code === GRPC.deadlineExceeded ? 'silent' : 'answers';
}

/** The status of an error of a gRPC client's; -1 where it has none. */
export const codeOf = (error: unknown): number => (error as { code?: number } | undefined)?.code ?? -1;

/** 127.0.0.0/8, ::1 and localhost: who reaches those is on this machine already. */
export function isLoopback(address: string): boolean {
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return /^127(\.\d{1,3}){3}$/.test(host) || host === '::1' || host.toLowerCase() === 'localhost';
}

/**
 * Whether a server must refuse who shows no credential: one that is not this machine's own, and any that one is shown to, since
 * loopback may be the near end of a tunnel.
 */
export const mustRefuseStrangers = (address: string, showsCredential: boolean): boolean =>
  showsCredential || !isLoopback(address);

/** What `doctor` says of one that does not, and what is to be done. */
export const strangersLetIn = (address: string, namespace: string) => ({
  cause: `Temporal at ${address} lets anonymous calls into the namespace ${namespace}: whoever reaches it can start trainings and read histories.`,
  nextStep:
    'Give the server an authorizer and a claim mapper, both (docs/operations.md, “Temporal”), and each caller its own credential.',
});

/** Whether a profile's headers are a credential. */
export const namesCaller = (metadata: object | undefined): boolean =>
  Object.keys(metadata ?? {}).some((name) => name.toLowerCase() === 'authorization');
