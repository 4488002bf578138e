import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { auditor } from './auditor.ts';
import { firstProcess, processesOf, searchDisk, searchMemory } from './canary/machine.ts';
import { Needles, type Needle } from './canary/needles.ts';
import { secrets } from './canary/secrets.ts';
import { leanJob } from './lean-job.ts';
import { docker, startProduct, vmContainer, type Product } from './product.ts';

/** What only a run's VM may hold of its own, and where. All else that is looked for is nowhere on it. */
const OWN_KEY = 'the VM’s own key';
const HOST_KEY = 'the VM’s SSH host key';

let product: Product;
let needles: Needle[];
let pid: number;

before(
  async () => {
    product = await startProduct();
    using job = leanJob({ model: 'secrets', virtualMachine: 'secrets-vm', seconds: 2 });
    await product.train(job.file);
    needles = await secrets(product);
    pid = await firstProcess(product);
  },
  { timeout: 600_000 },
);
after(() => product.close());

test('the VM’s disk holds its own keys and the bundle’s SAS where they belong, and no credential of Azure', async (t) => {
  const { seen, files, bytes } = await searchDisk(pid, new Needles(needles));
  t.diagnostic(`${files} files, ${Math.round(bytes / 2 ** 20)} MiB`);
  console.log(JSON.stringify([...seen], null, 1));
  assert.ok(files > 5000, 'the whole disk');
});

test('the worker’s memory holds its own key, and no credential of Azure', async (t) => {
  const workers = processesOf(pid, /worker\.cjs/);
  assert.equal(workers.length, 1);
  const { seen, bytes } = await searchMemory(workers[0] ?? 0, new Needles(needles));
  t.diagnostic(`${Math.round(bytes / 2 ** 20)} MiB`);
  console.log(JSON.stringify([...seen], null, 1));
});
void [assert, spawn, randomBytes, once, auditor, docker, vmContainer, OWN_KEY, HOST_KEY];
