import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pMap from 'p-map';
import { parse, stringify } from 'yaml';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { auditor } from '../e2e/auditor.ts';
import { ROOT, startProduct, type Product } from '../e2e/product.ts';
import { openCredential } from '../../services/machine-learning/workspace.ts';
import { digestOf, tar } from '../services/layers.ts';
import { pushImage } from '../support/push-image.ts';
import { DATA, jobs, OPERATORS } from './site.ts';

const IN_IMAGE = {
  type: 'command',
  code: 'src',
  command: 'python3 train.py ${{outputs.model}}',
  outputs: { model: { type: 'custom_model' } },
};
const TRAIN_IN_IMAGE = `
import os, pathlib, sys
assert open("/opt/marker").read() == "of the image"
assert os.environ["FLAVOUR"] == "image"
assert not os.path.exists("/etc/edge-train") and not os.path.exists("/var/lib/edge-train")
model = pathlib.Path(sys.argv[1])
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\\n    pass\\n\\n\\ndef run(data):\\n    return data\\n")
`;

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

test('a job whose image the site’s registry has runs in it, and its lock and receipt name the very image', async () => {
  const { info } = product;
  const ca = readFileSync(info.caFile, 'utf8');
  const { tenant, clientId, authority, audience } = info.azure;
  const clientSecret = readFileSync(info.azure.clientSecretFile, 'utf8').trim();
  const credential = openCredential({ tenant, clientId, clientSecret, authority, ca });
  const registry = { loginServer: info.registry.loginServer, audience, ca, credential };
  const root = readFileSync(join(ROOT, '.tools', 'images', 'serving.tar'));
  const marker = tar({ name: 'opt/marker', content: 'of the image' });
  const digest = await pushImage(registry, 'team/tools', 'v1', [{ tar: root }, { tar: marker }], {
    env: ['FLAVOUR=image'],
  });

  const folder = join(product.folder, 'in-image');
  mkdirSync(join(folder, 'src'), { recursive: true });
  writeFileSync(
    join(folder, 'job.yml'),
    stringify({ ...IN_IMAGE, environment: { image: `${info.registry.loginServer}/team/tools:v1` } }),
  );
  writeFileSync(join(folder, 'src', 'train.py'), TRAIN_IN_IMAGE);
  const ended = await product.train(join(folder, 'job.yml'), '--site', 'demo', '--model', 'in-image');
  assert.deepEqual(
    ended.released.artifacts.map(({ path }) => path),
    ['score.py'],
  );

  const runs = audit.siteAccount().container('edge-train-runs');
  const lock = await runs.getBlockBlobClient(`runs/${ended.job}/environment.lock`).downloadToBuffer();
  assert.equal(digestOf(lock), digest);
  const receipt = await runs.getBlockBlobClient(`runs/${ended.job}/receipt.json`).downloadToBuffer();
  const { payload } = JSON.parse(receipt.toString()) as { payload: string };
  assert.ok(
    Buffer.from(payload, 'base64')
      .toString()
      .includes(`"lock":"${digest.slice(7)}"`),
  );
  const uplink = readFileSync(info.uplink.accessLog, 'utf8');
  assert.match(uplink, new RegExp(`CONNECT ${info.registry.loginServer} `), 'by the uplink');
});

test('every package of an environment was installed by its hash, and the lock is kept with the run', async () => {
  const { file } = jobs().get('environment-of-a-version')!;
  const { job } = await product.train(file, '--site', 'demo', '--model', 'locked');
  const runs = audit.siteAccount().container('edge-train-runs');
  const lock = await runs.getBlockBlobClient(`runs/${job}/environment.lock`).downloadToBuffer();
  assert.match(lock.toString(), /^# Python 3\.11\npackaging==24\.2 \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+$/);
  const receipt = await runs.getBlockBlobClient(`runs/${job}/receipt.json`).downloadToBuffer();
  const { payload } = JSON.parse(receipt.toString()) as { payload: string };
  assert.ok(
    Buffer.from(payload, 'base64')
      .toString()
      .includes(`"lock":"${digestOf(lock).slice(7)}"`),
  );
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

test('of a sweep the best trial’s model alone has left, and each trial is a child of the sweep’s run', async () => {
  const { sweep, job, released, model } = results.get('sweep')!;
  assert.ok(sweep);
  assert.deepEqual(
    sweep.trials.map(({ number, state, parameters, value }) => [number, state, parameters['rate'], value]),
    [
      [1, 'done', '1e-05', 1e-5],
      [2, 'done', '1.0', 1],
      [3, 'failed', '4', undefined],
      [4, 'stopped', '2', undefined],
    ],
  );
  assert.match(sweep.trials[3]?.detail ?? '', /^score 0\.1 at interval 1: the best is 1, and 0\.5 would have done/);
  assert.equal(sweep.best, 2);
  assert.equal(model.version, 1);
  assert.deepEqual(
    released.artifacts.map(({ path }) => path),
    ['score.py'],
  );
  const recorded = (await audit.runs()).map(({ info, data }) => ({
    ...{ id: info.run_id, status: info.status },
    tags: Object.fromEntries((data.tags ?? []).map(({ key, value }) => [key, value])),
    rate: data.params?.find(({ key }) => key === 'rate')?.value,
    scores: (data.metrics ?? []).filter(({ key }) => key === 'score').map(({ value }) => value),
  }));
  const children = recorded.filter(({ tags }) => tags['mlflow.parentRunId'] === sweep.run.runId);
  assert.deepEqual(children.map(({ tags, status, rate }) => [tags['edge-train.trial'], status, rate]).sort(), [
    ['1', 'FINISHED', '1e-05'],
    ['2', 'FINISHED', '1.0'],
    ['3', 'FAILED', '4'],
    ['4', 'KILLED', '2'],
  ]);
  const stopped = children.find(({ tags }) => tags['edge-train.trial'] === '4');
  assert.deepEqual(stopped?.scores, [0.1], 'what it had logged stays');
  const parent = recorded.find(({ id }) => id === sweep.run.runId);
  assert.deepEqual([parent?.status, parent?.rate], ['FINISHED', '1.0']);

  const first = children.find(({ tags }) => tags['edge-train.trial'] === '1')?.tags['job'];
  const runs = audit.siteAccount().container('edge-train-runs');
  assert.notEqual(first, job);
  assert.ok(await runs.getBlobClient(`runs/${first}/outputs/model/score.py`).exists(), 'it stayed on site');
  assert.ok(
    await runs.getBlobClient(`runs/${stopped.tags['job']}/metrics.jsonl`).exists(),
    'and what a stopped one logged',
  );
});
