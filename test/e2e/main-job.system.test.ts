import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { ReceiptPredicate } from '../../domain/statement.ts';
import type { RunStatus } from '../../domain/run-status.ts';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { publicKeyOf } from '../../services/signing.ts';
import { until } from '../support/until.ts';
import { auditor } from './auditor.ts';
import { docker, EXAMPLE, ROOT, startProduct, vmContainer, withoutTrackingServer, type Product } from './product.ts';
import { slowJob } from './slow-job.ts';

const training = join(EXAMPLE, 'training.yml');
const slowJobFile = join(ROOT, 'test', 'e2e', 'slow-job', 'job.yml');
let product: Product;
let audit: ReturnType<typeof auditor>;
let first: TrainModelResult;
const copies: string[] = [];

before(async () => {
  product = await startProduct({ trackingServer: true });
  audit = auditor(product);
});
after(async () => {
  for (const copy of copies) rmSync(copy, { recursive: true });
  await product.close();
});

test('an input that is not on the site is refused before anything is made', async () => {
  const job = variant(join(EXAMPLE, 'job.yml'), 'wdbc.csv', 'absent.csv');
  const ended = await product.edgeTrain('run', job, '--site', 'demo', '--model', 'absent', '--model-path', 'model');
  assert.equal(ended.code, 2, ended.stdout + ended.stderr);
  assert.match(ended.stderr, /absent\.csv/);
  assert.deepEqual(await audit.virtualMachines(), []);
  assert.deepEqual(await audit.runs(), []);
});

test('the main job ends with one VM, one compute target, one finished run, version 1 and one image', async () => {
  first = await product.train(training);
  assert.equal((await audit.virtualMachines()).length, 1);
  const targets = await audit.computeTargets();
  assert.equal(targets.length, 1);
  assert.equal(first.computeTarget.state, 'attached');
  const runs = await audit.runs();
  assert.equal(runs.length, 1);
  assert.equal(runs[0]?.info.status, 'FINISHED');
  const accuracy = runs[0]?.data.metrics?.find(({ key }) => key === 'test_accuracy');
  assert.ok(accuracy && accuracy.value > 0.9, 'the run shows the metrics that the script logged');

  const versions = await audit.modelVersions('breast-cancer');
  assert.equal(versions.length, 1);
  const tags = versions[0]?.properties.tags ?? {};
  assert.equal(tags['job'], first.job);
  assert.equal(tags['site'], 'demo');
  assert.ok(Object.values(tags).includes(first.data.rootDigest), 'tagged with the data’s root digest');
  assert.ok(Object.values(tags).includes(first.receipt), 'tagged with the receipt');
  assert.deepEqual(await audit.versionTags('edge-train/breast-cancer'), ['v1']);
});

test('the receipt says what the cage was made of, where the model went, and what the uplink’s own log tells of the VM', async () => {
  const runs = audit.siteAccount().container('edge-train-runs');
  const receipt = JSON.parse(await text(runs, `runs/${first.job}/receipt.json`)) as { payload: string };
  const { predicate } = JSON.parse(Buffer.from(receipt.payload, 'base64').toString()) as {
    predicate: ReceiptPredicate;
  };
  const { cage, uplink, released } = ReceiptPredicate.parse(predicate);
  assert.ok(cage && cage.tried.length > 50);
  const unit = '/etc/systemd/system/edge-train-job@.service';
  const installed = await docker(product.info, 'exec', await vmContainer(product), 'sha256sum', unit);
  assert.equal(cage.files[unit], installed.split(' ')[0]);
  const release = new URL(product.info.release.blobEndpoint);
  assert.ok(
    released.destination?.startsWith(`${release.href}/edge-train-staging/staging/${first.job}/`),
    released.destination,
  );
  assert.ok(uplink?.state === 'read', JSON.stringify(uplink));
  const there = uplink.destinations.find(({ to }) => to === release.host);
  assert.ok(there?.sent !== undefined && there.sent >= released.bytes, JSON.stringify(uplink.destinations));
  const known = new Set([release.host, product.info.temporal.address, ...(product.info.packageIndex?.hosts ?? [])]);
  assert.deepEqual(
    uplink.destinations.filter(({ to }) => !known.has(to)),
    [],
  );
});

test('the doctor finds nothing wrong, and the VM says hello', async () => {
  const ended = await product.edgeTrain('doctor', '--json');
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  const { checks } = JSON.parse(ended.stdout) as { checks: { where: string; name: string; state: string }[] };
  assert.ok(
    checks.some(({ where, name, state }) => where === first.virtualMachine && name === 'hello' && state === 'ok'),
  );
});

test('the image is signed, and holds what the site’s receipt says, by the public keys that the sandbox made', async () => {
  const { attestation, image } = first;
  assert.ok(attestation?.state === 'signed');
  assert.deepEqual(
    attestation.attached.map(({ kind }) => kind),
    ['receipt', 'sbom', 'provenance', 'signature'],
  );
  const { registry, caFile } = product.info;
  const keys = join(product.folder, 'keys');
  const ended = await product.edgeTrain(
    ...['image', 'verify', `${image.registry}/${image.repository}:${image.tag}`, '--json', '--ca', caFile],
    ...['--key', join(keys, 'image.pub'), '--receipt-key', join(keys, 'receipt.pub')],
    ...['--username', registry.username, '--password', `file:${registry.passwordFile}`],
  );
  assert.equal(ended.code, 0, ended.stdout);
  const said = JSON.parse(ended.stdout) as { key: string; receipt: string; artifacts: unknown[]; modelRead: boolean };
  assert.deepEqual([said.key, said.receipt, said.modelRead], [attestation.keyId, first.receipt, true]);
  assert.equal(said.artifacts.length, first.released.artifacts.length);
});

test('a container from the pulled image predicts for held-out rows what the model predicted in training', async () => {
  const { info } = product;
  const reference = `${first.image.registry}/${first.image.repository}@${first.image.digest}`;
  // The registry behind the front: the same bytes by the same digest, without a login.
  const local = reference.replace(first.image.registry, new URL(audit.registryUrl).host);
  const port = await freePort();
  const name = `edge-train-e2e-${process.pid}`;
  await docker(
    info,
    'run',
    '-d',
    '--name',
    name,
    '--read-only',
    '--tmpfs',
    '/tmp',
    '--cap-drop',
    'ALL',
    '-p',
    `127.0.0.1:${port}:5001`,
    local,
  );
  try {
    await until('the service answers', () => isOk(`http://127.0.0.1:${port}/`), 90);
    const runs = audit.siteAccount().container('edge-train-runs');
    const kept = await text(runs, `runs/${first.job}/outputs/predictions/held-out.csv`);
    const rows = new Map(
      readFileSync(join(EXAMPLE, 'data', 'wdbc.csv'), 'utf8')
        .trim()
        .split(/\r?\n/)
        .map((line) => [line.split(',')[0] ?? '', line.split(',')]),
    );
    const header = rows.get('patient_id') ?? [];
    const heldOut = kept
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map((line) => line.split(','));
    assert.equal(heldOut.length, 143);
    const answer = await fetch(`http://127.0.0.1:${port}/score`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        input_data: {
          columns: header.slice(2),
          data: heldOut.map(([id = '']) => (rows.get(id) ?? []).slice(2).map(Number)),
        },
      }),
    });
    const answered = await answer.text();
    assert.equal(answer.status, 200, answered);
    const predictions =
      (JSON.parse(answered) as { predictions?: string[] }).predictions ?? (JSON.parse(answered) as string[]);
    assert.deepEqual(
      predictions,
      heldOut.map(([, , predicted]) => predicted),
    );
  } finally {
    await docker(info, 'rm', '-f', name);
  }
});

test('a second start uses the same VM and gives version 2', async () => {
  const second = await product.train(training);
  assert.equal(second.model.version, 2);
  assert.equal(second.virtualMachine, first.virtualMachine);
  assert.equal((await audit.virtualMachines()).length, 1);
  assert.equal((await audit.computeTargets()).length, 1);
  assert.deepEqual((await audit.versionTags('edge-train/breast-cancer')).sort(), ['v1', 'v2']);
});

test('two runs at once for one VM and one model name give versions 1 and 2', async () => {
  const run = (seconds: string) =>
    product.train(variant(slowJobFile, 'seconds: 30', `seconds: ${seconds}`), '--site', 'demo', '--model', 'pair');
  const both = await Promise.all([run('2'), run('3')]);
  assert.deepEqual(both.map(({ model }) => model.version).sort(), [1, 2]);
  assert.equal((await audit.modelVersions('pair')).length, 2);
  assert.equal((await audit.virtualMachines()).length, 1);
});

test('killed workers: the run completes with no human act, and no second of training is repeated', async () => {
  const before = await audit.runs();
  const ending = product.train(slowJobFile, '--site', 'demo', '--model', 'killed');
  ending.catch(() => undefined); // awaited below; a failure before that must not end the process
  const vm = await vmContainer(product);
  const log = `for f in /var/lib/edge-train/jobs/*/logs/job.log; do cat "$f"; done 2>/dev/null || true`;
  const five = async () => (await docker(product.info, 'exec', vm, 'sh', '-c', log)).includes('second 5');
  await until('the job has written five lines', five, 120);
  await docker(product.info, 'exec', vm, 'pkill', '-9', '-u', 'edge-train', '-f', 'worker');
  const worker = JSON.parse(readFileSync(join(product.folder, 'worker.json'), 'utf8')) as { pid: number };
  process.kill(worker.pid, 'SIGKILL');
  const restarted = await product.edgeTrain('sandbox', 'start', '--state', product.folder);
  assert.equal(restarted.code, 0, restarted.stderr);

  const result = await ending;
  const written = await text(audit.siteAccount().container('edge-train-runs'), await logPath(result.job));
  const seconds = [...written.matchAll(/^second (\d+)$/gm)].map((match) => Number(match[1]));
  assert.deepEqual(
    seconds,
    Array.from({ length: 30 }, (_, second) => second),
  );
  assert.equal(result.model.version, 1);
  assert.equal((await audit.modelVersions('killed')).length, 1);
  assert.equal((await audit.virtualMachines()).length, 1);
  assert.equal((await audit.runs()).length, before.length + 1);
  assert.deepEqual(await audit.versionTags('edge-train/killed'), ['v1']);
});

test('where the site asks for approval, the model leaves when an approver has signed for it, and not before, though all is stopped and started meanwhile', async () => {
  const key = readFileSync(join(product.folder, 'keys', 'approval.pem'), 'utf8');
  const policy = stringify({ approval: { approvers: { demo: publicKeyOf(key) } } }).replace(/^/gm, '  ');
  const siteFile = join(product.folder, 'site.yml');
  const before = readFileSync(siteFile, 'utf8');
  writeFileSync(siteFile, before.replace('\nrelease:\n', `\nrelease:\n${policy.trimEnd()}\n`));
  withoutTrackingServer(siteFile);
  try {
    // A VM of its own: it gets the policy as it is now, and obeys that, whatever a workflow says.
    using job = slowJob({ model: 'approved', machine: 'approving', seconds: 1 });
    const started = await product.edgeTrain('run', job.file, '--detach', '--json');
    assert.equal(started.code, 0, started.stdout + started.stderr);
    const { workflowId } = JSON.parse(started.stdout) as { workflowId: string };
    const status = async () =>
      JSON.parse((await product.edgeTrain('status', workflowId, '--json')).stdout) as RunStatus;
    await until('it waits for approval', async () => (await status()).approval, 600);
    assert.equal((await audit.modelVersions('approved').catch(() => [])).length, 0);
    // Temporal, Azure, the VMs and the workers.
    for (const verb of ['stop', 'start']) {
      const ended = await product.edgeTrain('sandbox', verb, '--state', product.folder);
      assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    }
    assert.ok((await status()).approval, 'it waits on');
    assert.equal((await audit.modelVersions('approved').catch(() => [])).length, 0);
    const approved = await product.edgeTrain('approve', workflowId, '--reason', 'no row in it');
    assert.equal(approved.code, 0, approved.stdout + approved.stderr);
    const watched = await product.edgeTrain('watch', workflowId, '--json');
    assert.equal(watched.code, 0, watched.stdout + watched.stderr);
    const { result } = JSON.parse(watched.stdout) as { result: TrainModelResult };
    assert.equal(result.model.version, 1);
    const receipt = JSON.parse(
      await text(audit.siteAccount().container('edge-train-runs'), `runs/${result.job}/receipt.json`),
    ) as { payload: string };
    const statement = JSON.parse(Buffer.from(receipt.payload, 'base64').toString()) as {
      predicate: { approval?: { by: string; reason: string } };
    };
    assert.equal(statement.predicate.approval?.by, 'demo');
    assert.equal(statement.predicate.approval.reason, 'no row in it');
  } finally {
    writeFileSync(siteFile, before);
  }
});

/** A copy of a job's folder, in the run's temporary folder, with one thing changed. */
function variant(jobFile: string, from: string, to: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'edge-train-job-'));
  cpSync(dirname(jobFile), folder, { recursive: true });
  const file = join(folder, basename(jobFile));
  writeFileSync(file, readFileSync(jobFile, 'utf8').replace(from, to));
  copies.push(folder);
  return file;
}

async function logPath(job: string): Promise<string> {
  const runs = audit.siteAccount().container('edge-train-runs');
  for await (const blob of runs.listBlobsFlat({ prefix: `runs/${job}/` }))
    if (blob.name.endsWith('.log')) return blob.name;
  throw new Error(`no log of ${job} in the site's run container`);
}

async function text(
  container: ReturnType<ReturnType<typeof audit.siteAccount>['container']>,
  path: string,
): Promise<string> {
  return (await container.getBlobClient(path).downloadToBuffer()).toString();
}

async function isOk(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
