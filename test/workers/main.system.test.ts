import assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { ApplicationFailure, Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { CLOUD_QUEUE } from '../../domain/resource-names.ts';
import { startTemporal, type TemporalServer } from '../support/temporal.ts';

const MAIN = path.join(import.meta.dirname, '../../workers/main.ts');
const ZERO = '00000000-0000-0000-0000-000000000000';
let server: TemporalServer;
let folder: string;

before(async () => {
  server = await startTemporal();
  folder = await mkdtemp(path.join(tmpdir(), 'edge-train-worker-'));
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString().trim().replaceAll('\n', '\n      ');
  await writeFile(path.join(folder, 'temporal.toml'), `[profile.default]\naddress = "${server.address}"\n`);
  await writeFile(
    path.join(folder, 'site.yml'),
    `name: demo
stackHub: { endpoint: 'https://127.0.0.1:9', tenant: adfs, subscription: ${ZERO}, location: local,
  resourceGroup: g, clientId: c, clientSecret: 'env:NONE' }
virtualMachines: { image: 'a:b:c:d', sizes: [Standard_DS1_v2] }
storageAccounts: { siteblobs: { blobEndpoint: 'https://127.0.0.1:9' } }
dataStores: { records: { account: siteblobs, container: records } }
runs: { account: siteblobs, container: runs }
uplink: 'http://127.0.0.1:9'
packageIndex: 'https://127.0.0.1:9/simple'
temporal: { address: '${server.address}' }
receiptKey: 'env:NONE'
`,
  );
  await writeFile(
    path.join(folder, 'cloud.yml'),
    `azure: { endpoint: 'https://127.0.0.1:9', authority: 'https://127.0.0.1:9', audience: 'https://127.0.0.1:9',
  tenant: t, clientId: c, clientSecret: 'env:NONE', subscription: ${ZERO}, resourceGroup: g, workspace: w }
release: { blobEndpoint: 'https://127.0.0.1:9', key: 'env:NONE' }
registry: { loginServer: '127.0.0.1:9', base: 'base@sha256:${'0'.repeat(64)}', packageIndex: 'https://127.0.0.1:9/simple' }
sites:
  demo:
    receiptPublicKey: |
      ${pem}
`,
  );
});
after(async () => {
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

type WorkerProcess = ChildProcessByStdio<null, Readable, Readable>;

function startWorker(role: string, config = folder, environment: Record<string, string> = {}) {
  const child: WorkerProcess = spawn(process.execPath, [MAIN, '--role', role, '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder, ...environment },
  });
  const said = { stderr: '' };
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  return { child, said };
}

async function ready({ child, said }: ReturnType<typeof startWorker>): Promise<Record<string, unknown>> {
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => assert.fail(`the worker ended: ${said.stderr}`)),
  ])) as [string];
  return JSON.parse(line) as Record<string, unknown>;
}

async function exitCode(child: WorkerProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

test('both roles in one process: ready, at work, and stopped by SIGTERM', async (t) => {
  const worker = startWorker('cloud,site');
  try {
    const said = await ready(worker);
    assert.equal(said['ready'], true);
    assert.equal(said['pid'], worker.child.pid);
    assert.deepEqual(said['roles'], ['cloud', 'site']);
    const connection = await Connection.connect({ address: server.address });
    t.after(() => connection.close());
    const client = new Client({ connection });
    const options = { taskQueue: CLOUD_QUEUE, workflowId: 'first', args: [{ site: 'demo' }] };
    const error = await client.workflow.execute('trainModel', options).then(
      () => assert.fail('the run succeeded'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure);
    assert.equal(error.cause.type, 'InvalidInput');
    assert.match(error.cause.message, /job: is required/);
    // A real activity of the site worker, through the real interceptor: a secret that is not there.
    const machine = client.workflow.execute('trainModel', { ...options, workflowId: 'second', args: [request] });
    const refused = await machine.then(
      () => assert.fail('the run succeeded'),
      (reason: unknown) => reason,
    );
    assert.ok(refused instanceof WorkflowFailedError && refused.cause instanceof ApplicationFailure);
    assert.match(refused.cause.message, /env:NONE/);
  } finally {
    worker.child.kill('SIGTERM');
  }
  assert.equal(await exitCode(worker.child), 0, worker.said.stderr);
});

const request = {
  site: 'demo',
  job: {
    command: 'python train.py --data ${{inputs.data}}',
    environment: 'sklearn-1.5',
    inputs: { data: { path: 'azureml://datastores/records/paths/a.csv', type: 'uri_file' } },
    outputs: { model: { type: 'mlflow_model' } },
  },
  model: { name: 'cancer' },
};

test('SIGINT stops a single role as well', async () => {
  const worker = startWorker('cloud');
  assert.deepEqual((await ready(worker))['roles'], ['cloud']);
  worker.child.kill('SIGINT');
  assert.equal(await exitCode(worker.child), 0, worker.said.stderr);
});

test('a worker that cannot have its payload keys does not start', async () => {
  for (const [role, file] of [
    ['cloud', 'cloud.yml'],
    ['site', 'site.yml'],
  ] as const) {
    const config = await mkdtemp(path.join(folder, 'keyless-'));
    const text = await readFile(path.join(folder, file), 'utf8');
    const start = async (codec: string, environment: Record<string, string> = {}) => {
      await writeFile(path.join(config, file), `${text}codec: ${codec}\n`);
      const worker = startWorker(role, config, { TEMPORAL_ADDRESS: server.address, ...environment });
      assert.equal(await exitCode(worker.child), 2, worker.said.stderr);
      return worker.said.stderr;
    };
    const codec = "{ keys: { one: 'env:PAYLOAD_KEY' }, current: one, required: true }";
    assert.match(await start(codec), /env:PAYLOAD_KEY is not set/);
    const said = await start(codec, { PAYLOAD_KEY: 'no-key-at-all' });
    assert.match(said, /codec\.keys\.one: a key is base64 of 32 bytes/);
    assert.doesNotMatch(said, /no-key-at-all/);
    assert.match(await start('{ required: true }'), /codec\.keys: is required/);
  }
});

test('what is wrong at the start is told in one line, with an exit code for its kind', async () => {
  const empty = await mkdtemp(path.join(folder, 'empty-'));
  const cases: [ReturnType<typeof startWorker>, number, RegExp][] = [
    [startWorker('nobody'), 2, /--role is cloud or site/],
    [startWorker('site', empty, { TEMPORAL_ADDRESS: server.address }), 2, /site\.yml/],
    [startWorker('cloud', empty, { TEMPORAL_ADDRESS: server.address }), 2, /cloud\.yml/],
    [
      startWorker('cloud', folder, { TEMPORAL_ADDRESS: '127.0.0.1:9' }),
      3,
      /Temporal at 127\.0\.0\.1:9 cannot be reached/,
    ],
  ];
  for (const [worker, code, words] of cases) {
    assert.equal(await exitCode(worker.child), code, worker.said.stderr);
    assert.match(worker.said.stderr, words);
    assert.equal(worker.said.stderr.trim().split('\n').length, 1, worker.said.stderr);
  }
});
