import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CommandError } from '../../client/command-error.ts';
import { readTraining } from '../../client/files/read-training.ts';
import { folder, TRAINING } from './command.ts';

const SWEEP = `type: sweep
trial:
  code: src
  command: python train.py --rate \${{search_space.rate}} --model \${{outputs.model}}
  environment:
    conda_file: conda.yml
outputs:
  model: {type: mlflow_model}
search_space:
  rate: {type: choice, values: [1e-5, 1.0, 2]}
sampling_algorithm: grid
objective: {goal: maximize, primary_metric: accuracy}
limits: {max_total_trials: 3, trial_timeout: 60}
`;
const CODE = { digest: 'a'.repeat(64), bytes: 1, files: 1 };
const FLAGS = { site: 'demo', model: 'heart', input: [] };

function sweepFolder(t: TestContext, find: string | RegExp = '', put = ''): string {
  const path = folder(t, { 'training.yml': TRAINING });
  writeFileSync(join(path, 'job.yml'), SWEEP.replace(find, put));
  writeFileSync(join(path, 'conda.yml'), 'dependencies: [python=3.11]\n');
  return join(path, 'job.yml');
}

test('a sweep’s file is read as a job file is, and its numbers reach the trials as Python writes them', async (t) => {
  const training = await readTraining(sweepFolder(t), { ...FLAGS, set: ['limits.max_total_trials=2'] });
  const { job, sweep } = training.toInput(CODE);
  assert.deepEqual(job.environment, { conda_file: { dependencies: ['python=3.11'] } });
  assert.deepEqual(job.limits, { timeout: 60 });
  assert.deepEqual(sweep?.search_space['rate'], { type: 'choice', values: ['1e-05', '1.0', 2] });
  assert.deepEqual(sweep?.limits, { max_total_trials: 2 });
});

const WRONG: readonly (readonly [find: string | RegExp, put: string, place: string, rule: RegExp])[] = [
  ['conda.yml', 'absent.yml', '6: trial.environment.conda_file', /does not exist/],
  ['code: src', 'code: /src', '3: trial.code', /relative to the job file/],
  [/search_space.rate/, 'search_space.rat', '4: trial.command', /search_space.rat, which is not declared/],
  ['[1e-5, 1.0, 2]}', '[1], depth: 2}', '10: search_space.rate.depth', /unknown key/],
  ['type: choice, values: [1e-5, 1.0, 2]', 'type: randint, upper: 3', '10: search_space.rate.type', /must be choice/],
  ['trial_timeout: 60', 'trial_timeout: 0', '13: limits.trial_timeout', />=1/],
  ['goal: maximize', 'goal: best', '12: objective.goal', /./],
];
for (const [find, put, place, rule] of WRONG) {
  test(`told at its place in the sweep’s file: ${place}`, async (t) => {
    const error = await readTraining(sweepFolder(t, find, put), FLAGS).then(
      () => assert.fail('it was taken'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof CommandError, String(error));
    const found = error.faults.find((fault) => `${fault.line}: ${fault.path}` === place);
    assert.ok(found, JSON.stringify(error.faults));
    assert.match(found.rule, rule);
  });
}
