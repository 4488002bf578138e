import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { makeJobRun } from '../../activities/edge/job-run.ts';
import { readTrackedRun } from '../../activities/edge/mlflow-store.ts';
import { planFor } from './plan.ts';

const base = await mkdtemp(join(tmpdir(), 'edge-train-job-run-'));
after(() => rm(base, { recursive: true }));

const JOB = 'a'.repeat(20);
const fresh = async () => join(await mkdtemp(join(base, 'store-')), 'runs');
const plan = (experiment: string) => {
  const made = planFor(JOB, 'true');
  return { ...made, run: { ...made.run, experiment, displayName: 'of "rates": 1' } };
};
const meta = async (...path: string[]) => parse(await readFile(join(...path, 'meta.yaml'), 'utf8')) as object;

test('a job’s run is there before its script, in its experiment, for the job’s group alone', async () => {
  const runs = await fresh();
  await makeJobRun(runs, 'mlflow-artifacts:/', plan('rates'));
  assert.deepEqual((await readdir(runs)).sort(), ['0', '1']);
  const { creation_time: _, last_update_time: __, ...experiment } = (await meta(runs, '1')) as Record<string, unknown>;
  assert.deepEqual(experiment, {
    ...{ artifact_location: 'mlflow-artifacts:/1', experiment_id: '1', lifecycle_stage: 'active', name: 'rates' },
  });
  const { start_time, ...run } = (await meta(runs, '1', JOB)) as Record<string, unknown>;
  assert.ok(Math.abs(Number(start_time) - Date.now()) < 60_000);
  assert.deepEqual(
    [run['run_id'], run['run_uuid'], run['run_name'], run['artifact_uri'], run['status']],
    [JOB, JOB, 'of "rates": 1', `mlflow-artifacts:/1/${JOB}/artifacts`, 1],
  );
  for (const path of ['.', '0', '1', `1/${JOB}`, `1/${JOB}/metrics`, `1/${JOB}/tags`])
    assert.equal((await stat(join(runs, path))).mode & 0o777, 0o770, path);
  assert.equal((await stat(join(runs, '1', JOB, 'meta.yaml'))).mode & 0o777, 0o660);
  assert.deepEqual(await readdir(join(runs, '..')), ['runs']);
  assert.deepEqual(await readTrackedRun(runs, JOB), { parameters: {}, metrics: [] });
});

test('again is harmless, and a server that made the store first is no hindrance', async () => {
  for (const name of ['rates', 'Default']) {
    const id = name === 'Default' ? '0' : '1';
    const runs = await fresh();
    await mkdir(join(runs, '0'), { recursive: true });
    await writeFile(join(runs, '0', 'meta.yaml'), 'name: Default\nby: the server\n');
    await makeJobRun(runs, 'mlflow-artifacts:/', plan(name));
    await mkdir(join(runs, id, JOB, 'metrics', 'val'));
    await writeFile(join(runs, id, JOB, 'metrics', 'val', 'loss'), '1 0.5 0\n');
    await makeJobRun(runs, 'mlflow-artifacts:/', plan(name));
    assert.deepEqual(await meta(runs, '0'), { name: 'Default', by: 'the server' });
    assert.equal((await readTrackedRun(runs, JOB)).metrics[0]?.value, 0.5);
  }
});
