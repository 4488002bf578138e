import { diskAddress, machineAddress } from '../../services/stack-hub/compute.ts';
import { networkAddresses } from '../../services/stack-hub/network.ts';
import { deleteResource, getResource, isOurs, requireOurs } from '../../services/stack-hub/resource.ts';
import type { StackHub } from '../../services/stack-hub/session.ts';
import type { Rest } from '../contract.ts';
import { servedOn } from './deploy/record.ts';
import type { Step } from './dependencies.ts';
import type { SiteSession } from './site-session.ts';

/**
 * Removes the VM and all that was made with it, users before what they use; absent is fine, and what lacks our tag stays.
 * Azure tags no implicit disk and Stack Hub's API version knows no `deleteOption`: the disk goes by its derived name, while
 * the VM or the interface beside it, which goes later, shows that it is ours. A VM on which a model serves stays.
 */
export async function deleteVirtualMachine(session: SiteSession, step: Step, machine: string): Promise<Rest> {
  if ((await servedOn(session, machine)).length > 0) return 'serves';
  const hub = await session.stackHub();
  const { networkInterface, publicAddress, virtualNetwork, securityGroup } = networkAddresses(machine);
  const witnessed = await hasWitness(hub, machine, step);
  await deleteResource(hub, machineAddress(machine), step);
  await deleteResource(hub, diskAddress(machine), step, witnessed);
  await deleteResource(hub, networkInterface, step);
  await deleteResource(hub, publicAddress, step);
  await deleteResource(hub, virtualNetwork, step);
  await deleteResource(hub, securityGroup, step);
  return 'rests';
}

/** @throws ServiceError `NotOurs` when there is such a VM and it is another's: then nothing at all is removed. */
async function hasWitness(hub: StackHub, machine: string, step: Step): Promise<boolean> {
  const address = machineAddress(machine);
  const virtualMachine = await getResource(hub, address, step.signal);
  if (virtualMachine) {
    requireOurs(virtualMachine, address);
    return true;
  }
  const networkInterface = await getResource(hub, networkAddresses(machine).networkInterface, step.signal);
  return networkInterface !== undefined && isOurs(networkInterface);
}
