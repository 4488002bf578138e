import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import { SweepJob, splitSweep, trialPath } from '../../domain/sweep-job.ts';
import { TrainModelInput } from '../../domain/train-model-input.ts';
import { parse, type Issue } from '../../domain/validation.ts';

const FILE = `
$schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json
type: sweep
display_name: sweep of rates
experiment_name: rates
compute: azureml:cpu-cluster
trial:
  code: src
  command: python train.py --data \${{inputs.data}} --rate \${{search_space.rate}} --model \${{outputs.model}}
  environment: azureml:lean@latest
  environment_variables: {WARD: cardiology}
inputs:
  data: {type: uri_file, path: azureml://datastores/hospital/paths/rows.csv}
outputs:
  model: {type: mlflow_model}
search_space:
  rate: {type: choice, values: [0.1, 0.2]}
sampling_algorithm: grid
objective: {goal: maximize, primary_metric: accuracy}
limits: {max_total_trials: 4, max_concurrent_trials: 2, timeout: 7200, trial_timeout: 600}
`;

test('a sweep file is the command job of each trial, and what is tried', () => {
  const { job, sweep } = splitSweep(SweepJob.parse(parseYaml(FILE)));
  assert.deepEqual(job, {
    $schema: 'https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json',
    ...{ display_name: 'sweep of rates', experiment_name: 'rates', compute: 'azureml:cpu-cluster', code: 'src' },
    command: 'python train.py --data ${{inputs.data}} --rate ${{search_space.rate}} --model ${{outputs.model}}',
    ...{ environment: 'azureml:lean@latest', environment_variables: { WARD: 'cardiology' } },
    inputs: { data: { type: 'uri_file', path: 'azureml://datastores/hospital/paths/rows.csv', mode: 'ro_mount' } },
    outputs: { model: { type: 'mlflow_model', mode: 'rw_mount' } },
    limits: { timeout: 600 },
  });
  assert.deepEqual(sweep, {
    search_space: { rate: { type: 'choice', values: [0.1, 0.2] } },
    sampling_algorithm: 'grid',
    objective: { goal: 'maximize', primary_metric: 'accuracy' },
    limits: { max_total_trials: 4, max_concurrent_trials: 2, timeout: 7200 },
  });
  const early_termination = { type: 'bandit', slack_factor: 0.1, evaluation_interval: 2, delay_evaluation: 5 };
  const early = splitSweep(SweepJob.parse({ ...(parseYaml(FILE) as object), early_termination }));
  assert.deepEqual(early.sweep, { ...sweep, early_termination });
  const input = parse(TrainModelInput, { site: 'demo', job, sweep, model: { name: 'm' }, code: CODE });
  assert.ok(input.ok);
  assert.deepEqual(
    splitSweep(SweepJob.parse({ ...(parseYaml(FILE) as object), resources: { shm_size: '1g' } })).job.resources,
    {
      shm_size: '1g',
    },
  );
});
const CODE = { digest: 'a'.repeat(64), bytes: 1, files: 1 };

test('paths of the trial’s command job lead back into the sweep’s file', () => {
  assert.equal(trialPath('environment.conda_file'), 'trial.environment.conda_file');
  assert.equal(trialPath('limits.timeout'), 'limits.trial_timeout');
  assert.equal(trialPath('inputs.data.path'), 'inputs.data.path');
});

/** A change of the file, the path of its only fault, and the reason. */
const REFUSED: readonly (readonly [change: object, path: string, reason: RegExp])[] = [
  [{ early_termination: { type: 'bandit' } }, 'early_termination.slack_factor', /slack_amount is required/],
  [{ early_termination: { type: 'none' } }, 'early_termination.type', /leave early_termination out/],
  [{ sampling_algorithm: 'bayesian' }, 'sampling_algorithm', /Azure ML’s own service/],
  [{ sampling_algorithm: { type: 'bayesian' } }, 'sampling_algorithm.type', /Azure ML’s own service/],
  [{ sampling_algorithm: 'sobol' }, 'sampling_algorithm', /\{type: random, rule: sobol\}/],
  [{ sampling_algorithm: { type: 'random', logbase: 10 } }, 'sampling_algorithm.logbase', /base e/],
  [{ sampling_algorithm: { type: 'grid', seed: 3 } }, 'sweep.sampling_algorithm.seed', /no chance/],
  [{ sampling_algorithm: { type: 'grid', rule: 'sobol' } }, 'sweep.sampling_algorithm.rule', /no chance/],
  [{ sampling_algorithm: undefined }, 'sampling_algorithm', /is required/],
  [{ sampling_algorithm: 'all' }, 'sampling_algorithm', /must be grid, random/],
  [{ search_space: {} }, 'search_space', /no parameter/],
  [
    { search_space: { rate: { type: 'uniform', min_value: 0, max_value: 1 } } },
    'sweep.search_space.rate.type',
    /must be choice/,
  ],
  [random({ type: 'uniform', min_value: 1, max_value: 1 }), 'search_space.rate.max_value', /greater than min_value/],
  [random({ type: 'loguniform', min_value: 1, max_value: 1000 }), 'search_space.rate.max_value', /700/],
  [random({ type: 'normal', mu: 0, sigma: 0 }), 'search_space.rate.sigma', />0/],
  [random({ type: 'quniform', min_value: 0, max_value: 1, q: 0 }), 'search_space.rate.q', />0/],
  [random({ type: 'randint', upper: 0 }), 'search_space.rate.upper', />=1/],
  [random({ type: 'gaussian', mu: 0 }), 'search_space.rate.type', /one of choice, randint/],
  [random({ type: 'choice', values: [{ a: 1 }] }), 'search_space.rate.values[0]', /nested spaces are not sampled/],
  [random({ type: 'choice', values: [true] }), 'search_space.rate.values[0]', /true is written as a text/],
  [random({ type: 'choice', values: [] }), 'search_space.rate.values', /./],
  [random({ type: 'choice', values: [1], value: 1 }), 'search_space.rate.value', /did you mean values/],
  [{ objective: { goal: 'max', primary_metric: 'x' } }, 'objective.goal', /./],
  [{ objective: { goal: 'maximize' } }, 'objective.primary_metric', /is required/],
  [{ limits: undefined }, 'limits', /is required/],
  [{ limits: { max_concurrent_trials: 2 } }, 'limits.max_total_trials', /is required/],
  [{ limits: { max_total_trials: 1001 } }, 'limits.max_total_trials', /1000/],
  [{ limits: { max_total_trials: 1, max_trials: 1 } }, 'limits.max_trials', /unknown key/],
  [{ trial: 'train.yml' }, 'trial', /its trial in the file itself/],
  [{ trial: 'azureml:train:1' }, 'trial', /its trial in the file itself/],
  [trial({ queue_settings: { job_tier: 'spot' } }), 'trial.queue_settings', /one queue/],
  [trial({ inputs: {} }), 'trial.inputs', /unknown key/],
  [trial({ resources: { instance_count: 2 } }), 'trial.resources.instance_count', /one VM/],
  [{ identity: { type: 'managed' } }, 'identity', /holds no identity/],
  [{ queue_settings: { job_tier: 'spot' } }, 'queue_settings', /one queue/],
  [{ services: {} }, 'services', /no port/],
  [{ ...trial({ resources: {} }), resources: {} }, 'resources', /say it once/],
  [
    trial({ command: 'run ${{search_space.depth}} ${{search_space.rate}}' }),
    'job.command',
    /search_space.depth.*not declared/,
  ],
  [trial({ command: 'run' }), 'sweep.search_space.rate', /is not used/],
  [trial({ environment: { build: {} } }), 'trial.environment.build', /no container image is built/],
];

function random(rate: object): object {
  return { search_space: { rate }, sampling_algorithm: 'random' };
}

function trial(change: object): object {
  return { trial: { ...(parseYaml(FILE) as { trial: object }).trial, ...change } };
}

for (const [change, path, reason] of REFUSED) {
  test(`refused: ${JSON.stringify(change).slice(0, 100)}`, () => {
    const issues = faults({ ...(parseYaml(FILE) as object), ...change });
    assert.deepEqual(
      issues.map((issue) => issue.path),
      [path],
    );
    assert.match(issues[0]?.rule ?? '', reason);
  });
}

function faults(file: object): readonly Issue[] {
  const parsed = parse(SweepJob, file);
  if (!parsed.ok) return parsed.issues;
  const whole = parse(TrainModelInput, { site: 'demo', ...splitSweep(parsed.value), model: { name: 'm' }, code: CODE });
  return whole.ok ? [] : whole.issues;
}

test('more parameters than Sobol’s numbers are for are refused for it alone', () => {
  const names = Array.from({ length: 22 }, (_, i) => `p${i}`);
  const search_space = Object.fromEntries(names.map((name) => [name, { type: 'randint', upper: 9 }]));
  const command = names.map((name) => `\${{search_space.${name}}}`).join(' ');
  const of = (rule: string) =>
    faults({
      ...(parseYaml(FILE) as object),
      ...trial({ command }),
      search_space,
      sampling_algorithm: { type: 'random', rule },
    });
  assert.deepEqual(of('random'), []);
  assert.match(of('sobol')[0]?.rule ?? '', /more than 21 parameters/);
});

test('a VM that goes after each run cannot be a sweep’s', () => {
  const whole = { site: 'demo', ...splitSweep(SweepJob.parse(parseYaml(FILE))), model: { name: 'm' }, code: CODE };
  const parsed = parse(TrainModelInput, { ...whole, virtualMachine: { after: 'delete' } });
  assert.ok(!parsed.ok);
  assert.deepEqual(
    parsed.issues.map(({ path }) => path),
    ['virtualMachine.after'],
  );
});
