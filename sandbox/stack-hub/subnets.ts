import type { z } from 'zod';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { json, type Reply } from '../server/front.ts';
import { asyncOperationHeaders, type Operation } from '../server/operations.ts';
import type { Change } from '../server/store.ts';
import {
  findResource,
  notFound,
  parentNotFound,
  put,
  requireGroup,
  typePath,
  type Hub,
  type ResourceRecord,
} from './hub.ts';
import { checkName, networkPlace, networkVersions as versions, requireIdle } from './network.ts';
import { subnet } from './network-bodies.ts';
import { checkSubnets, keptSubnet } from './network-rules.ts';
import { requireSubnetUnused } from './network-uses.ts';
import { subnetsOf, type Subnet } from './views.ts';

const networkType = 'Microsoft.Network/virtualNetworks';
const collectionPath = `/subscriptions/{subscriptionId}/resourceGroups/{group}/providers/${networkType}/{network}/subnets`;

/**
 * Subnets of a virtual network. Their PUT is the third style of asynchronous operation: 201 with `provisioningState`
 * Updating and no header; the client asks the resource itself.
 */
export function subnetRoutes(hub: Hub): ArmRoute[] {
  const path = `${collectionPath}/{name}`;
  hub.operations.define('subnet.put', {
    run: async (operation) => settle(hub, operation),
    fail: (operation) => settle(hub, operation, 'Failed'),
  });
  hub.operations.define('subnet.delete', { run: async (operation) => drop(hub, operation) });
  return [
    { method: 'PUT', path, versions, ...withBody(subnet, 'network', (call) => putSubnet(hub, call)) },
    { method: 'GET', path, versions, handle: (call) => json(200, requireSubnet(hub, call.params)) },
    { method: 'DELETE', path, versions, handle: (call) => deleteSubnet(hub, call) },
    {
      method: 'GET',
      path: collectionPath,
      versions,
      handle: ({ params }) => json(200, { value: subnetsOf(requireNetwork(hub, params)) }),
    },
  ];
}

function putSubnet(hub: Hub, call: ArmCall & { body: z.infer<typeof subnet> }): Reply {
  const network = requireNetwork(hub, call.params, true);
  const name = call.params.name!;
  checkName('Microsoft.Network/virtualNetworks/subnets', name);
  requireIdle(hub, network.id);
  const made = keptSubnet(hub, network.id, name, call.body.properties as Subnet['properties']);
  const id = made.id.toLowerCase();
  requireIdle(hub, id);
  const existed = subnetsOf(network).some((each) => each.id.toLowerCase() === id);
  const subnets = [...subnetsOf(network).filter((each) => each.id.toLowerCase() !== id), made];
  checkSubnets((network.properties.addressSpace as { addressPrefixes: string[] }).addressPrefixes, subnets, network);
  const updating = { ...made, properties: { ...made.properties, provisioningState: 'Updating' } };
  hub.operations.accept(
    { kind: 'subnet.put', front: 'stack-hub', target: id, method: call.method, path: call.path, input: null },
    [
      withSubnets(
        network,
        subnets.map((each) => (each === made ? updating : each)),
      ),
    ],
  );
  return json(existed ? 200 : 201, updating);
}

function deleteSubnet(hub: Hub, call: ArmCall): Reply {
  const network = requireNetwork(hub, call.params);
  const id = `${network.id}/subnets/${call.params.name}`.toLowerCase();
  if (!subnetsOf(network).some((each) => each.id.toLowerCase() === id)) return { status: 204 };
  requireIdle(hub, network.id);
  requireIdle(hub, id);
  requireSubnetUnused(hub, id);
  const operation = hub.operations.accept(
    { kind: 'subnet.delete', front: 'stack-hub', target: id, method: call.method, path: call.path, input: null },
    [],
  );
  return { status: 202, headers: asyncOperationHeaders(operation, networkPlace(hub), 202) };
}

function requireNetwork(hub: Hub, { group, network, name }: Record<string, string>, write = false): ResourceRecord {
  const id = `${requireGroup(hub, group!, write)}/providers/${typePath(networkType, network!)}`;
  const found = findResource(hub, id);
  if (!found) throw parentNotFound(id, `${id}/subnets/${name ?? ''}`);
  return found;
}

function requireSubnet(hub: Hub, params: Record<string, string>): Subnet {
  const found = subnetsOf(requireNetwork(hub, params)).find(
    ({ name }) => name.toLowerCase() === params.name!.toLowerCase(),
  );
  if (!found) throw notFound(`${networkType}/subnets`, `${params.network}/${params.name}`, params.group!);
  return found;
}

function settle(hub: Hub, { target }: Operation, provisioningState = 'Succeeded'): Change[] {
  return change(hub, target, (subnets) =>
    subnets.map((each) =>
      each.id.toLowerCase() === target ? { ...each, properties: { ...each.properties, provisioningState } } : each,
    ),
  );
}

function drop(hub: Hub, { target }: Operation): Change[] {
  return change(hub, target, (subnets) => subnets.filter((each) => each.id.toLowerCase() !== target));
}

function change(hub: Hub, subnetId: string, how: (subnets: Subnet[]) => Subnet[]): Change[] {
  const network = findResource(hub, subnetId.slice(0, subnetId.lastIndexOf('/subnets/')));
  return network ? [withSubnets(network, how(subnetsOf(network)))] : [];
}

function withSubnets(network: ResourceRecord, subnets: Subnet[]): Change {
  return put({ ...network, properties: { ...network.properties, subnets } });
}
