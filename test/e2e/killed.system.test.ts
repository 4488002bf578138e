import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { sandboxProcesses } from '../../sandbox/supervisor/processes.ts';
import { until } from '../support/until.ts';
import { auditor } from './auditor.ts';
import { during, faultsOf, type Gate } from './faults.ts';
import { docker, EXAMPLE, startProduct, vmContainers, type Product } from './product.ts';
import { secondsOf } from './runs.ts';
import { slowJob, type SlowJob } from './slow-job.ts';

const SECONDS = 8;
/** The worker that follows a killed one must find the script at work, on a busy machine too. */
const LONG = 30;
const PATIENCE = 800;
const MACHINES = ['killed-a', 'killed-b'];
let product: Product;
let audit: ReturnType<typeof auditor>;
let faults: ReturnType<typeof faultsOf>;

before(async () => {
  product = await startProduct();
  audit = auditor(product);
  faults = faultsOf(product);
});
after(async () => product.close());

test('the worker and the Temporal server, killed in provisioning, training and push: the run completes', async () => {
  const job = { model: 'killed-worker', machine: 'killed-a', seconds: SECONDS };
  const made = await faults.gate({ front: 'stack-hub', route: 'PUT /**/virtualMachines/*', moment: 'after' });
  const push = await faults.gate({ front: 'registry', route: 'PUT /v2/**/manifests/*', moment: 'after' });
  const run = started(job);

  await during(run, made.reached());
  await killWorkerAndTemporal(made);
  await during(run, written('killed-a', 'second 3'));
  await killWorkerAndTemporal();
  await during(run, push.reached());
  await killWorkerAndTemporal(push);

  await completedOnce(await run, job);
});

test('the edge worker, killed in staging, training and upload: the run completes', async () => {
  const data = 'breast-cancer/another.csv'; // of the VM that is there, which has the other table in its cache
  const hospital = audit.siteAccount().container('hospital');
  await hospital.getBlockBlobClient(data).uploadFile(join(EXAMPLE, 'data', 'wdbc.csv'));
  const job = { model: 'killed-edge', machine: 'killed-a', seconds: LONG, data };
  const staging = await faults.gate({ front: 'site-blob', route: `GET /**/${data}`, moment: 'during' });
  const upload = await faults.gate({
    front: 'release-blob',
    route: 'PUT /**/edge-train-staging/staging/**',
    moment: 'during',
  });
  const run = started(job);

  await during(run, staging.reached());
  await killEdgeWorker('killed-a', staging);
  await during(run, written('killed-a', 'second 3'));
  await killEdgeWorker('killed-a');
  await during(run, upload.reached());
  await killEdgeWorker('killed-a', upload);

  await completedOnce(await run, job);
});

test('each of the sandbox’s own programs, killed while the run uses it: the run completes', async () => {
  const job = { model: 'killed-cloud', machine: 'killed-b', seconds: SECONDS + 1 };
  const made = await faults.gate({ front: 'stack-hub', route: 'PUT /**/virtualMachines/*', moment: 'after' });
  const run = started(job);

  await during(run, made.reached());
  await killProgram('server'); // with it goes what it held, and every fault that was ordered
  const upload = await faults.gate({
    front: 'release-blob',
    route: 'PUT /**/edge-train-staging/staging/**',
    moment: 'during',
  });
  const push = await faults.gate({ front: 'registry', route: 'PUT /v2/**/blobs/uploads/*', moment: 'before' });
  await during(run, written('killed-b', 'second 2'));
  await killProgram('uplink');
  await during(run, written('killed-b', 'second 4'));
  await killProgram('temporal');
  await during(run, upload.reached());
  await killProgram('azurite', upload);
  await during(run, push.reached());
  await killProgram('docker-registry', push);

  await completedOnce(await run, job);
});

/** `edge-train run`, which watches on whatever is killed under it. */
function started(job: SlowJob): Promise<TrainModelResult> {
  const files = slowJob(job);
  const run = product.train(files.file).finally(() => files[Symbol.dispose]());
  run.catch(() => undefined); // awaited later; a failure before that must not end the process
  return run;
}

async function written(machine: string, line: string): Promise<void> {
  const logs = 'cat /var/lib/edge-train/jobs/*/logs/job.log 2>/dev/null || true';
  const shown = async () => {
    const name = await container(machine);
    return name === undefined ? '' : docker(product.info, 'exec', name, 'sh', '-c', logs);
  };
  await until(`the script writes ${line}`, async () => (await shown()).split('\n').includes(line), PATIENCE);
}

/** What systemd does in production is done here by `sandbox start`. */
async function killWorkerAndTemporal(gate?: Gate): Promise<void> {
  const worker = JSON.parse(readFileSync(join(product.folder, 'worker.json'), 'utf8')) as { pid: number };
  process.kill(worker.pid, 'SIGKILL');
  await killProgram('temporal', gate);
  const restarted = await product.edgeTrain('sandbox', 'start', '--state', product.folder);
  assert.equal(restarted.code, 0, restarted.stderr);
}

/** The VM's systemd starts it again. */
async function killEdgeWorker(machine: string, gate?: Gate): Promise<void> {
  const name = await container(machine);
  assert.ok(name, `${machine} runs`);
  await docker(product.info, 'exec', name, 'pkill', '-9', '-u', 'edge-train', '-f', 'worker');
  await gate?.open();
}

/** The sandbox's supervisor starts it again. */
async function killProgram(name: string, gate?: Gate): Promise<void> {
  const programs = () => sandboxProcesses(join(product.folder, 'sandbox')).filter(({ role }) => role === name);
  const [victim] = programs();
  assert.ok(victim, `${name} runs`);
  process.kill(victim.pid, 'SIGKILL');
  await until(`another ${name}`, () => programs().some(({ pid }) => pid !== victim.pid), PATIENCE);
  if (name === 'server') await until('it answers', isHealthy, PATIENCE);
  await gate?.open();
}

async function isHealthy(): Promise<boolean> {
  return fetch(`${product.info.admin}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** The VM's container, once it is there. */
async function container(machine: string): Promise<string | undefined> {
  return (await vmContainers(product)).find((name) => name.includes(`-${machine}-`));
}

async function completedOnce(result: TrainModelResult, { model, machine, seconds }: SlowJob): Promise<void> {
  assert.deepEqual(
    await secondsOf(audit, result.job),
    Array.from({ length: seconds }, (_, second) => second),
    'no second was repeated',
  );
  for (const list of [await audit.virtualMachines(), await audit.computeTargets()]) {
    const names = list.map(({ name }) => name);
    assert.equal(names.filter((name) => name === machine).length, 1, names.join(', '));
    assert.ok(
      names.every((name) => MACHINES.includes(name)),
      names.join(', '),
    );
  }
  const runs = (await audit.runs()).filter(({ data }) => data.tags?.some(({ value }) => value === result.job));
  assert.deepEqual(
    runs.map(({ info }) => info.status),
    ['FINISHED'],
  );
  const versions = await audit.modelVersions(model);
  assert.deepEqual(
    versions.map(({ properties }) => properties.tags?.['job']),
    [result.job],
  );
  assert.deepEqual(await audit.versionTags(`edge-train/${model}`), ['v1']);
}
