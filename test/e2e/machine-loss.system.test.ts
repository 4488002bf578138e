import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { docker, startProduct, type Product } from './product.ts';
import { containerOf, Runs } from './runs.ts';

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

const upTo = (count: number) => Array.from({ length: count }, (_, second) => second);
const MACHINES = '/resourceGroups/edge-train/providers/Microsoft.Compute/virtualMachines';
const arm = (method: string, path: string) => runs.audit.stackHub(method, `${MACHINES}/${path}?api-version=2020-06-01`);

const machines = async () => (await runs.audit.virtualMachines()).map(({ name }) => name).sort();

/** How often Azure ML was asked to attach the VM. */
const attachments = async (machine: string) =>
  (await runs.audit.requests()).filter(
    ({ method, path }) => method === 'PUT' && new RegExp(`/computes/${machine}(\\?|$)`).test(path),
  ).length;

test('a VM that reboots, and is then deleted behind our back', async (t) => {
  const run = await runs.start({ model: 'reboot', seconds: 20, machine: 'troubled' });
  await run.trains(3);
  const bootId = async () =>
    docker(product.info, 'exec', await containerOf(product, 'troubled'), 'cat', '/run/edge-train/boot-id');
  const before = await bootId();
  await arm('POST', 'troubled/restart');
  await run.handle.result();
  const receipt = await run.receipt();
  assert.equal(receipt.training.starts, 2);
  assert.notEqual(receipt.virtualMachine.bootId, before);
  assert.equal(receipt.virtualMachine.bootId, await bootId());
  const seconds = await run.seconds();
  const again = seconds.lastIndexOf(0);
  assert.ok(again > 0, `it began anew: ${seconds.join(' ')}`);
  assert.deepEqual(seconds, [...upTo(again), ...upTo(20)]);
  assert.equal((await runs.audit.modelVersions('reboot')).length, 1);

  const lost = await runs.start({ model: 'lost', seconds: 600, machine: 'troubled' });
  await lost.trains(1);
  const asked = Date.now();
  await arm('DELETE', 'troubled');
  const failure = await lost.failure();
  assert.deepEqual([failure.class, failure.type], ['host', 'MachineGone']);
  assert.match(failure.cause, /troubled was deleted or replaced/);
  assert.match(failure.nextStep, /^Start the run again: it makes the VM anew\.$/, 'and nothing could not be undone');
  const job = await lost.job();
  const tracked = (await runs.audit.runs()).find(({ data }) => data.tags?.some(({ value }) => value === job));
  assert.equal(tracked?.info.status, 'FAILED');
  t.diagnostic(`the run failed ${Math.round((Date.now() - asked) / 1000)} s after the VM was deleted`);

  const dialled = await attachments('troubled');
  const next = await runs.start({ model: 'lost', seconds: 1, machine: 'troubled' });
  await next.handle.result();
  assert.deepEqual(await machines(), ['troubled']);
  assert.equal((await attachments('troubled')) - dialled, 1, 'Azure ML knows the new one');
});
