import { ServiceError } from '../../services/errors.ts';
import { diskAddress, machineAddress } from '../../services/stack-hub/compute.ts';
import { networkAddresses } from '../../services/stack-hub/network.ts';
import { deleteResource, getResource, isOurs, settledResource } from '../../services/stack-hub/resource.ts';
import type { StackHub } from '../../services/stack-hub/session.ts';
import type { Step } from './dependencies.ts';

/**
 * Removes the disk of a VM that somebody else deleted: Stack Hub leaves it, and would refuse a new VM beside it for ever.
 * It has no tag of ours, so our interface beside it is what shows that it is; asked before one is made. @throws ServiceError
 */
export async function removeOrphanedDisk(hub: StackHub, machine: string, step: Step): Promise<void> {
  if (await settledResource(hub, machineAddress(machine), step)) return;
  const address = diskAddress(machine);
  if (!(await getResource(hub, address, step.signal))) return;
  const witness = await getResource(hub, networkAddresses(machine).networkInterface, step.signal);
  if (!witness || !isOurs(witness)) throw taken(address.path, machine);
  await deleteResource(hub, address, step, true);
}

function taken(disk: string, machine: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'NotOurs',
    cause: `${disk} is there already without a VM, and nothing shows that edge-train made it: it is left alone.`,
    nextStep: `Delete it if nobody needs it, or choose another VM name than ${machine}.`,
    retryable: false,
  });
}
