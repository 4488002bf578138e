import type { ComputeTarget, EnrolledMachine } from '../../domain/virtual-machine.ts';
import { ServiceError } from '../../services/errors.ts';
import * as azure from '../../services/machine-learning/compute-target.ts';
import type { Cloud } from './cloud.ts';

/** Azure ML gets an account that can do nothing on the VM, and never one that can. */
export async function attachComputeTarget(
  cloud: Cloud,
  { machine, name, address }: { machine: EnrolledMachine; name: string; address: string },
): Promise<ComputeTarget> {
  const { attach } = cloud.file;
  if (!attach) throw noAccount();
  const privateKey = `${(await cloud.secrets.resolve(attach.privateKey)).trimEnd()}\n`;
  return azure.attachComputeTarget(
    await cloud.workspace(),
    { name, resourceId: machine.resourceId, address, account: { username: attach.username, privateKey } },
    cloud.step,
  );
}

export async function findComputeTarget(
  cloud: Cloud,
  { machine, name }: { machine: EnrolledMachine; name: string },
): Promise<ComputeTarget | null> {
  return azure.findComputeTarget(await cloud.workspace(), { name, resourceId: machine.resourceId });
}

export async function detachComputeTarget(cloud: Cloud, name: string): Promise<void> {
  await azure.detachComputeTarget(await cloud.workspace(), name, cloud.step);
}

function noAccount(): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'AttachNotConfigured',
    cause: 'cloud.yml has no attach: there is no account for Azure ML to log in to the VM with.',
    nextStep: 'Add attach (username, privateKey) to cloud.yml, or set attach of site.yml to mode: never.',
    retryable: false,
  });
}
