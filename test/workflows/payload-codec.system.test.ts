import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { Worker } from '@temporalio/worker';
import type { PayloadKeys } from '../../domain/payload-codec.ts';
import { CLOUD_QUEUE } from '../../domain/resource-names.ts';
import { SIGNAL, UPDATE } from '../../domain/signals.ts';
import { TrainModelResult } from '../../domain/train-model-result.ts';
import { ServiceError } from '../../services/errors.ts';
import { dataConverter } from '../../workers/data-converter.ts';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';
import { startTemporal, type TemporalServer } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { failureOf, startHarness, status, type Harness } from './support/harness.ts';
import { completed, decision, request } from './support/samples.ts';

const newKey = () => randomBytes(32).toString('base64');
const [one, two] = [newKey(), newKey()];
const first: PayloadKeys = { keys: { one }, current: 'one', required: true };
const CANARIES = { input: 'CANARY-INPUT', result: 'CANARY-RESULT', failure: 'CANARY-FAILURE', reason: 'CANARY-REASON' };

let server: TemporalServer;
/** One without keys, as whoever reads the server's database. */
let stranger: Client;
before(async () => {
  server = await startTemporal();
  stranger = new Client({ connection: await Connection.connect({ address: server.address }) });
});
after(async () => {
  await stranger?.connection.close();
  await server?.stop();
});

async function withWorkers<T>(keys: PayloadKeys | undefined, work: (harness: Harness) => Promise<T>): Promise<T> {
  const harness = await startHarness({ server, ...(keys ? { keys } : {}) });
  try {
    return await work(harness);
  } finally {
    await harness.stop();
  }
}

/** All that the server tells of a workflow: history, memo, summaries, pending steps; bytes as they are. */
async function rawly({ workflowId }: { workflowId: string }): Promise<string> {
  const { workflowService } = stranger;
  const execution = { workflowId };
  const { history } = await workflowService.getWorkflowExecutionHistory({ namespace: 'default', execution });
  const described = await workflowService.describeWorkflowExecution({ namespace: 'default', execution });
  const { History } = proto.temporal.api.history.v1;
  const { DescribeWorkflowExecutionResponse } = proto.temporal.api.workflowservice.v1;
  return (
    Buffer.from(History.encode(history!).finish()).toString('latin1') +
    Buffer.from(DescribeWorkflowExecutionResponse.encode(described).finish()).toString('latin1')
  );
}

const everything = async (run: WorkflowHandle, machine: string, model: string): Promise<string> =>
  [
    await rawly(run),
    await rawly({ workflowId: `vm-${machine}` }).catch(() => ''),
    await rawly({ workflowId: `model-${model}` }).catch(() => ''),
  ].join('\n');

/** A run that succeeds and one that fails, with a canary in all that they are given and say. */
async function canaryRuns({ world, train }: Harness, machine: string): Promise<WorkflowHandle[]> {
  const input = request(machine, `${machine}-model`);
  const job = { ...input.job, command: `${input.job.command} # ${CANARIES.input}` };
  world.reset();
  world.instead('runTrainingJob', ({ plan }) => ({
    ...completed(plan.job),
    parameters: { note: CANARIES.result },
  }));
  const straight = await train({ ...input, job });
  TrainModelResult.parse(await straight.result());
  world.instead('runTrainingJob', () => {
    throw new ServiceError({
      class: 'script',
      type: 'ScriptFailed',
      cause: CANARIES.failure,
      nextStep: CANARIES.reason,
      retryable: false,
    });
  });
  const failed = await train({ ...input, job });
  const failure = await failureOf(failed.result());
  assert.deepEqual([failure.type, failure.cause], ['ScriptFailed', CANARIES.failure]);
  world.reset();
  return [straight, failed];
}

test(
  'nothing that a run is given, says or fails with stands in the server; who has the key reads all of it',
  { timeout: 90_000 },
  async () => {
    await withWorkers(first, async (harness) => {
      const runs = await canaryRuns(harness, 'encrypted');
      for (const run of runs) {
        const raw = await everything(run, 'encrypted', 'encrypted-model');
        assert.match(raw, /binary\/encrypted/);
        for (const [where, canary] of Object.entries(CANARIES))
          assert.ok(!raw.includes(canary), `${where} is readable`);
        for (const word of ['python train.py', 'azureml://', 'sklearn-1.5']) assert.ok(!raw.includes(word), word);
        assert.equal((await status(run)).site, 'demo');
      }
    });
  },
);

test('without keys all of it does, which shows that the search finds it', { timeout: 90_000 }, async () => {
  await withWorkers(undefined, async (harness) => {
    const [straight, failed] = await canaryRuns(harness, 'plain');
    const raw = (await everything(straight!, 'plain', 'plain-model')) + (await rawly(failed!));
    for (const canary of Object.values(CANARIES)) assert.ok(raw.includes(canary), canary);
  });
});

const decide = (run: WorkflowHandle) => run.executeUpdate(UPDATE.decideRelease, { args: [decision('approve')] });

/** A run that waits for an approver, with no step under way. */
async function waitingRun(harness: Harness, machine: string): Promise<string> {
  harness.world.reset();
  harness.world.approval = 'always';
  const run = await harness.train(request(machine, machine));
  await until('it waits for approval', async () => (await status(run)).approval !== undefined);
  return run.workflowId;
}

/** Approves it with these workers, to its end. */
async function finish({ client, world }: Harness, workflowId: string): Promise<void> {
  world.approval = 'always';
  const run = client.workflow.getHandle(workflowId);
  await decide(run);
  TrainModelResult.parse(await run.result());
}

const keyIds = (raw: string) => new Set([...raw.matchAll(/encryption-key-id[\s\S]{0,3}?(one|two)/g)].map((m) => m[1]));

test(
  'a run that began in plaintext goes on encrypted, where encryption is not required',
  { timeout: 90_000 },
  async () => {
    const workflowId = await withWorkers(undefined, (harness) => waitingRun(harness, 'mixed'));
    await withWorkers({ ...first, required: false }, (harness) => finish(harness, workflowId));
    const raw = await rawly({ workflowId });
    assert.ok(raw.includes('python train.py') && raw.includes('binary/encrypted'));
  },
);

test('rotation: the new key is added, then current, then the old one is taken away', { timeout: 90_000 }, async () => {
  const added = { ...first, keys: { one, two } };
  const workflowId = await withWorkers(first, (harness) => waitingRun(harness, 'rotated'));
  assert.deepEqual(keyIds(await rawly({ workflowId })), new Set(['one']));
  const other = await withWorkers(added, (harness) => waitingRun(harness, 'rotated-2'));
  assert.deepEqual(keyIds(await rawly({ workflowId: other })), new Set(['one']), 'it does not write yet');
  await withWorkers({ ...added, current: 'two' }, async (harness) => {
    await finish(harness, workflowId);
    await finish(harness, other);
    assert.deepEqual(keyIds(await rawly({ workflowId })), new Set(['one', 'two']));
  });
  await withWorkers({ keys: { two }, current: 'two', required: true }, async ({ world, train }) => {
    world.reset();
    const fresh = await train(request('fresh', 'fresh'));
    await fresh.result();
    assert.deepEqual(keyIds(await rawly(fresh)), new Set(['two']));
  });
});

test(
  'a worker that lacks a key says which, in the history, and the run goes on when it has it',
  { timeout: 90_000 },
  async () => {
    const workflowId = await withWorkers(first, (harness) => waitingRun(harness, 'locked'));
    await withWorkers({ keys: { two }, current: 'two', required: true }, async ({ client }) => {
      await client.workflow.getHandle(workflowId).signal('anything');
      const said = await until('the task has failed', async () => {
        const { events } = await stranger.workflow.getHandle(workflowId).fetchHistory();
        return events?.findLast((event) => event.workflowTaskFailedEventAttributes);
      });
      const { failure } = said.workflowTaskFailedEventAttributes!;
      assert.match(failure?.message ?? '', /cannot be decrypted. It needs the key "one"; known here: two/);
    });
    await withWorkers({ ...first, keys: { one, two } }, (harness) => finish(harness, workflowId));
  },
);

test(
  'where encryption is required, plaintext is refused, and says so: input, update, signal',
  { timeout: 90_000 },
  async () => {
    await withWorkers(first, async (harness) => {
      const start = { taskQueue: CLOUD_QUEUE, args: [request('vm-plain', 'plain')] };
      for (const [type, args] of [
        ['trainModel', start.args],
        ['model', [{ name: 'plain' }]],
        ['virtualMachine', [{ name: 'plain' }]],
        ['checkSite', [{ site: 'demo' }]],
      ] as const) {
        const workflowId = `plain-${type}`;
        await stranger.workflow.start(type, { ...start, args: [...args], workflowId });
        const failure = await failureOf(harness.client.workflow.getHandle(workflowId).result());
        assert.deepEqual([failure.class, failure.type], ['policy', 'PlaintextRefused'], type);
        assert.match(failure.cause, /codec\.required.*input came without encryption/);
      }
      assert.deepEqual(harness.world.asked, [], 'nothing was asked of anyone');

      const workflowId = await waitingRun(harness, 'strict');
      const [own, plain] = [harness.client, stranger].map(({ workflow }) => workflow.getHandle(workflowId));
      // The failure of an update is encrypted: who lacks the key learns no more than that.
      await assert.rejects(decide(plain!), /Unknown encoding: binary\/encrypted|Update failed/);
      await plain!.signal(SIGNAL.leaseAnswered, { kind: 'refused' }, { job: 'x' });
      assert.notEqual((await status(own!)).approval, undefined, 'it waits as before');
      await finish(harness, workflowId);
    });
  },
);

test(
  'where encryption is required, a step is refused in plaintext by who takes it and by who asked',
  { timeout: 90_000 },
  async () => {
    await withWorkers(first, async ({ world, client, train }) => {
      world.reset();
      // As a VM's worker that was given no keys would answer, had it not been given a sealed input.
      const connection = await (
        await import('@temporalio/worker')
      ).NativeConnection.connect({ address: server.address });
      const { payloadCodecs: [codec] = [] } = dataConverter(first, 'default');
      const answering = await Worker.create({
        ...{ connection, taskQueue: 'edge-mute' },
        activities: world.edge,
        dataConverter: {
          payloadCodecs: [{ encode: async (payloads) => payloads, decode: (payloads) => codec!.decode(payloads) }],
        },
      });
      world.queue = 'edge-mute';
      const running = answering.run();
      const failure = await failureOf((await train(request('mute', 'mute'))).result());
      assert.deepEqual([failure.type, failure.class], ['PlaintextRefused', 'policy']);
      assert.match(failure.cause, /the answer of the step hello came without encryption/);
      answering.shutdown();
      await running;
      await connection.close();

      const call = await client.workflow.start('checkSite', {
        ...{ workflowId: 'check', taskQueue: CLOUD_QUEUE, args: [{ site: 'demo' }] },
      });
      assert.deepEqual(((await call.result()) as { checks: unknown[] }).checks.length > 0, true);
    });
  },
);

test(
  'an encrypted history replays with the keys, and every kept one replays with this worker’s interceptors',
  { timeout: 90_000 },
  async () => {
    const workflowBundle = await bundleWorkflows({ encrypted: true });
    const runs = await withWorkers(first, (harness) => canaryRuns(harness, 'replayed'));
    const histories = await Promise.all(
      runs.map(async ({ workflowId }) => ({
        workflowId,
        history: await stranger.workflow.getHandle(workflowId).fetchHistory(),
      })),
    );
    const errorsOf = async (keys: PayloadKeys) => {
      const found: (Error | undefined)[] = [];
      const options = { workflowBundle, dataConverter: dataConverter(keys, 'default') };
      for await (const { error } of Worker.runReplayHistories(options, histories)) found.push(error);
      return found;
    };
    assert.deepEqual(await errorsOf(first), [undefined, undefined]);
    assert.ok((await errorsOf({ ...first, keys: { one: two } })).every((error) => error !== undefined));
  },
);
