import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { changes, listing } from './listing.ts';
import { until } from '../support/until.ts';
import { startProduct, type Product } from './product.ts';
import { Runs, type Run } from './runs.ts';
import { withPackage, type SlowJob } from './slow-job.ts';

/**
 * A run is held in the middle of a step and cancelled there. Afterwards everything that can be listed anywhere is as it
 * was, but for what this file allows; a VM that was found stays, one that was made goes.
 */
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

interface Gate {
  readonly route: string;
  readonly moment: 'before' | 'after' | 'operation';
  readonly front: string;
  /** So many matching requests go through first. */
  readonly skip?: number;
}

/**
 * What may differ after any cancelled run, by where it lies:
 * - the code, which the client sent before there was a run, named by its digest, and Azure ML's entry of it;
 * - the log, which is there to be read by whoever asks what the run did;
 * - what a VM, and the cloud worker for its images' layers, keep by content: the next run need not make it again.
 */
const ALWAYS = (job: string) => [
  /^\+ release-blob [^/]+\/code\/[0-9a-f]{64}\.tar\.gz$/,
  /^\+ azure-ml codes\/[^/]+(\/versions\/\d+)?$/,
  new RegExp(`^\\+ site-blob edge-train-runs/runs/${job}/job\\.log$`),
  /^\+ release-blob edge-train-models\/images\/layers\/\w+-[0-9a-f]{64}\.json$/,
  /^\+ vm \S+ \/var\/lib\/edge-train\/(cache\/\w+|environments)\/\.?[0-9a-f]{64}[^/]*$/,
];
const KILLED = /^\+ azure-ml run \S+ KILLED$/;
/** The operator names it in site.yml; it is made by the first run of all, costs nothing, and holds whatever later runs make. */
const GROUP = /^\+ stack-hub \S+\/resourcegroups\/edge-train$/;
/** A version is immutable and may be in use: its model, its receipt, its outputs on site and its run, which ended well. */
const VERSION = [
  /^\+ azure-ml models\/steps\/versions\/2$/,
  /^\+ azure-ml run \S+ FINISHED$/,
  /^\+ release-blob [^/]+\/models\/steps\/[0-9a-f]{20}[/.]/,
  /^\+ site-blob edge-train-runs\/runs\/[0-9a-f]{20}\//,
];
const LASTING = [KILLED, GROUP, ...VERSION];

/** With a package, so that the VM's cache of packages is there once a run went to its end. */
const environment = withPackage('packaging==25.0');
let count = 0;

/** Cancels a run once `stands` says that it stands in the step. Returns how the listing changed, but for ALWAYS. */
async function cancelled(
  step: string,
  gate: Gate | undefined,
  stands?: (run: Run) => Promise<void>,
  job: Partial<SlowJob> = stands ? { seconds: 600 } : {},
): Promise<string[]> {
  const found = await listing(runs);
  if (gate) await admin('POST', '/faults', { ...gate, action: 'hold' });
  const run = await runs.start({ model: 'steps', seconds: 1, environment, code: `run ${++count}`, ...job });
  await (stands ? stands(run) : run.reaches(`the gate of ${step}`, async () => (await held()).length > 0));
  const name = step === 'plan' ? '[0-9a-f]{20}' : await run.job();
  const { steps } = await run.status();
  assert.equal(steps.find(({ name }) => name === step)?.state, 'running', JSON.stringify(steps));
  await run.handle.cancel();
  await assert.rejects(
    run.handle.result(),
    (error) => error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
  );
  assert.equal((await run.status()).state, 'cancelled');
  // What was held goes on: whoever sent it has gone, and nothing of it may come about now.
  await admin('DELETE', '/faults');

  const left = async () =>
    changes(found, await listing(runs)).filter((line) => !ALWAYS(name).some((allowed) => allowed.test(line)));
  // The VM's workflow cleans up after the run has ended; a VM that just goes cannot be asked what is on it.
  const clean = async () => (await left()).every((line) => LASTING.some((allowed) => allowed.test(line)));
  await until('all is as it was', () => clean().catch(() => false), 120).catch(() => {});
  return left();
}

async function admin(method: string, path: string, body?: unknown): Promise<unknown> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(`${product.info.admin}${path}`, { method, ...sent });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

const held = async () => ((await admin('GET', '/faults')) as { held: string[] }[]).flatMap((fault) => fault.held);

/** One run in Azure ML, and it was killed. */
function assertOneKilled(left: string[]): void {
  assert.equal(left.length, 1, left.join('\n'));
  assert.match(left[0] ?? '', KILLED);
}

test('while it is planned: nothing is left', async () => {
  const gate: Gate = { route: 'GET /subscriptions/**/vmSizes', moment: 'before', front: 'stack-hub' };
  assert.deepEqual(await cancelled('plan', gate), []);
});

test('while its VM is made: the VM goes, and all that was made with it', async () => {
  const gate: Gate = { route: 'PUT /**/virtualMachines/*', moment: 'operation', front: 'stack-hub' };
  const left = await cancelled('lease', gate);
  assert.equal(left.length, 1, left.join('\n'));
  assert.match(left[0] ?? '', GROUP);
});

test('a run that is not cancelled leaves a VM, a version and an image for the others to find', async () => {
  await (await runs.start({ model: 'steps', seconds: 1, environment })).handle.result();
  assert.equal((await runs.audit.virtualMachines()).length, 1);
  assert.equal((await runs.audit.modelVersions('steps')).length, 1);
});

/** From here on the VM was found, so it stays. */
const STEPS: readonly [step: string, what: string, gate: Gate][] = [
  ['record', 'while it is recorded', { route: 'POST /**/runs/create', moment: 'after', front: 'azure' }],
  ['stage', 'while code is fetched', { route: 'GET /*/*/code/*', moment: 'before', front: 'release-blob' }],
  [
    'release',
    'while artifacts leave',
    { route: 'PUT /*/*/staging/**', moment: 'before', front: 'release-blob', skip: 1 },
  ],
  [
    'receipt',
    'while its receipt is signed',
    { route: 'PUT /*/edge-train-runs/runs/*/receipt.json', moment: 'before', front: 'site-blob' },
  ],
  ['register', 'while it is registered', { route: 'PUT /**/models/*/versions/*', moment: 'before', front: 'azure' }],
];
for (const [step, what, gate] of STEPS.slice(0, 2))
  test(`${what}: one KILLED run`, async () => assertOneKilled(await cancelled(step, gate)));

/** Steps that hold at no request: one that takes its time is met while it runs. */
const running = (step: string) => (run: Run) => run.reaches(`${step} runs`, () => run.stepIs(step, 'running'));

test('while its environment is made: one KILLED run', async () => {
  const pip = ['mlflow-skinny>=2.22,<3', 'tabulate'];
  const another = { conda_file: { dependencies: ['python=3.11', { pip }] } };
  assertOneKilled(await cancelled('environment', undefined, running('environment'), { environment: another }));
});

test('while its outputs are inspected: one KILLED run', async () => {
  assertOneKilled(await cancelled('inspect', undefined, running('inspect'), { wishes: ['BULK'] }));
});

test('while it trains: one KILLED run', async () => {
  assertOneKilled(await cancelled('train', undefined, (run) => run.trains(2)));
});

for (const [step, what, gate] of STEPS.slice(2))
  test(`${what}: one KILLED run`, async () => assertOneKilled(await cancelled(step, gate)));

test('while its image is pushed: the version had been made, so it stays with what it is made of; there is no image', async () => {
  const gate: Gate = { route: 'PUT /v2/**/manifests/*', moment: 'before', front: 'registry' };
  const left = await cancelled('image', gate);
  assert.deepEqual(
    left.filter((line) => !VERSION.some((allowed) => allowed.test(line))),
    [],
  );
  for (const each of VERSION)
    assert.ok(
      left.some((line) => each.test(line)),
      `${each} in\n${left.join('\n')}`,
    );
});
