import { readFile } from 'node:fs/promises';
import { MachinePolicy } from '../../domain/machine-config.ts';
import type { EdgeDependencies } from './dependencies.ts';

/** What the site lets jobs do, as root wrote it on the VM. Read at each use: the site may change it between two steps. */
export async function readPolicy(edge: EdgeDependencies): Promise<MachinePolicy> {
  return MachinePolicy.parse(JSON.parse(await readFile(edge.policyFile, 'utf8')));
}
