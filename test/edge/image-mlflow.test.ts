import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { EdgeDependencies } from '../../activities/edge/dependencies.ts';
import { hasMlflowWithin } from '../../activities/edge/image-mlflow.ts';
import { trackingServerBuild, trackingServerOf } from '../../activities/edge/tracking-server.ts';
import { prepareTracking } from '../../activities/edge/tracking-store.ts';
import { sha256 } from '../../services/signing.ts';
import { planFor } from './plan.ts';

const base = await mkdtemp(join(tmpdir(), 'edge-train-image-mlflow-'));
after(() => rm(base, { recursive: true }));

const CONDA = 'opt/conda/envs/azureml/lib/python3.10/site-packages';
for (const [path, expected] of [
  ['usr/local/lib/python3.11/site-packages/mlflow-3.17.2.dist-info', true],
  [`${CONDA}/mlflow_skinny-2.22.0.dist-info`, true],
  ['usr/lib/python3/dist-packages/mlflow-2.1.egg-info', true],
  [`${CONDA}/mlflow_export_import-1.0.dist-info`, false],
  ['home/me/mlflow-3.17.2.dist-info', false],
  ['proc/site-packages/mlflow-3.17.2.dist-info', false],
] as const)
  test(`${path}: ${expected ? 'MLflow is there' : 'it is not'}`, async () => {
    const tree = await mkdtemp(join(base, 'tree-'));
    await mkdir(join(tree, path), { recursive: true });
    await symlink('/', join(tree, 'root'));
    assert.equal(await hasMlflowWithin(tree), expected);
  });

test('a job in an image has a tracking server where the image has MLflow, the site says so and the server is made', async () => {
  const home = await mkdtemp(join(base, 'home-'));
  const edge = { home, policyFile: join(home, 'policy.json'), trackingLock: join(home, 'lock') } as EdgeDependencies;
  const limits = { maxSeconds: 1, maxLogBytes: 1, maxImageBytes: 1, cacheBytes: 1, cacheDays: 1 };
  const policy = (trackingServer: boolean) =>
    writeFile(edge.policyFile, JSON.stringify({ site: 'demo', release: {}, trackingServer, ...limits }));
  const digest = 'd'.repeat(64);
  const image = { reference: 'r/x', registry: 'r', repository: 'x', digest };
  const plan = { ...planFor('a'.repeat(20), 'true'), environment: { name: 'x', requirements: [], digest, image } };
  const pulled = async (file: object) => {
    await mkdir(join(home, 'images', digest), { recursive: true });
    await writeFile(join(home, 'images', digest, 'image.json'), JSON.stringify({ variables: {}, ...file }));
  };
  await policy(true);
  await writeFile(edge.trackingLock, 'mlflow==3.17.2\n');
  await pulled({ mlflow: true });
  assert.equal(await trackingServerOf(edge, plan), undefined, 'it is not made');
  const server = (await trackingServerBuild(edge)).digest;
  const folder = join(home, 'environments', server);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'environment.lock'), 'x');
  const ready = { digest: server, lock: sha256('x'), python: '3.11', packages: [], cached: false };
  await writeFile(join(folder, 'ready.json'), JSON.stringify(ready));
  assert.equal(await trackingServerOf(edge, plan), server);

  await mkdir(join(home, 'jobs', plan.job, 'outputs'), { recursive: true });
  const toFolder = { uri: 'file:///job/outputs/mlruns', run: plan.job };
  await policy(false);
  assert.equal(await trackingServerOf(edge, plan), undefined);
  assert.deepEqual(await prepareTracking(edge, plan, false), toFolder, 'a folder has the job’s run too');
  await policy(true);
  await pulled({}); // by an older edge-train
  assert.equal(await trackingServerOf(edge, plan), undefined);
  assert.deepEqual(await prepareTracking(edge, plan, false), { uri: toFolder.uri });
});
