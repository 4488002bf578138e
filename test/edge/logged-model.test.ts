import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { adoptLoggedModel } from '../../activities/edge/logged-model.ts';
import { planFor } from './plan.ts';

const base = await mkdtemp(join(tmpdir(), 'edge-train-logged-'));
after(() => rm(base, { recursive: true }));

const given = planFor('1'.repeat(20), 'true');
const plan = { ...given, model: { ...given.model, type: 'mlflow_model' as const } };

/** A home with this one job: what it logged, and what it has in its outputs. */
async function home(logged: readonly string[], outputs: readonly string[] = []): Promise<string> {
  const folder = await mkdtemp(join(base, 'home-'));
  const job = join(folder, 'jobs', plan.job);
  await mkdir(join(job, 'spec'), { recursive: true });
  await mkdir(join(job, 'outputs', 'model'), { recursive: true });
  const files = [...logged.map((path) => `tracking/artifacts/${path}`), ...outputs.map((path) => `outputs/${path}`)];
  for (const path of files) {
    await mkdir(dirname(join(job, path)), { recursive: true });
    await writeFile(join(job, path), path);
  }
  return folder;
}

const modelOf = (folder: string) => join(folder, 'jobs', plan.job, 'outputs', 'model');

test('the one model that was logged goes where the model’s output is, whole, and again is harmless', async () => {
  const logged = ['1/models/m-1/artifacts/MLmodel', '1/models/m-1/artifacts/data/model.pkl', '1/r/artifacts/plot.png'];
  const folder = await home([...logged, '1/models/m-1/artifacts/parts/inner/MLmodel']);
  for (let again = 0; again < 2; again += 1) await adoptLoggedModel(folder, plan);
  const names = await readdir(modelOf(folder), { recursive: true });
  assert.deepEqual(names.sort(), ['MLmodel', 'data', 'data/model.pkl', 'parts', 'parts/inner', 'parts/inner/MLmodel']);
  assert.match(await readFile(join(modelOf(folder), 'MLmodel'), 'utf8'), /m-1/);
});

test('nothing is taken beside a model that the script saved, of two that it logged, or for another type', async () => {
  const one = '1/r/artifacts/model/MLmodel';
  const saved = await home([one], ['model/model.pkl']);
  const two = await home([one, '1/r/artifacts/other/MLmodel']);
  const custom = await home([one]);
  for (const folder of [saved, two]) await adoptLoggedModel(folder, plan);
  await adoptLoggedModel(custom, given);
  const left = await Promise.all([saved, two, custom].map((folder) => readdir(modelOf(folder))));
  assert.deepEqual(left, [['model.pkl'], [], []]);
});

test('no link is followed: not among what was logged, and not where the model would go', async () => {
  const elsewhere = await mkdtemp(join(base, 'elsewhere-'));
  await writeFile(join(elsewhere, 'MLmodel'), 'secret');
  const inside = await home(['1/r/artifacts/plot.png']);
  await symlink(elsewhere, join(inside, 'jobs', plan.job, 'tracking/artifacts/1/r/artifacts/model'));
  await adoptLoggedModel(inside, plan);
  assert.deepEqual(await readdir(modelOf(inside)), []);

  const target = await home(['1/r/artifacts/model/MLmodel']);
  await rm(modelOf(target), { recursive: true });
  await symlink(elsewhere, modelOf(target));
  await adoptLoggedModel(target, plan);
  await adoptLoggedModel(target, { ...plan, model: { ...plan.model, path: 'deeper' } });
  assert.deepEqual(await readdir(elsewhere), ['MLmodel']);
  assert.equal(await readFile(join(elsewhere, 'MLmodel'), 'utf8'), 'secret');
});
