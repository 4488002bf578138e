import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { CLOUD_QUEUE, SITE_QUEUE } from '../../domain/resource-names.ts';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { build, buildBase, buildUv, copyClone, docker, runArguments } from './container.ts';
import { ROOT, service } from './compose.ts';

const id = `edge-train-t${randomBytes(3).toString('hex')}`;
const image = `${id}-worker`;
const base = `${id}-base`;
let folder: string;
let secrets: string;
/** By this label a killed test's containers and networks are found (setup/test/reset-sandboxes.mjs). */
let label: string[];

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'edge-train-image-'));
  label = ['--label', `edge-train.state=${folder}/state`];
  secrets = path.join(folder, 'secrets');
  const clone = path.join(folder, 'clone');
  await mkdir(clone);
  await Promise.all([
    buildBase(path.join(folder, 'base'), base),
    buildUv(path.join(folder, 'uv'), `${id}-uv`),
    copyClone(clone),
    writeSecrets(),
  ]);
  const sources = ['--build-arg', `BASE=${base}`, '--build-arg', `UV=${id}-uv`];
  await build(clone, `${id}-packages`, '--target', 'worker', ...sources);
  await build(clone, image, ...sources);
  await docker('network', 'create', '--internal', ...label, id);
});

after(async () => {
  const gone = (...args: string[]) => docker(...args).catch(() => '');
  for (const name of ['temporal', 'worker-cloud', 'worker-site']) await gone('rm', '--force', `${id}-${name}`);
  await gone('network', 'rm', id);
  await gone('volume', 'rm', `${id}-cloud-cache`, `${id}-site-cache`);
  for (const name of ['worker', 'packages', 'uv', 'base', 'base-debian']) await gone('rmi', '--force', `${id}-${name}`);
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** As docs/operations.md says: one file a secret, for the worker's own user alone. */
async function writeSecrets(): Promise<void> {
  await mkdir(secrets);
  for (const name of [...(service('worker-cloud').secrets ?? []), ...(service('worker-site').secrets ?? [])]) {
    const file = path.join(secrets, name);
    await writeFile(file, 'secret');
    await chmod(file, 0o400);
    await chown(file, 10001, 10001);
  }
}

test('the image holds the workers and what they need, and nothing else', async () => {
  const { Config } = JSON.parse(await docker('image', 'inspect', '--format', '{{json .}}', image)) as {
    Config: { User: string; Env: string[]; ExposedPorts?: object };
  };
  assert.equal(Config.User, '10001:10001');
  assert.equal(Config.ExposedPorts, undefined);
  const ours = ['NODE_ENV=production', 'HOME=/var/cache/edge-train', 'TMPDIR=/var/cache/edge-train'];
  assert.deepEqual(Config.Env.slice(-3), ours);
  assert.equal(Config.Env.length, 6, 'three of the base’s, three of ours');

  const inside = (script: string) => docker('run', '--rm', ...label, '--entrypoint', 'sh', image, '-c', script);
  const files = (await inside('find . -path ./node_modules -prune -o ! -type d -print')).split('\n').sort();
  const strange = files.filter(
    (file) => !/^\.\/(domain|services|activities|workflows|workers)\/.*\.(ts|py|service|socket|slice)$/.test(file),
  );
  assert.deepEqual(
    strange.map((file) => file.replace(/[0-9a-f]{32}/, 'DIGEST')),
    [
      './.tools/node/bin/node',
      './.tools/uv',
      './.tools/workflow-bundles/DIGEST.js',
      './package-lock.json',
      './package.json',
      './services/serving-image/logging.json',
      './workers/vm/tracking/requirements.in.txt',
      './workers/vm/tracking/requirements.txt',
    ],
  );
  const packages = (await inside('ls node_modules')).split('\n');
  for (const name of ['typescript', 'eslint', 'prettier', 'azurite', 'own']) assert.ok(!packages.includes(name), name);
  assert.equal((await inside('ls node_modules/@temporalio/core-bridge/releases')).split('\n').length, 1);
  const [mine, whole] = (await inside('du -sm /opt/edge-train | cut -f1; touch /opt/edge-train/x 2>&1 || true')).split(
    '\n',
  );
  assert.ok(Number(mine) < 400, `${mine} MB`);
  assert.match(whole ?? '', /Permission denied/);
});

test('both services of docker-compose.yml poll a real Temporal server, and SIGTERM ends them well', async (t) => {
  const connection = await startTemporal();
  t.after(() => connection.close());
  await docker(
    ...['run', '--rm', ...label, '--network', id, '--entrypoint', '/bin/sh', '--env', 'TEMPORAL_ADDRESS=temporal:7233'],
    ...['--env', 'TEMPORAL_NAMESPACE=hospital', '--volume', `${ROOT}/.tools/temporal:/usr/local/bin/temporal:ro`],
    ...[
      '--volume',
      `${ROOT}/compose/namespace.sh:/namespace.sh:ro`,
      base,
      '-c',
      'sh /namespace.sh && sh /namespace.sh',
    ],
  );
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'hospital' });
  assert.deepEqual(Object.keys(customAttributes ?? {}).sort(), Object.values(SEARCH_ATTRIBUTE).sort());

  const queues = { 'worker-cloud': CLOUD_QUEUE, 'worker-site': SITE_QUEUE };
  for (const name of Object.keys(queues))
    await docker(
      ...['run', '--detach', ...label, '--name', `${id}-${name}`],
      ...[...runArguments(service(name), secrets, id), image, ...(service(name).command ?? [])],
    );
  for (const [name, queue] of Object.entries(queues)) {
    await until(`${name} polls ${queue}`, async () => {
      const state = await docker('inspect', '--format', '{{.State.Status}}', `${id}-${name}`);
      assert.equal(state, 'running', await docker('logs', `${id}-${name}`));
      const taskQueue = { name: queue };
      const described = { namespace: 'hospital', taskQueue, taskQueueType: 2 };
      return ((await connection.workflowService.describeTaskQueue(described)).pollers ?? []).length > 0;
    });
  }
  await Promise.all(Object.keys(queues).map((name) => docker('stop', '--time', '30', `${id}-${name}`)));
  for (const name of Object.keys(queues)) {
    const state = await docker('inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', `${id}-${name}`);
    assert.equal(state, '0 false', await docker('logs', `${id}-${name}`));
    assert.match(
      await docker('logs', `${id}-${name}`),
      /^\{"ready":true,"roles":\["\w+"\],.*"namespace":"hospital"\}$/m,
    );
  }
});

/** A real server in a container of its own, by the name that the examples' temporal.toml has. */
async function startTemporal(): Promise<Connection> {
  await docker(
    ...['run', '--detach', ...label, '--name', `${id}-temporal`, '--network', id, '--network-alias', 'temporal'],
    ...['--volume', `${ROOT}/.tools/temporal:/usr/local/bin/temporal:ro`, '--entrypoint', 'temporal', base],
    ...['server', 'start-dev', '--headless', '--ip', '0.0.0.0', '--log-level', 'error'],
  );
  const ip = await docker(
    ...['inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', `${id}-temporal`],
  );
  let connection: Connection | undefined;
  await until('Temporal answers', async () => {
    connection ??= await Connection.connect({ address: `${ip}:7233`, connectTimeout: 1000 }).catch(() => undefined);
    const described = connection?.workflowService.describeNamespace({ namespace: 'default' });
    return (await described?.catch(() => undefined)) !== undefined;
  });
  return connection as Connection;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 240_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not in 240 s: ${what}`);
    await pause(100);
  }
}
