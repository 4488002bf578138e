import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import type { PublishedMetrics } from '../../domain/metric-stream.ts';
import { metricsWorkflowId } from '../../domain/resource-names.ts';
import { TrainModelResult } from '../../domain/train-model-result.ts';
import { until } from '../support/until.ts';
import { auditor } from './auditor.ts';
import { faultsOf } from './faults.ts';
import { docker, ROOT, startProduct, vmContainers, type Product } from './product.ts';
import { slowJob, WITH_MLFLOW } from './slow-job.ts';

/** Numbers on their way from a script to Azure ML, while what carries them is killed. */
/** Enough for two workers to come back in. */
const SECONDS = 75;
const STEPS = 300;
const PATIENCE = 800;
const MACHINE = 'metrics-a';
let product: Product;
let audit: ReturnType<typeof auditor>;
let client: Client;

before(async () => {
  product = await startProduct();
  audit = auditor(product);
  const { address, namespace } = product.info.temporal;
  client = new Client({ connection: await Connection.connect({ address }), namespace });
});
after(async () => {
  await client?.connection.close();
  await product?.close();
});

test('300 steps, the cloud’s and the edge’s worker killed among them: in Azure ML in order, none lost, none doubled', async () => {
  using job = slowJob({ model: 'metrics', machine: MACHINE, seconds: SECONDS, environment: WITH_MLFLOW });
  copyFileSync(join(ROOT, 'test', 'e2e', 'metrics-job', 'metrics.py'), join(job.folder, 'src', 'slow.py'));
  const started = JSON.parse((await product.edgeTrain('run', job.file, '--detach', '--json')).stdout) as {
    workflowId: string;
  };
  const { workflowId } = started;
  // Of two of them the answer is lost: what Azure ML has is asked for, and not sent again.
  const lost = { route: 'POST /mlflow/**/runs/log-batch', moment: 'after', action: 'drop' } as const;
  for (const skip of [2, 4]) await faultsOf(product).order({ ...lost, skip });
  const handle = client.workflow.getHandle(workflowId);
  const jobId = await until('the run is planned', async () => (await statusOf(workflowId))?.job, PATIENCE);

  await during(workflowId, 'numbers are in Azure ML while it trains', async () => (await sent(jobId)).length > 20);
  const shown = await statusOf(workflowId);
  assert.ok((shown?.published ?? 0) > 0, 'status counts them while it trains');
  await killWorker();
  let before = (await sent(jobId)).length;
  await during(workflowId, 'they go on after the cloud’s', async () => (await sent(jobId)).length > before);
  await killEdgeWorker();
  before = (await sent(jobId)).length;
  await during(workflowId, 'they go on after the edge’s', async () => (await sent(jobId)).length > before);
  const result = TrainModelResult.parse(await handle.result());

  const run = (await audit.runs()).find(({ data }) => data.tags?.some(({ value }) => value === jobId));
  assert.ok(run);
  const rounded = (value: number) => Number(value.toPrecision(6));
  for (const [name, value] of [
    ['loss', (step: number) => rounded(1 / (step + 3))],
    ['val/accuracy', (step: number) => rounded(1 - 1 / (step + 7))],
  ] as const)
    assert.deepEqual(
      (await audit.history(run.info.run_id, name)).map((point) => [point.step, point.value]),
      Array.from({ length: STEPS }, (_, step) => [step, value(step)]),
      name,
    );

  const published = await client.workflow.getHandle(metricsWorkflowId(jobId)).query<PublishedMetrics>('published');
  assert.deepEqual(published, { points: 2 * STEPS, names: ['loss', 'val/accuracy'], withheld: 0, complete: true });
  const { receipt } = JSON.parse((await product.edgeTrain('receipt', 'show', workflowId, '--json')).stdout) as {
    receipt: { metrics: string[]; bits: { metrics: number } };
  };
  assert.deepEqual(receipt.metrics, ['loss', 'val/accuracy']);
  assert.ok(receipt.bits.metrics >= 2 * STEPS * (12 + 20 + 64), 'each number that left is counted');
  assert.deepEqual(
    result.metrics.map(({ name, step }) => [name, step]),
    [
      ['loss', STEPS - 1],
      ['val/accuracy', STEPS - 1],
    ],
  );
  await looksAtThem(workflowId, job.folder);
});

async function looksAtThem(workflowId: string, folder: string): Promise<void> {
  const file = join(folder, 'report.html');
  const answered = await product.edgeTrain('metrics', workflowId, '--html', file, '--json');
  assert.equal(answered.code, 0, answered.stderr + answered.stdout);
  const { metrics } = JSON.parse(answered.stdout) as { metrics: { name: string; points: { value: number }[] }[] };
  assert.deepEqual(
    metrics.map(({ name, points }) => [name, points.length, points.at(-1)?.value]),
    [
      ['loss', STEPS, 1 / (STEPS + 2)],
      ['val/accuracy', STEPS, 1 - 1 / (STEPS + 6)],
    ],
    'on site they are whole',
  );
  const page = readFileSync(file, 'utf8');
  assert.match(page, /Confusion matrix/);
  assert.match(page, /106/);
  const plotted = await product.edgeTrain('metrics', workflowId);
  assert.match(plotted.stdout, /^loss {2}0\.00331126 .*300 points\)$/m);
  const shot = process.env['EDGE_TRAIN_SCREENSHOT'];
  if (shot === undefined) return;
  const { openBrowser } = await import('./browser.ts');
  const browser = await openBrowser();
  await browser.page.goto(pathToFileURL(file).href);
  await browser.page.screenshot({ path: shot, fullPage: true });
  await browser.close();
}

interface Shown {
  readonly job?: string;
  readonly state: string;
  readonly published?: number;
}

async function statusOf(workflowId: string): Promise<Shown | undefined> {
  const { stdout } = await product.edgeTrain('status', workflowId, '--json');
  return JSON.parse(stdout) as Shown;
}

/** A run that has ended will never come to it. */
async function during(workflowId: string, what: string, condition: () => Promise<boolean>): Promise<void> {
  await until(
    what,
    async () => {
      const { status } = await client.workflow.getHandle(workflowId).describe();
      if (status.name !== 'RUNNING') throw new Error(`the run was over before: ${status.name}`);
      return condition();
    },
    PATIENCE,
  );
}

/** Every point that Azure ML was sent and has answered for. */
async function sent(job: string): Promise<unknown[]> {
  const run = (await audit.runs()).find(({ data }) => data.tags?.some(({ value }) => value === job));
  if (!run) return [];
  const taken = (await audit.requests()).filter(
    ({ path, status, body }) => path.includes('/runs/log-batch') && status === 200 && body?.includes(run.info.run_id),
  );
  return taken.flatMap(({ body }) => (JSON.parse(body ?? '{}') as { metrics?: never[] }).metrics ?? []);
}

/** What systemd does in production is done here by `sandbox start`. */
async function killWorker(): Promise<void> {
  const worker = JSON.parse(readFileSync(join(product.folder, 'worker.json'), 'utf8')) as { pid: number };
  process.kill(worker.pid, 'SIGKILL');
  const restarted = await product.edgeTrain('sandbox', 'start', '--state', product.folder);
  assert.equal(restarted.code, 0, restarted.stderr);
}

/** The VM's systemd starts it again. */
async function killEdgeWorker(): Promise<void> {
  const name = (await vmContainers(product)).find((each) => each.includes(`-${MACHINE}-`));
  assert.ok(name, 'the VM runs');
  await docker(product.info, 'exec', name, 'pkill', '-9', '-u', 'edge-train', '-f', 'worker');
}
