import { SIGNAL } from '../../domain/signals.ts';
import type { LeaseRequest } from '../../domain/virtual-machine.ts';
import { signalVirtualMachine, type Workflows } from './temporal.ts';

/** The VM's workflow knows its holders and waiters, so that a request that is sent twice is one. */
export async function leaseVirtualMachine(workflows: Workflows, request: LeaseRequest): Promise<void> {
  await signalVirtualMachine(workflows, request.machine.name, SIGNAL.requestLease, request);
}
