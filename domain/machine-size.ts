import { z } from 'zod';
import { VirtualMachineSizeName } from './resource-names.ts';

/** A VM size that the Stack Hub offers, in Azure's units made plain. */
export const MachineSize = z.strictObject({
  name: VirtualMachineSizeName,
  cores: z.int().min(1),
  memoryMiB: z.int().min(1),
});
export type MachineSize = z.infer<typeof MachineSize>;

/** What a job needs; `requested` is `resources.instance_type` or `virtualMachine.size`. */
export interface MachineNeed {
  readonly requested?: string;
  readonly dataBytes: number;
  readonly sharedMemoryMiB: number;
}

export type SizeChoice =
  | { readonly ok: true; readonly size: MachineSize; readonly larger?: string }
  | { readonly ok: false; readonly path: string; readonly rule: string };

/** The system, Python and a data frame of the data: frames take two to four times a CSV's bytes. */
const BASE_MIB = 1536;
const FRAME_FACTOR = 4;

export function neededMemoryMiB(need: MachineNeed): number {
  return BASE_MIB + need.sharedMemoryMiB + Math.ceil((need.dataBytes * FRAME_FACTOR) / 2 ** 20);
}

/** GPU families of Stack Hub (NCv3, NVv4, NCas_v4, NCasT4_v3); refused until the cage has been tried on one. */
export const isGpuSize = (name: string): boolean => /^Standard_N[CVD]/i.test(name);

/**
 * The requested size if it will do, else the smallest offered that does; and the next larger one, for a job that runs out
 * of memory. A size that the site lacks, that is too small or that has a GPU is refused, and the rule names those that would do.
 */
export function chooseSize(offered: readonly MachineSize[], need: MachineNeed): SizeChoice {
  const enough = neededMemoryMiB(need);
  const fitting = offered
    .filter((size) => !isGpuSize(size.name) && size.memoryMiB >= enough)
    .sort((a, b) => a.memoryMiB - b.memoryMiB || a.cores - b.cores || (a.name < b.name ? -1 : 1));
  const wouldDo =
    fitting.length > 0
      ? `these would do: ${fitting.map((size) => size.name).join(', ')}`
      : 'no size of this site would do';
  const choose = (size: MachineSize): SizeChoice => {
    const larger = fitting.find(({ memoryMiB }) => memoryMiB > size.memoryMiB);
    return { ok: true, size, ...(larger ? { larger: larger.name } : {}) };
  };
  const refuse = (rule: string): SizeChoice => ({
    ok: false,
    path: 'virtualMachine.size',
    rule: `${rule}; ${wouldDo}`,
  });

  if (need.requested !== undefined) {
    const wanted = need.requested.toLowerCase();
    if (isGpuSize(need.requested))
      return refuse(`${need.requested} has a GPU, which is refused until it has been tried`);
    const size = offered.find((candidate) => candidate.name.toLowerCase() === wanted);
    if (!size) return refuse(`this site does not offer ${need.requested}`);
    if (size.memoryMiB < enough)
      return refuse(`${size.name} has ${size.memoryMiB} MiB and the job needs ${enough} MiB`);
    return choose(size);
  }
  const smallest = fitting[0];
  return smallest ? choose(smallest) : refuse(`the job needs ${enough} MiB of memory`);
}
