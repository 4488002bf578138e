import type { Product } from '../product.ts';
import { firstProcess, processesOf, searchDisk, searchMemory } from './machine.ts';
import { Needles } from './needles.ts';
import { secrets } from './secrets.ts';

/** What was seen of keys, tokens and grants on a VM, and how much was looked through. */
export interface OnMachine {
  /** Paths by what was seen in them. */
  readonly disk: Record<string, string[]>;
  readonly files: number;
  readonly seconds: number;
  /** In the memory of the VM's worker, sorted. */
  readonly memory: string[];
  readonly memoryBytes: number;
}

/** Looks for every key and password of the product, and for tokens and SASs of anyone's, where the VM could keep them. */
export async function searchMachine(product: Product): Promise<OnMachine> {
  const begun = Date.now();
  const needles = new Needles(await secrets(product));
  const first = await firstProcess(product);
  const workers = processesOf(first, /bundles\/.*\/worker\.cjs/);
  if (workers.length !== 1) throw new Error(`one worker runs on the VM, and these were found: ${workers.join(', ')}`);
  const memory = await searchMemory(workers[0]!, needles);
  const disk = await searchDisk(first, needles);
  return {
    disk: Object.fromEntries([...disk.seen].map(([name, paths]) => [name, named(paths)])),
    files: disk.files,
    seconds: Math.round((Date.now() - begun) / 1000),
    memory: [...memory.seen].sort(),
    memoryBytes: memory.bytes,
  };
}

/** The extension names its settings by their digest, one file a version. */
const named = (paths: readonly string[]): string[] =>
  [...new Set(paths.map((path) => path.replace(/\/[0-9a-f]{16}\.json$/, '/….json')))].sort();
