import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { docker, startProduct, type Product } from './product.ts';
import { containerOf, Runs, type Run } from './runs.ts';

/** A VM that goes down, and one that goes for good, while it trains. */
let product: Product;
let runs: Runs;

before(async () => {
  product = await startProduct();
  runs = await Runs.on(product);
});
after(async () => {
  await runs?.close();
  await product?.close();
});

const MACHINES = '/resourceGroups/edge-train/providers/Microsoft.Compute/virtualMachines';
const arm = (method: string, path: string) => runs.audit.stackHub(method, `${MACHINES}/${path}?api-version=2020-06-01`);

const machines = async () => (await runs.audit.virtualMachines()).map(({ name }) => name).sort();

/** How often Azure ML was asked to attach the VM. */
const attachments = async (machine: string) =>
  (await runs.audit.requests()).filter(
    ({ method, path }) => method === 'PUT' && new RegExp(`/computes/${machine}(\\?|$)`).test(path),
  ).length;

/** From a log of counted seconds: where it went back, and how far. */
function repeats(seconds: readonly number[]): number[] {
  return seconds.slice(1).flatMap((second, index) => {
    const back = (seconds[index] ?? 0) + 1 - second;
    assert.ok(back >= 0, `none is left out: ${seconds.join(' ')}`);
    return back > 0 ? [back] : [];
  });
}

/** Waits until a checkpoint of the run is on site. */
async function checkpointed(run: Run): Promise<void> {
  const path = `runs/${await run.job()}/checkpoints.json`;
  const listed = runs.audit.siteAccount().container('edge-train-runs').getBlobClient(path);
  await run.reaches('a checkpoint on site', () => listed.exists());
}

test('a VM that reboots, and one that is deleted behind our back: the script goes on from its checkpoint', async (t) => {
  const rebooted = await runs.start({ model: 'reboot', seconds: 30, machine: 'troubled', wishes: ['RESUMES'] });
  await checkpointed(rebooted);
  await rebooted.trains(9);
  const bootId = async () =>
    docker(product.info, 'exec', await containerOf(product, 'troubled'), 'cat', '/run/edge-train/boot-id');
  const before = await bootId();
  await arm('POST', 'troubled/restart');
  await rebooted.handle.result();
  const receipt = await rebooted.receipt();
  assert.equal(receipt.training.starts, 2);
  assert.notEqual(receipt.virtualMachine.bootId, before);
  assert.equal(receipt.virtualMachine.bootId, await bootId());
  const counted = await rebooted.seconds();
  assert.equal(counted.at(-1), 29);
  const [back = 0, ...more] = repeats(counted);
  assert.ok(back < 10 && more.length === 0, `from a checkpoint, not from the start: ${counted.join(' ')}`);

  const lost = await runs.start({ model: 'lost', seconds: 40, machine: 'troubled', wishes: ['RESUMES'] });
  await checkpointed(lost);
  await lost.trains(13);
  const dialled = await attachments('troubled');
  const asked = Date.now();
  await arm('DELETE', 'troubled');
  await lost.handle.result();
  t.diagnostic(`the run completed ${Math.round((Date.now() - asked) / 1000)} s after the VM was deleted`);
  assert.equal((await lost.receipt()).training.starts, 2);
  const seconds = await lost.seconds();
  assert.equal(seconds.at(-1), 39);
  const [lostSeconds = 0, ...others] = repeats(seconds);
  assert.ok(lostSeconds < 12 && others.length === 0, `from a checkpoint, not from the start: ${seconds.join(' ')}`);
  assert.deepEqual(await machines(), ['troubled']);
  assert.equal((await attachments('troubled')) - dialled, 1, 'Azure ML knows the new one');
  const job = await lost.job();
  const tracked = (await runs.audit.runs()).filter(({ data }) => data.tags?.some(({ value }) => value === job));
  assert.deepEqual(
    tracked.map(({ info }) => info.status),
    ['FINISHED'],
  );
  for (const model of ['reboot', 'lost']) assert.equal((await runs.audit.modelVersions(model)).length, 1);
});

test('a script that outgrows its VM goes on from its checkpoint on the next larger one', async () => {
  const wishes = ['RESUMES', 'GROWS'] as const;
  const run = await runs.start({ model: 'outgrown', seconds: 14, machine: 'small', wishes, onOutOfMemory: 'larger' });
  await run.handle.result();
  const receipt = await run.receipt();
  assert.equal(receipt.virtualMachine.name, 'small-ds2-v2');
  assert.equal(receipt.training.starts, 2);
  const counted = await run.seconds();
  assert.equal(counted.at(-1), 13);
  const [back = 0, ...more] = repeats(counted);
  // A checkpoint is made every four seconds, and is on site when the VM is given up.
  assert.ok(back <= 4 && more.length === 0, counted.join(' '));
  assert.ok((await machines()).includes('small-ds2-v2'));
});
