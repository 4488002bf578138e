import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import { composePlan } from '../../activities/site/plan/compose.ts';
import { wantedMachine } from '../../activities/site/plan/compute.ts';
import { locateInput, type PlannedData } from '../../activities/site/plan/data.ts';
import { chooseEnvironment } from '../../activities/site/plan/environment.ts';
import { chooseModel } from '../../activities/site/plan/model.ts';
import type { SiteSession } from '../../activities/site/site-session.ts';
import { readTraining } from '../../client/files/read-training.ts';
import { JobId } from '../../domain/resource-names.ts';
import { samplePoints } from '../../domain/sampling.ts';
import { SiteFile } from '../../domain/site-file.ts';
import type { Trial } from '../../domain/sweep.ts';
import type { TrainModelInput } from '../../domain/train-model-input.ts';
import { TrainingPlan } from '../../domain/training-plan.ts';
import { ROOT } from '../e2e/product.ts';
import { DATA, jobs, OPERATORS } from './site.ts';

const example = parseYaml(readFileSync(join(ROOT, 'compose', 'site', 'site.yml'), 'utf8')) as object;
const site = SiteFile.parse({
  ...{ ...example, ...OPERATORS, name: 'demo', computes: { 'cpu-cluster': {} } },
  dataStores: { hospital: { account: 'hospitaldata', container: 'hospital' } },
});
const CODE = { digest: 'a'.repeat(64), bytes: 10, files: 1 };
const CPU = { name: 'Standard_DS1_v2', cores: 1, memoryMiB: 3584 };

/** What each job's script is started with. */
const COMMANDS: Readonly<Record<string, string>> = {
  'asset-inputs': 'python train.py /job/inputs/newest/rows.csv /job/inputs/stated /job/outputs/model',
  'cloud-compute': 'python train.py /job/outputs/model',
  'conda-file-above': 'python train.py /job/outputs/model',
  'conda-inline': 'python train.py /job/outputs/model',
  'custom-model-input': 'python train.py /job/inputs/weights/weights.json /job/inputs/teacher /job/outputs/model',
  'direct-input': 'python train.py file:///job/inputs/data/rows.csv /job/outputs/model',
  'distribution-mpi': 'python train.py /job/outputs/model',
  'distribution-pytorch': 'python train.py /job/outputs/model',
  'distribution-tensorflow': 'python train.py /job/outputs/model',
  'environment-at-latest': 'python train.py 25 /job/outputs/model',
  'environment-of-a-registry': 'python train.py 25 /job/outputs/model',
  'environment-of-a-version': 'python train.py 24 /job/outputs/model',
  'environment-variables': 'python train.py $WARD /job/outputs/model',
  'every-output': 'python train.py /job/outputs/folder /job/outputs/table /job/outputs/tracked /job/outputs/model',
  'file-input': 'python train.py /job/inputs/data/rows.csv /job/outputs/model',
  'folder-input': 'python train.py /job/inputs/scans /job/outputs/model',
  'image-alone': 'python train.py /job/outputs/model',
  'limits-and-resources': 'python train.py /job/outputs/model',
  literals:
    'python train.py ridge 1e-05 3 True https://example.invalid/a?b=c 12345678901234567890 1.0 /job/outputs/model',
  'mlflow-model-input': 'python train.py /job/inputs/teacher /job/outputs/model',
  'null-output': 'python train.py /job/outputs/report',
  'sweep-distributions':
    'python train.py 3.0 9 -0.2794959673192352 0.27354880582492924 40 14.0 10.164275208730452 1.2171144468179533 105 46 /job/outputs/model',
  sweep: 'python train.py --rate 1e-05 --kind plain --rounds 3 --model /job/outputs/model',
  'optional-parts': 'python train.py --data /job/inputs/data/rows.csv --rate 0.1   --model /job/outputs/model',
};

test('every job file is read and planned, and its command is filled as Azure ML would', async () => {
  const found = await plans();
  assert.ok(found.size >= 15);
  const { 'several-lines': lines, ...commands } = Object.fromEntries(
    [...found].map(([name, { command }]) => [name, command]),
  );
  assert.deepEqual(commands, COMMANDS);
  assert.match(
    lines ?? '',
    /^set -euo pipefail\n[^]*of a name of several words"\n[^]*> \/job\/outputs\/model\/score\.py$/m,
  );
});

test('environments in each spelling are a Python and its packages', async () => {
  const found = await plans();
  const of = (name: string) => {
    const { python, requirements } = found.get(name)!.environment;
    return [python, ...requirements];
  };
  for (const name of ['environment-of-a-registry', 'environment-at-latest'])
    assert.deepEqual(of(name), ['3.11', 'packaging==25.0'], name);
  assert.deepEqual(of('environment-of-a-version'), ['3.11', 'packaging==24.2']);
  assert.deepEqual(of('image-alone'), ['3.11']);
  for (const name of ['conda-file-above', 'conda-inline'])
    assert.deepEqual(of(name), ['3.11', 'packaging>=24', 'pyyaml==6.*'], name);
  assert.equal(found.get('environment-of-a-version')?.run.tags['job-file.environment'], 'azureml:lean:2');
});

test('what a job says of itself, its limits and its variables are in the plan', async () => {
  const found = await plans();
  const { run, limits } = found.get('limits-and-resources')!;
  assert.deepEqual(run, {
    experiment: 'ward',
    displayName: 'Limits and resources',
    description: 'What a job says of itself.',
    tags: {
      ...{ ward: 'cardiology', attempt: '2' },
      ...{ 'job-file.name': 'limits_and_resources', 'job-file.environment': 'python:3.11' },
    },
  });
  assert.deepEqual([limits.seconds, limits.sharedMemoryMiB], [600, 96]);
  assert.deepEqual(found.get('environment-variables')?.environmentVariables, {
    ...{ WARD: 'cardiology', ROUNDS: '3', VERBOSE: 'True' },
  });
  assert.equal(found.get('distribution-pytorch')?.environmentVariables['WORLD_SIZE'], '1');
  assert.equal(found.get('cloud-compute')?.run.tags['job-file.compute'], 'azureml:cpu-cluster');
  assert.deepEqual(
    found.get('every-output')?.outputs.map(({ name, type }) => `${name} ${type}`),
    [...['folder uri_folder', 'model custom_model', 'table uri_file', 'tracked mlflow_model', 'default uri_folder']],
  );
});

async function plans(): Promise<Map<string, TrainingPlan>> {
  const found = new Map<string, TrainingPlan>();
  for (const [name, { file, flags }] of jobs()) {
    const training = await readTraining(file, { ...flags, input: [] });
    found.set(name, plan(training.toInput(training.codeFolder === undefined ? undefined : CODE)));
  }
  return found;
}

/** As `planTraining` does, with the store's content stated and a VM that is chosen. */
function plan(input: TrainModelInput): TrainingPlan {
  const environment = chooseEnvironment(site, input.job.environment);
  const model = chooseModel(input);
  const wanted = wantedMachine(site, input);
  assert.deepEqual([...environment.issues, ...model.issues, ...wanted.issues], []);
  return TrainingPlan.parse(
    composePlan({
      ...{ session: { site, digest: 'b'.repeat(64) } as SiteSession, input, workflowId: 'w' },
      ...{ job: JobId.parse('0'.repeat(20)), data: data(input), machine: { name: 'vm', size: CPU } },
      ...{ environment: environment.value!, model: model.value!, ...firstTrial(input) },
    }),
  );
}

function firstTrial({ sweep }: TrainModelInput): { trial?: Trial } {
  const [parameters] = sweep ? samplePoints(sweep, 1) : [];
  return parameters ? { trial: { number: 1, slot: 1, parentRun: 'p', parameters } } : {};
}

function data(input: TrainModelInput): PlannedData[] {
  return Object.entries(input.job.inputs ?? {}).flatMap(([name, value]) => {
    if (typeof value !== 'object') return [];
    const at = locateInput(site, name, value, input.data[name]);
    if ('rule' in at) throw new Error(`${at.path}: ${at.rule}`);
    const isFile = Object.hasOwn(DATA, at.path);
    const files = Object.keys(DATA).filter((path) => path === at.path || path.startsWith(`${at.path}/`));
    const planned = {
      name,
      type: isFile ? ('uri_file' as const) : value.type,
      data: at,
      files: files.length,
      bytes: 1,
    };
    return [{ input: planned, blobs: [] }];
  });
}
