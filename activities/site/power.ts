import type { PowerState } from '../../domain/virtual-machine.ts';
import { deallocateMachine, machineAddress, readPowerState } from '../../services/stack-hub/compute.ts';
import { getResource, requireOurs } from '../../services/stack-hub/resource.ts';
import type { Step } from './dependencies.ts';
import type { SiteSession } from './site-session.ts';

/** What Azure says of a VM that has gone silent. */
export async function inspectVirtualMachine(session: SiteSession, step: Step, machine: string): Promise<PowerState> {
  return readPowerState(await session.stackHub(), machine, step.signal);
}

/** Absent or already deallocated is fine. */
export async function deallocateVirtualMachine(session: SiteSession, step: Step, machine: string): Promise<void> {
  const hub = await session.stackHub();
  const address = machineAddress(machine);
  const existing = await getResource(hub, address, step.signal);
  if (!existing) return;
  requireOurs(existing, address);
  if ((await readPowerState(hub, machine, step.signal)) !== 'deallocated') await deallocateMachine(hub, machine, step);
}
