import { z } from 'zod';
import { VirtualMachineName, VirtualMachineSizeName } from './resource-names.ts';

/** What a compute of the cloud is on a site. Nothing stated: the smallest VM that holds the job. */
export const Compute = z
  .strictObject({
    size: VirtualMachineSizeName.optional().describe('A VM of this size, one of `virtualMachines.sizes`.'),
    virtualMachine: VirtualMachineName.optional().describe('The VM of this name.'),
    host: VirtualMachineName.optional().describe('One of `hosts`; alone.'),
  })
  .refine(({ size, virtualMachine, host }) => host === undefined || (size ?? virtualMachine) === undefined, {
    error: 'a host has its own name and size: host stands alone',
  });
export type Compute = z.infer<typeof Compute>;

/** `cpu-cluster` of `azureml:cpu-cluster`, of the bare name, or of its Azure resource id. */
export function computeName(text: string): string {
  const id = /\/computes\/([^/]+)\/?$/i.exec(text);
  return id?.[1] ?? text.replace(/^azureml:/, '');
}
