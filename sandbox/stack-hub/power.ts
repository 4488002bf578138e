import type { ArmCall, ArmRoute } from '../server/arm.ts';
import type { Reply } from '../server/front.ts';
import { asyncOperationHeaders, type Operation } from '../server/operations.ts';
import type { Change } from '../server/store.ts';
import { findResource, listResources, put, type Hub, type ResourceRecord } from './hub.ts';
import { newPublicAddress } from './network-rules.ts';
import {
  computePlace,
  computeVersions as versions,
  machineOf,
  machinePath,
  requireMachine,
  requireMachineIdle,
} from './virtual-machine.ts';
import { holderOfPublicAddress, interfaceIds } from './views.ts';

/** Start, restart, power off, deallocate: 202 with Azure-AsyncOperation and Location. Repeating one is harmless. */
export function powerRoutes(hub: Hub): ArmRoute[] {
  hub.operations.define('vm.start', { run: (operation) => start(hub, operation) });
  hub.operations.define('vm.restart', { run: (operation) => restart(hub, operation) });
  hub.operations.define('vm.powerOff', { run: (operation) => stop(hub, operation, false) });
  hub.operations.define('vm.deallocate', { run: (operation) => stop(hub, operation, true) });
  return ['start', 'restart', 'powerOff', 'deallocate'].map((verb) => ({
    ...{ method: 'POST', path: `${machinePath}/${verb}`, versions },
    ...(verb === 'powerOff' ? { query: ['skipShutdown'] } : {}),
    handle: (call: ArmCall) => accept(hub, call, verb),
  }));
}

function accept(hub: Hub, call: ArmCall, verb: string): Reply {
  const vm = requireMachine(hub, call.params);
  const [kind, busy] = [`vm.${verb}`, hub.operations.busy(vm.id)];
  if (busy && busy.kind !== kind) requireMachineIdle(hub, vm.id);
  const operation =
    busy ??
    hub.operations.accept(
      { kind, front: 'stack-hub', target: vm.id.toLowerCase(), method: call.method, path: call.path, input: null },
      [],
    );
  return { status: 202, headers: asyncOperationHeaders(operation, computePlace(hub), 202) };
}

async function start(hub: Hub, { target }: Operation): Promise<Change[]> {
  const vm = findResource(hub, target);
  if (!vm) return [];
  const { privateAddress } = await hub.machines.start(machineOf(vm));
  return [put({ ...vm, hidden: { ...vm.hidden, privateAddress, deallocated: false } })];
}

async function restart(hub: Hub, operation: Operation): Promise<Change[]> {
  const vm = findResource(hub, operation.target);
  if (vm) await hub.machines.stop(machineOf(vm));
  return start(hub, operation);
}

async function stop(hub: Hub, { target }: Operation, deallocate: boolean): Promise<Change[]> {
  const vm = findResource(hub, target);
  if (!vm) return [];
  await hub.machines.stop(machineOf(vm));
  if (!deallocate) return [];
  return [
    put({ ...vm, hidden: { ...vm.hidden, deallocated: true } }),
    ...dynamicAddresses(hub, vm).map((each) => put({ ...each, hidden: { address: newPublicAddress(hub) } })),
  ];
}

/** A deallocated VM loses its dynamic public addresses; the next start brings others. */
function dynamicAddresses(hub: Hub, vm: ResourceRecord): ResourceRecord[] {
  return listResources(hub, 'Microsoft.Network/publicIPAddresses').filter((each) => {
    const nic = holderOfPublicAddress(hub, each.id)?.nic.id.toLowerCase();
    return (
      each.properties.publicIPAllocationMethod === 'Dynamic' && nic !== undefined && interfaceIds(vm).includes(nic)
    );
  });
}
