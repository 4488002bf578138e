import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { CompletedJob } from '../../domain/completed-job.ts';
import type { SealedGrant } from '../../domain/grant.ts';
import type { Inspection } from '../../domain/release.ts';
import type { Hello } from '../../domain/virtual-machine.ts';
import { ensureContainer, readText } from '../../services/blob-storage.ts';
import { seal } from '../../services/signing.ts';
import { startTemporal, type TemporalServer } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { bootMachine, type TestMachine } from '../vm/vm.ts';
import type { callEdge } from './call-edge.ts';
import { environment, planFor } from './plan.ts';
import { startSite, type TestSite } from './site.ts';

const QUEUE = 'test-callers';

describe('the edge worker on a VM', () => {
  let temporal: TemporalServer;
  let site: TestSite;
  let machine: TestMachine;
  let client: Client;
  let worker: { stop(): Promise<void> };
  let count = 0;

  before(
    async () => {
      temporal = await startTemporal();
      machine = await bootMachine(async (config, gateway) => {
        site = await startSite(gateway, [temporal.address]);
        return {
          ...config,
          temporal: { address: temporal.address, namespace: temporal.namespace, tls: false },
          uplink: site.uplink,
          caBundle: site.ca,
          siteBlobEndpoints: [site.blobEndpoint],
        };
      });
      await ensureContainer(site.account.container('runs'));
      client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
      worker = await startCaller(temporal.address);
    },
    { timeout: 300_000 },
  );
  after(
    async () => {
      await worker?.stop();
      await client?.connection.close();
      await machine?.remove();
      await site?.close();
      await temporal?.stop();
    },
    { timeout: 120_000 },
  );

  const begin = (...args: Parameters<typeof callEdge>) =>
    client.workflow.start<typeof callEdge>('callEdge', { taskQueue: QUEUE, workflowId: `call-${++count}`, args });
  const ask = async <T>(verb: Parameters<typeof callEdge>[1], request?: unknown): Promise<T> =>
    (await (await begin(machine.config.queue, verb, request)).result()) as T;
  const siteGrant = async (expires = new Date(Date.now() + 3_600_000)): Promise<SealedGrant> => {
    const { kty, crv, x, y } = machine.config.privateKey;
    const runs = site.account.sas({ container: 'runs', permissions: 'racwl' }).url;
    const jwe = await seal({ kind: 'site', stores: {}, runs, plan: '' }, { kty, crv, x, y });
    return { kind: 'site', jwe, expires: expires.toISOString() };
  };
  const train = async (job: string, command: string, seconds?: number) =>
    await begin(machine.config.queue, 'runTrainingJob', {
      plan: planFor(job, command, seconds),
      environment,
      grants: [await siteGrant()],
    });
  const log = async (job: string): Promise<string> =>
    (await readText(site.account.container('runs'), `runs/${job}/job.log`)) ?? '';
  const unitState = async (job: string) =>
    (await machine.exec(['systemctl', 'show', '-p', 'ActiveState', '--value', `edge-train-job@${job}`])).stdout.trim();
  const failureOf = async (handle: Awaited<ReturnType<typeof train>>): Promise<ApplicationFailure> => {
    const error: unknown = await handle.result().then(
      () => assert.fail('it did not fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ActivityFailure, String(error));
    assert.ok(error.cause.cause instanceof ApplicationFailure, String(error.cause.cause));
    return error.cause.cause;
  };

  it('dials out through the uplink alone, and says who it is', async () => {
    const hello = await ask<Hello>('hello');
    const { kty, crv, x, y } = machine.config.privateKey;
    assert.equal(hello.bundle, machine.bundle.digest);
    assert.equal(hello.bootId, (await machine.sh('cat /run/edge-train/boot-id')).trim());
    assert.ok(Math.abs(Date.parse(hello.clock) - Date.now()) < 60_000);
    assert.deepEqual(hello.publicKey, { kty, crv, x, y });
    assert.ok(!('d' in hello.publicKey));
    assert.deepEqual([...new Set(site.asked)], [temporal.address]);
  });

  it('trains: log on site, parameters and last metrics from the folder store, outputs inspected, then nothing is left', async () => {
    const job = 'a'.repeat(20);
    const store = [
      'r=/job/outputs/mlruns/0/r1; mkdir -p $r/params $r/metrics/val $r/tags',
      'printf "run_id: r1\\nstart_time: 5\\n" >$r/meta.yaml; printf 7 >$r/params/depth',
      'printf "1000 0.5 1\\n2000 0.75 2\\n" >$r/metrics/val/accuracy',
      'echo "$TEST $AZUREML_RUN_ID $MLFLOW_TRACKING_URI"; echo model >/job/outputs/model/model.txt',
    ].join('\n');
    const completed = (await (await train(job, store)).result()) as CompletedJob;
    assert.deepEqual(
      { ...completed, startedAt: '', endedAt: '', bootId: '' },
      {
        job,
        exitCode: 0,
        starts: 1,
        startedAt: '',
        endedAt: '',
        bootId: '',
        parameters: { depth: '7' },
        metrics: [{ name: 'val/accuracy', value: 0.75, step: 2, timestamp: 2000 }],
        log: `runs/${job}/job.log`,
      },
    );
    assert.equal(await log(job), `yes ${job} file:///job/outputs/mlruns\n`);
    const plan = planFor(job, store);
    const inspection = await ask<Inspection>('inspectOutputs', { plan });
    assert.deepEqual(
      inspection.artifacts.map(({ path, bytes }) => ({ path, bytes })),
      [{ path: 'model.txt', bytes: 6 }],
    );
    await ask('keepOutputs', { plan, grants: [await siteGrant()] });
    assert.equal(await readText(site.account.container('runs'), `runs/${job}/outputs/model/model.txt`), 'model\n');
    await ask('cleanJob', job);
    await ask('cleanJob', job);
    assert.equal((await machine.exec(['test', '-e', `/var/lib/edge-train/jobs/${job}`])).code, 1);
  });

  it(
    'goes on where it was when the worker is killed or restarted: no second is repeated',
    { timeout: 240_000 },
    async () => {
      const job = 'b'.repeat(20);
      const handle = await train(job, 'for i in $(seq 20); do echo "line $i"; sleep 1; done');
      const unit = `edge-train-worker@${machine.bundle.digest.slice(0, 12)}`;
      await until('line 3 on site', async () => (await log(job)).includes('line 3\n'), 120);
      await machine.sh(`systemctl kill -s KILL ${unit}`);
      await until('line 8 on site', async () => (await log(job)).includes('line 8\n'), 120);
      await machine.sh(`systemctl restart ${unit}`);
      const completed = (await handle.result()) as CompletedJob;
      assert.equal(completed.starts, 1);
      assert.equal(await log(job), Array.from({ length: 20 }, (_, i) => `line ${i + 1}\n`).join(''));
    },
  );

  it('stops the script when the run is cancelled, and keeps what it said', async () => {
    const job = 'c'.repeat(20);
    const handle = await train(job, 'echo begun; sleep 600');
    await until('the first line on site', async () => (await log(job)) === 'begun\n', 120);
    await handle.cancel();
    await assert.rejects(
      handle.result(),
      (error) => error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
    );
    assert.ok(['inactive', 'failed'].includes(await unitState(job)));
  });

  it('says whose turn it is when a script fails, and nothing of what it printed', async () => {
    const failed = await failureOf(await train('d'.repeat(20), 'echo SECRET-ROW >&2; exit 3'));
    assert.deepEqual([failed.type, failed.nonRetryable], ['ScriptFailed', true]);
    assert.match(failed.message, /exit code 3/);
    assert.doesNotMatch(JSON.stringify(failed), /SECRET-ROW/);
    assert.equal(await log('d'.repeat(20)), 'SECRET-ROW\n');

    const late = await failureOf(await train('e'.repeat(20), 'sleep 600', 1));
    assert.equal(late.type, 'TimedOut');
    const large = await failureOf(await train('f'.repeat(20), 'python3 -c "x = bytearray(600 << 20)"'));
    assert.equal(large.type, 'OutOfMemory');
    const greedy = await failureOf(await train('1'.repeat(20), 'true', 999_999));
    assert.deepEqual([greedy.type, greedy.nonRetryable], ['PolicyRefused', true]);
  });

  it('refuses a grant that has run out, so that the workflow grants anew', async () => {
    const handle = await begin(machine.config.queue, 'runTrainingJob', {
      plan: planFor('2'.repeat(20), 'true'),
      environment,
      grants: [await siteGrant(new Date(Date.now() - 1000))],
    });
    assert.equal((await failureOf(handle)).type, 'GrantExpired');
  });
});

/** A worker for `callEdge`, as the cloud's is for `trainModel`. */
async function startCaller(address: string): Promise<{ stop(): Promise<void> }> {
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection,
    taskQueue: QUEUE,
    workflowsPath: join(import.meta.dirname, 'call-edge.ts'),
  });
  const running = worker.run();
  return {
    async stop() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
