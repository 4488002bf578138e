import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { until } from '../support/until.ts';
import { docker, startProduct, type Product } from './product.ts';
import { containerOf, Runs, type Run } from './runs.ts';

/** A VM whose line is cut while it trains, and runs that share one VM. */
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
const onMachine = async (machine: string, script: string) =>
  docker(product.info, 'exec', await containerOf(product, machine), 'sh', '-c', script);
async function uplink(change: { cut: boolean }): Promise<void> {
  const answer = await fetch(`${product.info.uplink.control}/uplink`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** Processes and files of a job on the shared VM. */
const traces = (job: string) =>
  onMachine('shared', `grep -ls 'edge-train-job@${job}' /proc/[0-9]*/cgroup; find / /run -xdev -name '*${job}*'; true`);

async function endsAsCancelled(run: Run): Promise<void> {
  await assert.rejects(
    run.handle.result(),
    (error) => error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
  );
}

test('the uplink is cut for most of a minute in training: the job goes on, and nothing is repeated', async () => {
  const run = await runs.start({ model: 'cut', seconds: 50, machine: 'shared' });
  await run.trains(4);
  const job = await run.job();
  await uplink({ cut: true });
  try {
    await until(
      'the step is lost to Temporal',
      async () => {
        const { raw } = await run.handle.describe();
        return (raw.pendingActivities ?? []).some(
          ({ activityType, attempt }) => activityType?.name === 'runTrainingJob' && (attempt ?? 0) > 1,
        );
      },
      120,
    );
    const log = `cat /var/lib/edge-train/jobs/${job}/logs/job.log`;
    await until('the job is at second 44', async () => (await onMachine('shared', log)).includes('second 44\n'), 120);
  } finally {
    await uplink({ cut: false });
  }
  await run.handle.result();
  assert.deepEqual(await run.seconds(), upTo(50));
  assert.equal((await run.receipt()).training.starts, 1);
});

test('runs that share a VM: cancelling one leaves the others, terminating one frees its lease', async () => {
  const [first, waiting, second, third] = [
    await runs.start({ model: 'shared', seconds: 601, machine: 'shared' }),
    await runs.start({ model: 'shared', seconds: 602, machine: 'shared' }),
    await runs.start({ model: 'shared', seconds: 603, machine: 'shared' }),
    await runs.start({ model: 'shared', seconds: 1, machine: 'shared' }),
  ];
  await first.trains(1);
  await waiting.reaches('its turn is waited for', () => waiting.stepIs('lease', 'running'));
  await waiting.handle.cancel();
  await endsAsCancelled(waiting);
  await first.trains(5);

  await first.handle.cancel();
  await endsAsCancelled(first);
  await second.trains(1);
  assert.equal(await traces(await first.job()), '');

  assert.notEqual(await traces(await second.job()), '', 'the look sees what is there');
  await second.handle.terminate('a test');
  await third.handle.result();
  assert.equal(await traces(await second.job()), '', 'what the terminated run left is gone');
  assert.deepEqual(await third.seconds(), [0]);
});
