import { withBody, type ArmRoute } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { operationResult, operationStatus } from '../server/operations.ts';
import { virtualMachine } from './compute-bodies.ts';
import { diskRoutes } from './disks.ts';
import { extensionRoutes } from './extensions.ts';
import { findResource, listResources, requireGroup, type Hub } from './hub.ts';
import { imageVersions } from './images.ts';
import { defineMachineOperations, deleteMachine, putMachine } from './machine-life.ts';
import { powerRoutes } from './power.ts';
import { offeredSizes, usages } from './sizes.ts';
import {
  computeVersions as versions,
  instanceView,
  machinePath,
  machineType,
  requireMachine,
  shownMachine,
} from './virtual-machine.ts';

const locations = '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/locations/{location}';

/** Microsoft.Compute: VMs, their power, extensions and disks, sizes and usages. */
export function computeRoutes(hub: Hub): ArmRoute[] {
  defineMachineOperations(hub);
  const collection = machinePath.slice(0, machinePath.lastIndexOf('/'));
  return [
    {
      method: 'PUT',
      path: machinePath,
      versions,
      ...withBody(virtualMachine, 'compute', (call) => putMachine(hub, call)),
    },
    {
      method: 'GET',
      path: machinePath,
      versions,
      query: ['$expand'],
      handle: (call) => getMachine(hub, call.params, call.query),
    },
    {
      method: 'GET',
      path: `${machinePath}/instanceView`,
      versions,
      handle: async ({ params }) => json(200, await instanceView(hub, requireMachine(hub, params))),
    },
    { method: 'DELETE', path: machinePath, versions, handle: (call) => deleteMachine(hub, call) },
    {
      method: 'GET',
      path: collection,
      versions,
      handle: ({ params }) => listMachines(hub, requireGroup(hub, params.group!)),
    },
    {
      method: 'GET',
      path: `/subscriptions/{subscriptionId}/providers/${machineType}`,
      versions,
      handle: () => listMachines(hub),
    },
    ...powerRoutes(hub),
    ...extensionRoutes(hub),
    ...diskRoutes(hub),
    {
      method: 'GET',
      path: `${locations}/vmSizes`,
      versions,
      handle: ({ params }) => inLocation(hub, params, offeredSizes(hub)),
    },
    {
      method: 'GET',
      path: `${locations}/usages`,
      versions,
      handle: ({ params }) => inLocation(hub, params, usages(hub)),
    },
    {
      method: 'GET',
      path: `${locations}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions`,
      versions,
      handle: ({ params }) => json(200, imageVersions(hub, params as never)),
    },
    operationRoute(hub, 'operations'),
    operationRoute(hub, 'operationResults'),
  ];
}

async function getMachine(hub: Hub, params: Record<string, string>, query: URLSearchParams): Promise<Reply> {
  const vm = requireMachine(hub, params);
  const shownVm = shownMachine(hub, vm);
  const expand = query.get('$expand');
  if (expand === null) return json(200, shownVm);
  if (expand.toLowerCase() !== 'instanceview')
    throw new Failure(
      400,
      'InvalidParameter',
      `The value '${expand}' of $expand is not supported. Supported values: instanceView.`,
      { target: '$expand' },
    );
  return json(200, { ...shownVm, properties: { ...vm.properties, instanceView: await instanceView(hub, vm) } });
}

function listMachines(hub: Hub, group?: string): Reply {
  return json(200, { value: listResources(hub, machineType, group).map((vm) => shownMachine(hub, vm)) });
}

function inLocation(hub: Hub, { location }: Record<string, string>, value: unknown[]): Reply {
  if (location!.toLowerCase() === hub.config.location.toLowerCase()) return json(200, { value });
  throw new Failure(
    404,
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '${location}'. The supported locations are '${hub.config.location}'.`,
  );
}

function operationRoute(hub: Hub, kind: 'operations' | 'operationResults'): ArmRoute {
  return {
    ...{ method: 'GET', path: `${locations}/${kind}/{operation}`, versions: [...versions, '2019-07-01'] },
    handle: (call) => {
      const operation = hub.operations.get(call.params.operation!);
      if (!operation)
        throw new Failure(404, 'OperationNotFound', `The operation ${call.params.operation} was not found.`);
      if (kind === 'operations') return operationStatus(operation, call.path);
      const left = findResource(hub, operation.target);
      return operationResult(
        operation,
        `${hub.origin}${call.target}`,
        operation.method === 'PUT' && left ? shownMachine(hub, left) : undefined,
      );
    },
  };
}
