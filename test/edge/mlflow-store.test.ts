import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { readTrackedRun } from '../../activities/edge/mlflow-store.ts';

const base = await mkdtemp(join(tmpdir(), 'edge-train-mlflow-'));
after(() => rm(base, { recursive: true }));

async function store(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(base, 'store-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

const meta = (start: number) => `artifact_uri: x\nrun_id: r\nstart_time: ${start}\n`;

test('the parent run gives parameters and last values; a nested run does not', async () => {
  const folder = await store({
    '0/parent/meta.yaml': meta(10),
    '0/parent/params/C': '1.0',
    '0/parent/metrics/loss': '100 0.9 0\n300 0.2 2\n200 0.5 1\n',
    '0/parent/metrics/val/auc': '100 0.7 0\n',
    '0/parent/metrics/broken': '100 nan 0\n',
    '0/child/meta.yaml': meta(20),
    '0/child/tags/mlflow.parentRunId': 'parent',
    '0/child/metrics/loss': '1 9 9\n',
  });
  assert.deepEqual(await readTrackedRun(folder), {
    parameters: { C: '1.0' },
    metrics: [
      { name: 'broken', value: null, step: 0, timestamp: 100 },
      { name: 'loss', value: 0.2, step: 2, timestamp: 300 },
      { name: 'val/auc', value: 0.7, step: 0, timestamp: 100 },
    ],
  });
});

test('no store, an empty store and rubbish are no run', async () => {
  const nothing = { parameters: {}, metrics: [] };
  assert.deepEqual(await readTrackedRun(join(base, 'absent')), nothing);
  assert.deepEqual(await readTrackedRun(await store({ '0/r/meta.yaml': 'rubbish', x: 'y' })), nothing);
});

test('links are not followed, and odd names and lines are left out', async () => {
  const folder = await store({
    '0/r/meta.yaml': meta(1),
    '0/r/metrics/ok': 'x y z\n5 1 0\n\n',
    '0/r/params/a\nb': '1',
  });
  const secret = join(base, 'secret');
  await writeFile(secret, 'root:x');
  await symlink(secret, join(folder, '0/r/params/stolen'));
  assert.deepEqual(await readTrackedRun(folder), {
    parameters: {},
    metrics: [{ name: 'ok', value: 1, step: 0, timestamp: 5 }],
  });
});
