import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pMap from 'p-map';
import { parse, stringify } from 'yaml';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { auditor } from '../e2e/auditor.ts';
import { startProduct, type Product } from '../e2e/product.ts';
import { DATA, jobs, OPERATORS } from './site.ts';

/** The command is a process, and the VM trains one job at a time. */
const AT_ONCE = 3;

let product: Product;
let audit: ReturnType<typeof auditor>;
const results = new Map<string, TrainModelResult>();

before(async () => {
  product = await startProduct();
  audit = auditor(product);
  const siteFile = join(product.folder, 'site.yml');
  const site = parse(readFileSync(siteFile, 'utf8')) as object;
  writeFileSync(siteFile, stringify({ ...site, ...OPERATORS }));
  const hospital = audit.siteAccount().container('hospital');
  for (const [path, content] of Object.entries(DATA))
    await hospital.getBlockBlobClient(path).upload(content, Buffer.byteLength(content));
});
after(() => product.close());

test('every job file trains on site as it is, and its script finds what Azure ML would give it', async () => {
  const faults: string[] = [];
  await pMap(
    jobs(),
    async ([name, { file, flags }]) => {
      const given = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
      const ended = await product.edgeTrain('run', file, '--json', ...given);
      if (ended.code === 0) results.set(name, (JSON.parse(ended.stdout) as { result: TrainModelResult }).result);
      else faults.push(`${name} ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
    },
    { concurrency: AT_ONCE },
  );
  assert.deepEqual(faults, []);
  assert.ok(results.size >= 15);
  assert.equal((await audit.virtualMachines()).length, 1);
});

test('every output of a job is kept on site, and only the model was released', async () => {
  const { job, released } = results.get('every-output')!;
  assert.deepEqual(
    released.artifacts.map(({ path }) => path),
    ['score.py'],
  );
  const kept: string[] = [];
  for await (const { name } of audit
    .siteAccount()
    .container('edge-train-runs')
    .listBlobsFlat({ prefix: `runs/${job}/outputs/` }))
    kept.push(name.slice(`runs/${job}/outputs/`.length));
  assert.deepEqual(kept.sort(), ['folder/a.txt', 'model/score.py', 'table/table', 'tracked/MLmodel']);
});

test('Azure ML’s run shows what the job file says of itself, and what it called by names of the cloud', async () => {
  const run = (await audit.runs()).find(({ data }) =>
    data.tags?.some(({ key, value }) => key === 'job-file.name' && value === 'limits_and_resources'),
  );
  const tags = Object.fromEntries((run?.data.tags ?? []).map(({ key, value }) => [key, value]));
  assert.equal(tags['ward'], 'cardiology');
  assert.equal(tags['job-file.environment'], 'python:3.11');
});
