import type { ComputeResource, ErrorDetail } from '@azure/arm-machinelearning';
import type { ComputeTarget } from '../../domain/virtual-machine.ts';
import { ServiceError } from '../errors.ts';
import { abort, rest, type Waiting } from './waiting.ts';
import type { Workspace } from './workspace.ts';

export interface AttachRequest {
  readonly name: string;
  /** Of the VM, on the Stack Hub. */
  readonly resourceId: string;
  /** That Azure ML dials. */
  readonly address: string;
  readonly account: { readonly username: string; readonly privateKey: string };
}

/**
 * Attaches a VM as a compute target of type VirtualMachine, as `az ml compute attach` does. GET before PUT, since PUT
 * overwrites silently; one that is there for this VM is waited for, one that failed is put again.
 * @throws ServiceError `ComputeTargetTaken` (policy), `AttachFailed` (network or policy)
 */
export async function attachComputeTarget(
  workspace: Workspace,
  request: AttachRequest,
  waiting: Waiting = {},
): Promise<ComputeTarget> {
  const there = await read(workspace, request.name);
  refuseAnother(there, request);
  if (!there || ['Failed', 'Canceled', 'Unknown'].includes(stateOf(there))) await put(workspace, request, waiting);
  for (;;) {
    const compute = await read(workspace, request.name);
    const state = compute ? stateOf(compute) : 'Failed';
    if (compute && state === 'Succeeded') return attached(compute, request.name);
    if (state === 'Failed' || state === 'Canceled') throw attachFailed(workspace, request, compute);
    await rest(waiting);
  }
}

/** Null unless the compute target is there, whole, and this VM's. */
export async function findComputeTarget(
  workspace: Workspace,
  { name, resourceId }: { name: string; resourceId: string },
): Promise<ComputeTarget | null> {
  const there = await read(workspace, name);
  if (!there || !isOf(there, resourceId) || stateOf(there) !== 'Succeeded') return null;
  return attached(there, name);
}

/** Removes Azure ML's record, never the VM. Absent is fine; returns when it is gone. */
export async function detachComputeTarget(workspace: Workspace, name: string, waiting: Waiting = {}): Promise<void> {
  for (let there = await read(workspace, name); there; there = await read(workspace, name)) {
    if (stateOf(there) !== 'Deleting') {
      await workspace.find(`detaching the compute target ${name}`, () =>
        workspace.client.computeOperations.beginDelete(workspace.group, workspace.name, name, 'Detach', abort(waiting)),
      );
    }
    await rest(waiting);
  }
}

/** Only the first answer is of use: what becomes of it is read from the resource, which names its errors. */
async function put(workspace: Workspace, request: AttachRequest, waiting: Waiting): Promise<void> {
  const { name, resourceId, address, account } = request;
  await workspace.call(`attaching the compute target ${name}`, () =>
    workspace.client.computeOperations.beginCreateOrUpdate(
      workspace.group,
      workspace.name,
      name,
      {
        properties: {
          computeType: 'VirtualMachine',
          description: 'A VM on Azure Stack Hub. edge-train trains on it; the attached account can do nothing there.',
          resourceId,
          properties: {
            address,
            sshPort: 22,
            administratorAccount: { username: account.username, privateKeyData: account.privateKey },
          },
        },
      },
      abort(waiting),
    ),
  );
}

function read(workspace: Workspace, name: string): Promise<ComputeResource | undefined> {
  return workspace.find(`reading the compute target ${name}`, () =>
    workspace.client.computeOperations.get(workspace.group, workspace.name, name),
  );
}

function attached(compute: ComputeResource, name: string): ComputeTarget {
  return { state: 'attached', name, resourceId: compute.id ?? '' };
}

const stateOf = (compute: ComputeResource): string => compute.properties?.provisioningState ?? 'Unknown';

const isOf = ({ properties }: ComputeResource, resourceId: string): boolean =>
  properties?.computeType === 'VirtualMachine' && properties.resourceId?.toLowerCase() === resourceId.toLowerCase();

function refuseAnother(there: ComputeResource | undefined, { name, resourceId }: AttachRequest): void {
  if (!there || isOf(there, resourceId)) return;
  throw new ServiceError({
    class: 'policy',
    type: 'ComputeTargetTaken',
    cause: `The compute target ${name} is there already, for ${there.properties?.resourceId ?? 'something else'}.`,
    nextStep: 'Detach it if it is not used any more, or give the VM another name.',
    retryable: false,
  });
}

function attachFailed(
  workspace: Workspace,
  request: AttachRequest,
  compute: ComputeResource | undefined,
): ServiceError {
  const details = (compute?.properties?.provisioningErrors ?? []).flatMap(({ error }) => (error ? flatten(error) : []));
  const why = details.map(({ code, message }) => `${code}: ${message}`).join('; ') || 'Azure ML gave no reason';
  const refused = /authenti|permission denied|credential|private key/i.test(why);
  return new ServiceError({
    class: refused ? 'policy' : 'network',
    type: 'AttachFailed',
    cause: `Azure ML could not attach ${request.name} at ${request.address} in ${workspace.name}: ${why.slice(0, 600)}`,
    nextStep: refused
      ? 'Check that attach.privateKey of cloud.yml is the private half of attach.publicKey of site.yml.'
      : 'Check attach.from of site.yml against the addresses that Azure ML dials from, and that TCP 22 reaches the VM.',
    retryable: !refused,
  });
}

/** Azure nests the reason below a code that says nothing. */
function flatten({ code, message, details }: ErrorDetail): { code: string; message: string }[] {
  return [{ code: code ?? 'Error', message: message ?? '' }, ...(details ?? []).flatMap(flatten)];
}
