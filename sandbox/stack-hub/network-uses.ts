import { Failure } from '../server/errors.ts';
import { listResources, type Hub, type ResourceRecord } from './hub.ts';
import {
  holderOfPublicAddress,
  ipConfigurations,
  machineOfInterface,
  subnetsOf,
  usersOfSecurityGroup,
} from './views.ts';

/** What is in use is not deleted; Microsoft.Network says so with 400 and a code for each type. @throws Failure 400 */
export function requireUnused(hub: Hub, record: ResourceRecord): void {
  switch (record.type) {
    case 'Microsoft.Network/virtualNetworks':
      return subnetsOf(record).forEach(({ id }) => requireSubnetUnused(hub, id));
    case 'Microsoft.Network/networkSecurityGroups': {
      const { interfaces, subnets } = usersOfSecurityGroup(hub, record.id);
      const users = [...interfaces, ...subnets];
      if (users.length === 0) return;
      throw new Failure(
        400,
        'InUseNetworkSecurityGroupCannotBeDeleted',
        `Network security group ${record.id} cannot be deleted because it is in use by the following resources: ${users.join(', ')}. In order to delete the Network security group, remove the association with the resource(s).`,
      );
    }
    case 'Microsoft.Network/publicIPAddresses': {
      const holder = holderOfPublicAddress(hub, record.id);
      if (!holder) return;
      throw new Failure(
        400,
        'PublicIPAddressCannotBeDeleted',
        `Public IP address ${record.id} can not be deleted since it is still allocated to resource ${holder.configuration.id}. In order to delete the public IP, disassociate/detach the Public IP address from the resource.`,
      );
    }
    case 'Microsoft.Network/networkInterfaces': {
      const vm = machineOfInterface(hub, record.id);
      if (!vm) return;
      throw new Failure(
        400,
        'NicInUse',
        `Network Interface ${record.id} is used by existing resource ${vm.id}. In order to delete the network interface, it must be dissociated from the resource.`,
      );
    }
  }
}

/** @throws Failure 400 InUseSubnetCannotBeDeleted */
export function requireSubnetUnused(hub: Hub, subnet: string): void {
  const users = listResources(hub, 'Microsoft.Network/networkInterfaces')
    .flatMap(ipConfigurations)
    .filter(({ properties }) => properties.subnet.id.toLowerCase() === subnet.toLowerCase());
  if (users.length === 0) return;
  throw new Failure(
    400,
    'InUseSubnetCannotBeDeleted',
    `Subnet ${subnet.split('/').at(-1)} is in use by ${users[0]!.id} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet.`,
  );
}
