import type { PowerState } from '../../domain/virtual-machine.ts';
import type { Rest } from '../contract.ts';
import { ServiceError } from '../../services/errors.ts';
import { deallocateMachine, machineAddress, readPowerState } from '../../services/stack-hub/compute.ts';
import { getResource, requireOurs } from '../../services/stack-hub/resource.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { servedOn } from './deploy/record.ts';
import { connectHost, findHost } from './host/connect.ts';
import type { SiteSession } from './site-session.ts';

/** What Azure says of a VM that has gone silent; of an existing host, whether its own sshd answers. */
export async function inspectVirtualMachine(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  machine: string,
): Promise<PowerState> {
  const host = findHost(session.site.hosts, machine);
  if (!host) return readPowerState(await session.stackHub(), machine, step.signal);
  try {
    using _ = await connectHost(dependencies, step, machine, host);
    return 'running';
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.class === 'network') return 'unreachable';
    if (error.type === 'LoginRefused') return 'running'; // it has shown its key by then
    throw error;
  }
}

/** Absent or already deallocated is fine. One on which a model serves stays up. */
export async function deallocateVirtualMachine(session: SiteSession, step: Step, machine: string): Promise<Rest> {
  if ((await servedOn(session, machine)).length > 0) return 'serves';
  const hub = await session.stackHub();
  const address = machineAddress(machine);
  const existing = await getResource(hub, address, step.signal);
  if (!existing) return 'rests';
  requireOurs(existing, address);
  if ((await readPowerState(hub, machine, step.signal)) !== 'deallocated') await deallocateMachine(hub, machine, step);
  return 'rests';
}
