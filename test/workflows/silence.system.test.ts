import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { until } from '../support/until.ts';
import { startHarness, type Harness } from './support/harness.ts';
import { hostRequest, request } from './support/samples.ts';

/** A VM falls silent under a run: its worker takes no step for a minute. All these tests wait for that minute at once. */
let harness: Harness;
const workers = new Map<string, Awaited<ReturnType<Harness['edgeWorker']>>>();
const silenced = new Set<string>();
const queueOf = (machine: string) => `edge-${machine}`;

async function boot(machine: string): Promise<void> {
  await workers.get(machine)?.stop();
  workers.set(machine, await harness.edgeWorker(queueOf(machine)));
}

before(async () => {
  harness = await startHarness();
  const { world } = harness;
  world.instead('enrolVirtualMachine', async (machine) => {
    await boot(machine.name);
    return { ...machine, ...world.installed, queue: queueOf(machine.name) };
  });
  world.instead('adoptHost', async ({ name, size }) => {
    await boot(name);
    const host = { name, resourceId: `hosts/${name}`, size, privateAddress: '192.0.2.7', created: false };
    return { ...host, ...world.installed, queue: queueOf(name) };
  });
  // The first hello of each VM is the last that is heard of it.
  world.instead('hello', () => {
    const machine = activityInfo().taskQueue.slice('edge-'.length);
    if (!silenced.has(machine)) workers.get(machine)?.worker.shutdown();
    silenced.add(machine);
  });
  world.instead('inspectVirtualMachine', async (machine) => {
    if (['running', 'unreachable'].includes(world.power.get(machine) ?? '')) await boot(machine);
  });
});
after(async () => {
  await Promise.all([...workers.values()].map(({ stop }) => stop()));
  await harness?.stop();
});

async function silent(machine: string, input = request(machine, machine)): Promise<WorkflowHandle> {
  const run = await harness.train(input);
  const leased = () => harness.world.values('recordRun').some(({ plan }) => plan.virtualMachine.name === machine);
  await until(`${machine} is leased`, leased);
  return run;
}

const times = (verb: 'provisionVirtualMachine' | 'adoptHost' | 'leaseVirtualMachine', machine: string) =>
  harness.world.values(verb).filter((value) => JSON.stringify(value).includes(`"${machine}"`)).length;

describe('a VM that takes no step', { concurrency: true }, () => {
  test('and runs, is waited for', async () => {
    const run = await silent('cut-off');
    await run.result();
    assert.equal(times('provisionVirtualMachine', 'cut-off'), 1);
    assert.equal(times('leaseVirtualMachine', 'cut-off'), 1);
  });

  test('and is an existing host that cannot be reached, is waited for and not adopted again', async () => {
    harness.world.power.set('lab', 'unreachable');
    const run = await silent('lab', hostRequest('lab', 'lab'));
    await run.result();
    assert.equal(times('adoptHost', 'lab'), 1);
    assert.equal(times('leaseVirtualMachine', 'lab'), 1);
  });

  test('and was stopped, is started again by its workflow', async () => {
    const run = await silent('stopped');
    harness.world.power.set('stopped', 'deallocated');
    await run.result();
    assert.equal(times('provisionVirtualMachine', 'stopped'), 2);
    assert.equal(harness.world.power.get('stopped'), 'running');
  });

  test('and is lost, is made anew, and the run goes on', async () => {
    const run = await silent('lost');
    harness.world.power.set('lost', 'absent');
    await run.result();
    assert.equal(times('provisionVirtualMachine', 'lost'), 2);
    const holder = (verb: 'recordRun' | 'leaseVirtualMachine' | 'returnVirtualMachine') =>
      harness.world.values(verb).filter((value) => JSON.stringify(value).includes(run.workflowId));
    assert.equal(holder('recordRun').length, 1, 'it is one run in Azure ML');
    assert.equal(holder('leaseVirtualMachine').length, 2);
    const [first] = holder('returnVirtualMachine');
    assert.equal((first as { clean: boolean }).clean, true, 'nothing is left to remove on a VM that is gone');
    const evidence = harness.world.values('issueReceipt').find(({ plan }) => plan.virtualMachine.name === 'lost');
    assert.equal(evidence?.completed.starts, 2);
  });

  test('and is lost, ends a run that says onLoss: fail', async () => {
    const input = request('gone', 'gone');
    const run = await silent('gone', { ...input, virtualMachine: { ...input.virtualMachine, onLoss: 'fail' } });
    harness.world.power.set('gone', 'absent');
    const error = await run.result().then(
      () => assert.fail('the run succeeded'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure);
    assert.equal(error.cause.type, 'MachineGone');
    const returned = harness.world.values('returnVirtualMachine').filter(({ machine }) => machine === 'gone');
    assert.deepEqual(
      returned.map(({ holder }) => holder.workflowId),
      [run.workflowId],
    );
  });
});
