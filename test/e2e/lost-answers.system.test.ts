import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import type { BlobContainer } from '../../services/blob-storage.ts';
import { auditor, type Recorded } from './auditor.ts';
import { faultsOf } from './faults.ts';
import { startProduct, type Product } from './product.ts';
import { secondsOf } from './runs.ts';
import { slowJob, WITH_MLFLOW } from './slow-job.ts';

const MODEL = 'lost';
const FRONTS = ['azure', 'registry', 'release-blob', 'site-blob', 'stack-hub'];
const ARM = ['azure', 'stack-hub'];
let product: Product;
let audit: ReturnType<typeof auditor>;
let result: TrainModelResult;
/** What the run asked for, besides reading. */
let changes: Recorded[];

before(async () => {
  product = await startProduct();
  audit = auditor(product);
});
after(async () => product.close());

// What is not found again is made again and again: such a run would never end.
test('a run completes although the answer to each of its changes is lost', { timeout: 600_000 }, async () => {
  const wishes = ['LOGS'] as const;
  using job = slowJob({ model: MODEL, machine: 'lost', seconds: 3, wishes, environment: WITH_MLFLOW });
  const earlier = (await audit.requests()).length;
  const faults = faultsOf(product);
  const lost = { moment: 'after', action: 'drop' } as const;
  // Its two later states have the target of the first.
  await faults.order({ ...lost, route: 'PUT /**/networkInterfaces/*', front: 'stack-hub', count: 2 });
  for (const method of ['PUT', 'POST', 'DELETE']) await faults.order({ ...lost, route: `${method} /**`, each: true });
  // Once: docker-registry gives up an upload whose answer was lost, and each that begins anew has another target.
  await faults.order({ ...lost, route: 'PATCH /**' });
  result = await product.train(job.file);
  await faults.clear();

  changes = (await audit.requests()).slice(earlier).filter(({ method }) => method !== 'GET' && method !== 'HEAD');
  assert.deepEqual(await secondsOf(audit, result.job), [0, 1, 2]);
});

test('no change was left out, at any front, and Azure was told none of them twice', () => {
  const targets = Map.groupBy(changes, ({ front, method, path }) => `${front} ${method} ${path.replace(OWN_ID, '…')}`);
  const spared = [...targets].filter(([, sent]) => sent.some(isDone) && !sent.some(isLost)).map(([target]) => target);
  assert.deepEqual(spared, []);
  // ARM shows what is there, so it is told nothing a second time.
  const again = changes.filter(
    (each) => ['PUT', 'DELETE'].includes(each.method) && ARM.includes(each.front) && isDone(each),
  );
  assert.deepEqual(again, []);
  assert.deepEqual([...new Set(changes.filter(isLost).map(({ front }) => front))].sort(), FRONTS);
});

test('nothing is there twice', async () => {
  assert.deepEqual(await audit.resourceTypes(), [
    'Microsoft.Compute/disks',
    'Microsoft.Compute/virtualMachines',
    'Microsoft.Network/networkInterfaces',
    'Microsoft.Network/networkSecurityGroups',
    'Microsoft.Network/virtualNetworks',
  ]);
  assert.equal((await audit.computeTargets()).length, 1);
  const runs = await audit.runs();
  assert.deepEqual(
    runs.map(({ info }) => info),
    [{ ...runs[0]?.info, run_id: result.run.runId, status: 'FINISHED' }],
  );
  const { params, metrics } = runs[0]?.data ?? {};
  assert.deepEqual(
    [params, metrics?.map(({ key, value }) => [key, value])],
    [[{ key: 'seconds', value: '3' }], [['written', 3]]],
  );
  assert.deepEqual(
    (await audit.modelVersions(MODEL)).map(({ name }) => name),
    ['1'],
  );
  assert.deepEqual(await audit.versionTags(`edge-train/${MODEL}`), ['v1']);
  const attached = result.attestation?.state === 'signed' ? result.attestation.attached : [];
  assert.equal(attached.length, 4, 'receipt, SBOM, provenance and signature');
  const manifests = [result.image.digest, ...attached.map(({ digest }) => digest)].sort();
  assert.deepEqual((await audit.manifests(`edge-train/${MODEL}`)).sort(), manifests);
});

test('each artifact is one blob, and what was sent is gone from where it was sent', async () => {
  const release = audit.releaseAccount();
  const artifacts = result.released.artifacts.map(({ path }) => `models/${MODEL}/${result.job}/${path}`);
  const receipt = `models/${MODEL}/${result.job}.receipt.json`;
  assert.deepEqual(await names(release.container('edge-train-models'), 'models/'), [...artifacts, receipt].sort());
  assert.deepEqual(await names(release.container('edge-train-staging')), []);
  assert.equal((await names(release.container('edge-train-code'))).length, 1);
});

/** What names the single request: a token's request, or an upload to the registry. */
const OWN_ID = /(?<=client-request-id=)[^&]*|(?<=\/blobs\/uploads\/)[^/?]+\?.*/;
const isDone = ({ status }: Recorded): boolean => status !== undefined && status < 300;
const isLost = ({ status }: Recorded): boolean => status === undefined;

async function names(container: BlobContainer, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of container.listBlobsFlat({ prefix })) found.push(name);
  return found.sort();
}
