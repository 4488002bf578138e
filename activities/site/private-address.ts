import { ServiceError } from '../../services/errors.ts';
import { networkAddresses } from '../../services/stack-hub/network.ts';
import { getResource } from '../../services/stack-hub/resource.ts';
import type { StackHub } from '../../services/stack-hub/session.ts';
import type { Step } from './dependencies.ts';

/** Of a VM that runs, as ARM knows it. @throws ServiceError `NoAddress` (host) */
export async function readPrivateAddress(hub: StackHub, machine: string, step: Step): Promise<string> {
  const address = networkAddresses(machine).networkInterface;
  const found = await getResource(hub, address, step.signal);
  const configurations = found?.properties['ipConfigurations'] as
    { properties: { privateIPAddress?: string } }[] | undefined;
  const privateAddress = configurations?.[0]?.properties.privateIPAddress;
  if (privateAddress !== undefined) return privateAddress;
  throw new ServiceError({
    class: 'host',
    type: 'NoAddress',
    cause: `${address.path} has no private address though its VM runs.`,
    nextStep: 'It is read again; if it stays so, delete the VM and start the run again.',
    retryable: true,
  });
}
