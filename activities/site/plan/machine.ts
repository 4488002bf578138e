import { chooseSize, type MachineSize } from '../../../domain/machine-size.ts';
import { numberedMachine, virtualMachineName } from '../../../domain/resource-names.ts';
import type { TrainModelInput } from '../../../domain/train-model-input.ts';
import { shown, type Issue } from '../../../domain/validation.ts';
import { ServiceError } from '../../../services/errors.ts';
import { listSizes, machineAddress, readQuota } from '../../../services/stack-hub/compute.ts';
import { getResource, requireOurs } from '../../../services/stack-hub/resource.ts';
import type { Step } from '../dependencies.ts';
import { findHost } from '../host/connect.ts';
import type { Choice } from '../plan-training.ts';
import type { SiteSession } from '../site-session.ts';
import { wantedMachine, type WantedMachine } from './compute.ts';
import type { PlannedData } from './data.ts';
import { chooseHost } from './host.ts';

export interface MachineChoice {
  readonly name: string;
  /** An existing host. */
  readonly host?: true;
  readonly size: MachineSize;
  readonly larger?: string;
  /** Set where the VM would have to be made and the site's quota has no room for it. */
  readonly shortage?: ServiceError;
}

/** Azure ML's own default for /dev/shm, where the VM has room for it. */
const DEFAULT_SHARED_MEMORY_MIB = 2048;

/**
 * A size that the site allows and the Stack Hub offers and that holds the data; and the VM's name. A VM that is there keeps its
 * size: it is refused when that will not do. `slot` is which of a sweep's VMs: the second of `trainer` is `trainer-2`.
 */
export async function chooseMachine(
  session: SiteSession,
  step: Step,
  input: TrainModelInput,
  data: readonly PlannedData[],
  slot: number,
): Promise<Choice<MachineChoice>> {
  const { site } = session;
  const { value: wanted, issues } = wantedMachine(site, input);
  if (!wanted) return { issues };
  const need = {
    dataBytes: data.reduce((sum, { input: { bytes } }) => sum + bytes, 0),
    sharedMemoryMiB: requestedSharedMemory(input) ?? 0,
  };
  if (wanted.host !== undefined) return chooseHost(session, step, wanted.host, need);
  const asked = wanted.name ?? site.virtualMachines.default;
  const stated = asked === undefined ? undefined : numberedMachine(asked, slot);
  if ([wanted.name, stated].some((name) => findHost(site.hosts, name ?? '')))
    return { issues: [hostAsMachine(wanted)] };
  const offered = await offeredSizes(session, step);
  const existing = stated === undefined ? undefined : await existingSize(session, step, stated);
  const requested = wanted.size;
  if (existing !== undefined && requested !== undefined && requested.toLowerCase() !== existing.toLowerCase()) {
    return {
      issues: [
        {
          path: wanted.sizeAt,
          rule: `the VM ${stated} is there with the size ${existing}; ask for that size or for another VM name`,
          value: requested,
        },
      ],
    };
  }
  const choice = chooseSize(offered, { ...need, ...definedSize(existing ?? requested) });
  if (!choice.ok)
    return { issues: [{ path: requested === undefined ? choice.path : wanted.sizeAt, rule: choice.rule }] };
  const name = stated ?? numberedMachine(virtualMachineName(site.name, choice.size.name), slot);
  const isThere = existing !== undefined || (await existingSize(session, step, name)) !== undefined;
  const shortage = isThere ? undefined : await quotaShortage(session, step, name, choice.size);
  const { size, larger } = choice;
  return { value: { name, size, ...(larger ? { larger } : {}), ...(shortage ? { shortage } : {}) }, issues: [] };
}

/** In MiB. */
export const jobMemory = (size: MachineSize): number => Math.max(256, size.memoryMiB - 512);

/** What the job may hold: the VM's memory but for what the system needs. */
export function memoryLimits(
  input: TrainModelInput,
  size: MachineSize,
): { memoryMiB: number; sharedMemoryMiB: number } {
  const memoryMiB = jobMemory(size);
  return {
    memoryMiB,
    sharedMemoryMiB: requestedSharedMemory(input) ?? Math.min(DEFAULT_SHARED_MEMORY_MIB, Math.floor(memoryMiB / 2)),
  };
}

/** What the Stack Hub has and the site allows. */
export async function offeredSizes(session: SiteSession, step: Step): Promise<MachineSize[]> {
  const allowed = session.site.virtualMachines.sizes.map((size) => size.toLowerCase());
  const sizes = await listSizes(await session.stackHub(), step.signal);
  return sizes.filter(({ name }) => allowed.includes(name.toLowerCase()));
}

const definedSize = (requested: string | undefined) => (requested === undefined ? {} : { requested });

/** `2g` and the like, as Docker has it, in whole MiB. */
function requestedSharedMemory({ job }: TrainModelInput): number | undefined {
  const match = /^(\d+)([bkmg])$/i.exec(job.resources?.shm_size ?? '');
  if (!match) return undefined;
  const unit = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[match[2]?.toLowerCase() ?? 'b'] ?? 1;
  return Math.ceil((Number(match[1]) * unit) / 2 ** 20);
}

const hostAsMachine = ({ name }: WantedMachine): Issue => ({
  path: 'virtualMachine.name',
  rule: 'is an existing host of this site: ask for it as virtualMachine.host',
  value: shown(name),
});

/** Of a VM of ours that is there. */
export async function existingSize(session: SiteSession, step: Step, machine: string): Promise<string | undefined> {
  const address = machineAddress(machine);
  const found = await getResource(await session.stackHub(), address, step.signal);
  if (!found) return undefined;
  requireOurs(found, address);
  return (found.properties['hardwareProfile'] as { vmSize?: string } | undefined)?.vmSize;
}

/** Why a VM of this size cannot be made now. */
export async function quotaShortage(
  session: SiteSession,
  step: Step,
  name: string,
  size: MachineSize,
): Promise<ServiceError | undefined> {
  const left = await readQuota(await session.stackHub(), step.signal);
  if (left.cores >= size.cores && left.virtualMachines >= 1) return undefined;
  const what =
    left.virtualMachines < 1
      ? 'no further VM'
      : `${Math.max(0, left.cores)} more cores, and ${size.name} has ${size.cores}`;
  return new ServiceError({
    class: 'quota',
    type: 'QuotaExceeded',
    cause: `The VM ${name} would have to be made, and the Stack Hub’s quota in ${session.site.stackHub.location} allows ${what}.`,
    nextStep:
      'Delete a VM that is idle, name one that is there (virtualMachine.name), choose a smaller size, or ask the operator for quota.',
    retryable: false,
  });
}
