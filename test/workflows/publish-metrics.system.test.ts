import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { activityInfo, ApplicationFailure, Context } from '@temporalio/activity';
import type { Metric } from '../../domain/completed-job.ts';
import type { MetricsBatch, MetricsCursor, PublishedMetrics } from '../../domain/metric-stream.ts';
import { metricsWorkflowId } from '../../domain/resource-names.ts';
import { TrainModelResult } from '../../domain/train-model-result.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { startHarness, status, type Harness } from './support/harness.ts';
import { bootId, hex, publicKey, request } from './support/samples.ts';

let harness: Harness;
let number = 0;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => {
  harness.world.reset();
  logged = [];
  azure.length = 0;
  ended = false;
});

/** What the script has logged so far, whether it has ended, and what Azure ML has. */
let logged: Metric[] = [];
let ended = false;
const azure: Metric[] = [];

const hello = { bootId, publicKey, clock: '2026-01-02T03:04:05.000Z' };
const point = (step: number, name = 'loss'): Metric => ({ name, value: 1 / (step + 1), step, timestamp: 1000 + step });
const key = (metric: Metric) => JSON.stringify(metric);
const crash = () => new ServiceError({ class: 'network', type: 'Crash', cause: 'x', nextStep: 'y', retryable: true });
const refusal = () => new ServiceError({ class: 'input', type: 'No', cause: 'no', nextStep: 'y', retryable: false });

/** The VM's side: so many points at once behind the cursor, and nothing is waited for. */
function batch(after: MetricsCursor, most: number): MetricsBatch {
  const points = logged.slice(after.offset, after.offset + most);
  const offset = after.offset + points.length;
  const steps = { ...after.steps, ...Object.fromEntries(points.map(({ name, step }) => [name, step])) };
  return { points, after: { ...after, offset, steps }, withheld: 0, ended: ended && offset === logged.length };
}

function edge(most: number): void {
  harness.world.instead('readMetrics', async ({ after }) => {
    await until('there is something', () => logged.length > after.offset || ended, 60);
    return batch(after, most);
  });
}

/** Azure ML's side, as `logMetrics` promises it: another attempt sends what is missing. */
function keep(points: readonly Metric[]): void {
  const there = new Set(activityInfo().attempt > 1 ? azure.map(key) : []);
  azure.push(...points.filter((each) => !there.has(key(each))));
}

test('each step killed, each answer lost, in histories that are continued: in order, none lost, none doubled', async () => {
  const { world } = harness;
  const names = Array.from({ length: 10 }, (_, index) => `${'metric'.repeat(40)}${index}`);
  let reads = 0;
  let logs = 0;
  edge(1000);
  const usual = batch;
  world.instead('readMetrics', async ({ after }) => {
    if (reads++ % 3 === 1) throw crash();
    await until('there is something', () => logged.length > after.offset || ended, 60);
    return usual(after, 1000);
  });
  world.instead('logMetrics', ({ points }) => {
    logs++;
    if (logs % 5 === 1) throw crash(); // before
    keep(points);
    if (logs % 5 === 3) throw crash(); // after: the answer is lost
    return null;
  });
  world.instead('runTrainingJob', async () => {
    for (let step = 0; step < 1000; step++) logged.push(...names.map((name) => point(step, name)));
    await until('much is published while the script trains', () => azure.length >= 8000, 120);
    logged.push(point(1000, names[0]));
    ended = true;
  });
  const run = await harness.train(request(`vm-metrics-${++number}`, 'metrics-crashes'));
  const result = TrainModelResult.parse(await run.result());

  assert.deepEqual(azure.map(key), logged.map(key));
  assert.equal((await status(run)).published, logged.length);
  assert.deepEqual(world.values('issueReceipt')[0]?.completed.published, {
    points: logged.length,
    names: names.sort(),
  });
  const verbs = world.verbs('logMetrics', 'finishRun');
  assert.deepEqual(verbs.slice(-1), ['finishRun'], 'the run in Azure ML ends after its last number');
  const child = harness.client.workflow.getHandle(metricsWorkflowId(result.job));
  const first = (await child.fetchHistory()).events?.[0]?.workflowExecutionStartedEventAttributes;
  assert.ok(first?.continuedExecutionRunId, 'it was continued as new');
  assert.ok((await child.describe()).historySize! < 8 * 2 ** 20);
});

test('Azure ML refuses the numbers: the run trains, releases and ends, and counts what left', async () => {
  const { world } = harness;
  logged = [point(0)];
  ended = true;
  edge(10);
  world.instead('logMetrics', () => {
    throw refusal();
  });
  const run = await harness.train(request(`vm-metrics-${++number}`, 'metrics-refused'));
  await run.result();
  assert.deepEqual(world.values('issueReceipt')[0]?.completed.published, { points: 1, names: ['loss'] });
  assert.equal(world.count('finishRun'), 1);
});

test('the VM’s worker is older and knows no such step: the run goes on without', async () => {
  const { world } = harness;
  world.instead('readMetrics', () => {
    throw ApplicationFailure.create({ type: 'NotFoundError', message: 'not registered on this Worker' }); // as the SDK says it
  });
  const run = await harness.train(request(`vm-metrics-${++number}`, 'metrics-older'));
  await run.result();
  assert.equal(world.count('readMetrics'), 1);
  assert.deepEqual(world.values('issueReceipt')[0]?.completed.published, { points: 0, names: [] });
});

test('a script that fails: what it logged is published before its folders go', async () => {
  const { world } = harness;
  edge(10);
  world.instead('logMetrics', ({ points }) => (keep(points), null));
  world.instead('runTrainingJob', () => {
    logged = [point(0), point(1)];
    ended = true;
    throw refusal();
  });
  const run = await harness.train(request(`vm-metrics-${++number}`, 'metrics-failed'));
  await assert.rejects(run.result());
  assert.deepEqual(azure, logged);
  assert.deepEqual(world.verbs('logMetrics', 'cleanJob', 'finishRun'), ['logMetrics', 'cleanJob', 'finishRun']);
});

test('the run goes on with another VM: so do its numbers, by the same workflow', async () => {
  const { world } = harness;
  const machine = `vm-metrics-${++number}`;
  const other = await harness.edgeWorker('edge-metrics-other');
  edge(10);
  world.instead('logMetrics', ({ points }) => (keep(points), null));
  world.instead('readMetrics', async ({ after }) => {
    // The first VM's worker is there, but says nothing any more: it is not waited for.
    if (activityInfo().taskQueue !== 'edge-metrics-other' && after.offset > 0) return Context.current().cancelled;
    await until('there is something', () => logged.length > after.offset || ended, 60);
    return batch(after, 10);
  });
  world.instead('hello', () => {
    const isOld = activityInfo().taskQueue !== 'edge-metrics-other' && world.power.get(machine) === 'absent';
    return isOld ? { ...hello, bundle: hex('c') } : undefined;
  });
  world.instead('runTrainingJob', async () => {
    if (activityInfo().taskQueue === 'edge-metrics-other') {
      logged.push(point(2));
      ended = true;
      return undefined;
    }
    logged.push(point(0), point(1));
    await until('they are published', () => azure.length === 2, 60);
    world.queue = 'edge-metrics-other';
    world.power.set(machine, 'absent');
    throw new ServiceError({ class: 'host', type: 'MachineGone', cause: 'x', nextStep: 'y', retryable: false });
  });
  const run = await harness.train(request(machine, 'metrics-moved'));
  const { job } = TrainModelResult.parse(await run.result());
  await other.stop();
  assert.deepEqual(azure, logged);
  const published = await harness.client.workflow
    .getHandle(metricsWorkflowId(job))
    .query<PublishedMetrics>('published');
  assert.deepEqual(published, { points: 3, names: ['loss'], withheld: 0, complete: true });
});

for (const how of ['cancel', 'terminate'] as const)
  test(`${how} of the run ends what carries its numbers`, async () => {
    const { world } = harness;
    edge(10);
    logged = [point(0)];
    world.instead('runTrainingJob', () => Context.current().cancelled);
    world.instead('readMetrics', ({ after }) => (after.offset === 0 ? batch(after, 10) : Context.current().cancelled));
    const run = await harness.train(request(`vm-metrics-${++number}`, `metrics-${how}`));
    await until('a number is published', () => world.count('logMetrics') > 0);
    const { job } = await status(run);
    assert.ok(job);
    await run[how]();
    await assert.rejects(run.result());
    const child = harness.client.workflow.getHandle(metricsWorkflowId(job));
    await until('it has ended', async () => (await child.describe()).status.name !== 'RUNNING');
    assert.equal(world.count('logMetrics'), 1);
  });
