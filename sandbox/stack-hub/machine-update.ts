import type { z } from 'zod';
import type { ArmCall } from '../server/arm.ts';
import { Failure, notImplemented } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { asyncOperationHeaders } from '../server/operations.ts';
import type { virtualMachine } from './compute-bodies.ts';
import { inState, put, type Hub, type ResourceRecord } from './hub.ts';
import type { VmSize } from './sizes.ts';
import { computePlace, shownMachine } from './virtual-machine.ts';
import { interfaceIds } from './views.ts';

type Body = z.infer<typeof virtualMachine>;

/** What a VM is made of cannot be changed by a PUT; its tags can. */
export function updateMachine(hub: Hub, call: ArmCall & { body: Body }, vm: ResourceRecord, size: VmSize): Reply {
  const { osProfile, storageProfile, networkProfile } = call.body.properties;
  const now = vm.properties as unknown as Body['properties'];
  if (size.name !== now.hardwareProfile.vmSize) throw notImplemented('resizing a VM');
  const fixed: [string, unknown, unknown][] = [
    ['osProfile.computerName', osProfile.computerName, now.osProfile.computerName],
    ['osProfile.adminUsername', osProfile.adminUsername, now.osProfile.adminUsername],
    ['linuxConfiguration.ssh.publicKeys', keysOf(osProfile), keysOf(now.osProfile)],
    ['imageReference', imageOf(storageProfile.imageReference), imageOf(now.storageProfile.imageReference)],
    ['osDisk.name', storageProfile.osDisk.name ?? now.storageProfile.osDisk.name, now.storageProfile.osDisk.name],
    ['networkProfile', networkProfile.networkInterfaces[0]!.id.toLowerCase(), interfaceIds(vm)[0]],
  ];
  const changed = fixed.find(([, given, kept]) => given !== kept);
  if (changed)
    throw new Failure(409, 'PropertyChangeNotAllowed', `Changing property '${changed[0]}' is not allowed.`, {
      target: changed[0],
    });
  const { tags: _, ...rest } = vm;
  const next = inState({ ...rest, ...(call.body.tags ? { tags: call.body.tags } : {}) }, 'Updating');
  const operation = hub.operations.accept(
    {
      kind: 'vm.update',
      front: 'stack-hub',
      target: vm.id.toLowerCase(),
      method: call.method,
      path: call.path,
      input: null,
    },
    [put(next)],
  );
  return json(200, shownMachine(hub, next), asyncOperationHeaders(operation, computePlace(hub), 201));
}

function keysOf({ linuxConfiguration }: Body['properties']['osProfile']): string {
  return (linuxConfiguration?.ssh?.publicKeys ?? []).map(({ keyData }) => keyData.trim()).join('\n');
}

function imageOf({ publisher, offer, sku }: Body['properties']['storageProfile']['imageReference']): string {
  return `${publisher}:${offer}:${sku}`.toLowerCase();
}
