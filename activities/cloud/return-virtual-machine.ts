import { SIGNAL } from '../../domain/signals.ts';
import type { LeaseReturn } from '../../domain/virtual-machine.ts';
import { signalVirtualMachine, type Workflows } from './temporal.ts';

/** With start, like the request: a VM's workflow that ended meanwhile finds nothing held, and ends again. */
export async function returnVirtualMachine(
  workflows: Workflows,
  { machine, ...given }: LeaseReturn & { machine: string },
): Promise<void> {
  await signalVirtualMachine(workflows, machine, SIGNAL.returnLease, given);
}
