import { readFile } from 'node:fs/promises';
import type { Hello } from '../../domain/virtual-machine.ts';
import type { EdgeDependencies } from './dependencies.ts';

/** Who listens on this VM's queue: the bundle that runs, the boot, the clock, and the key that grants are sealed to. */
export async function hello(edge: EdgeDependencies): Promise<Hello> {
  const { kty, crv, x, y } = edge.machineKey;
  return {
    bundle: edge.bundle,
    bootId: (await readFile(edge.bootIdFile, 'utf8')).trim(),
    clock: new Date().toISOString(),
    publicKey: { kty, crv, x, y },
  };
}
