import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker, vmContainer, type Product } from '../product.ts';
import type { Exhibit } from './exhibit.ts';

/**
 * What the workers, the sandbox's programs (the uplink too) and the VM have written, and the files that say of themselves
 * that no secret is in them.
 */
export async function* logs(product: Product): AsyncGenerator<Exhibit> {
  for (const folder of ['logs', join('sandbox', 'logs')]) {
    for (const file of readdirSync(join(product.folder, folder))) yield fileOf(product, join(folder, file));
  }
  for (const file of ['site.yml', 'cloud.yml', 'client.yml', 'temporal.toml', join('sandbox', 'sandbox.json')])
    yield fileOf(product, file);

  const vm = await vmContainer(product);
  const printed = async (name: string, ...args: string[]): Promise<Exhibit> => ({
    kind: 'log',
    name,
    bytes: Buffer.from(await docker(product.info, ...args)),
  });
  const journal = await printed('the VM’s journal', 'exec', vm, 'journalctl', '--no-pager', '--output=export');
  if (!journal.bytes.includes('edge-train-worker@')) throw new Error('the VM’s journal lacks the edge worker');
  yield journal;
  yield await printed('the VM’s console', 'logs', vm);
  const said = 'cat /var/lib/waagent/custom-script/download/*/std* /var/lib/waagent/custom-script/*.result.json';
  yield await printed('what the VM’s extension said', 'exec', vm, 'sh', '-c', said);
}

const fileOf = ({ folder }: Product, name: string): Exhibit => ({
  kind: 'log',
  name,
  bytes: readFileSync(join(folder, name)),
});
