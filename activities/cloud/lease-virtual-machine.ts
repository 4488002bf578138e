import { SIGNAL } from '../../domain/signals.ts';
import { LeaseRequest } from '../../domain/virtual-machine.ts';
import { parse } from '../../domain/validation.ts';
import { signalVirtualMachine, type Workflows } from './temporal.ts';
import { understood } from './understood.ts';

/** The VM's workflow knows its holders and waiters, so that a request that is sent twice is one. */
export async function leaseVirtualMachine(workflows: Workflows, request: LeaseRequest): Promise<void> {
  await signalVirtualMachine(
    workflows,
    request.machine.name,
    SIGNAL.requestLease,
    understood(parse(LeaseRequest, request)),
  );
}
