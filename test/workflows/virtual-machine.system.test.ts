import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { Failure } from '../../domain/failure.ts';
import { CLOUD_QUEUE, virtualMachineWorkflowId } from '../../domain/resource-names.ts';
import { SIGNAL, WORKFLOW_TYPE } from '../../domain/signals.ts';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { ServiceError } from '../../services/errors.ts';
import type { DeskState } from '../../workflows/lease-desk.ts';
import { until } from '../support/until.ts';
import { startHarness, status, type Harness } from './support/harness.ts';
import { hostRequest, request } from './support/samples.ts';

let harness: Harness;
let number = 0;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

const fresh = () => `vm-${++number}`;
const broken = (cause: string) =>
  new ServiceError({ class: 'host', type: 'Broken', cause, nextStep: 'Look.', retryable: false });
const machineOf = (name: string): WorkflowHandle => harness.client.workflow.getHandle(virtualMachineWorkflowId(name));

/** Runs train while the gate is shut; each counts as long as its script runs. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  harness.world.instead('runTrainingJob', async () => {
    await Promise.race([opened, Context.current().cancelled]);
    return undefined;
  });
  return { open };
}

async function refusal(run: WorkflowHandle): Promise<ApplicationFailure> {
  const error = await run.result().then(
    () => assert.fail('the run succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure, String(error));
  return error.cause;
}

test('three runs at once for one VM: first come, first served, one at a time, one VM', async () => {
  const { world } = harness;
  const machine = fresh();
  let together = 0;
  let most = 0;
  world.instead('stageInputs', () => void (most = Math.max(most, ++together)));
  world.instead('cleanJob', () => void together--);
  const { open } = gate();
  const first = await harness.train(request(machine, 'one'));
  await until('the first trains', () => world.count('runTrainingJob') === 1);
  const second = await harness.train(request(machine, 'two'));
  await until('the second has asked', () => world.count('leaseVirtualMachine') === 2);
  await until('the holder is asked after', () => world.count('describeHolder') > 0);
  const third = await harness.train(request(machine, 'three'));
  await until('the holder is asked after again', () => world.count('describeHolder') > 1);
  const { held, waiting } = await machineOf(machine).query<DeskState>('status');
  assert.deepEqual(
    [held, ...waiting].map((lease) => lease?.holder.workflowId),
    [first, second, third].map(({ workflowId }) => workflowId),
  );
  assert.equal(world.count('stageInputs'), 1);
  open();
  await Promise.all([first.result(), second.result(), third.result()]);
  assert.equal(most, 1);
  assert.equal(world.count('provisionVirtualMachine'), 1);
  assert.equal(world.count('attachComputeTarget'), 1);
  assert.equal(world.count('deallocateVirtualMachine'), 0);
});

test('a holder that was terminated loses the lease when another asks, after its job is cleaned', async () => {
  const { world } = harness;
  const machine = fresh();
  gate();
  const first = await harness.train(request(machine, 'terminated'));
  await until('the first trains', () => world.count('runTrainingJob') === 1);
  await first.terminate('test');
  const { job } = await status(first);
  gate().open();
  const second = await harness.train(request(machine, 'next'));
  await second.result();
  assert.equal(world.values('cleanJob')[0], job);
  const order = world.verbs('describeHolder', 'cleanJob', 'stageInputs').slice(0, 4);
  assert.deepEqual(order, ['stageInputs', 'describeHolder', 'cleanJob', 'stageInputs']);
});

test('a VM that cannot be made is refused to who asked, and what was made of it goes', async () => {
  const { world } = harness;
  world.instead('provisionVirtualMachine', () => {
    throw broken('no room');
  });
  const machine = fresh();
  const failure = await refusal(await harness.train(request(machine)));
  assert.equal(failure.type, 'Broken');
  assert.equal(failure.message, 'no room');
  await machineOf(machine).result();
  assert.deepEqual(world.verbs('deleteVirtualMachine', 'deallocateVirtualMachine'), ['deleteVirtualMachine']);
});

test('a VM that was there before is not deleted when making it ready fails', async () => {
  const { world } = harness;
  const machine = fresh();
  world.power.set(machine, 'deallocated');
  world.instead('enrolVirtualMachine', () => {
    throw broken('no extension');
  });
  assert.equal((await refusal(await harness.train(request(machine)))).message, 'no extension');
  assert.equal(world.count('deleteVirtualMachine'), 0);
});

test('attach: require fails when Azure ML cannot reach the VM, and the rule is closed', async () => {
  const { world } = harness;
  world.instead('attachComputeTarget', () => {
    throw broken('port 22 does not answer');
  });
  assert.equal((await refusal(await harness.train(request(fresh())))).message, 'port 22 does not answer');
  assert.deepEqual(world.verbs('openAttachRule', 'closeAttachRule'), ['openAttachRule', 'closeAttachRule']);
});

test('a VM that is made anew is attached anew: what Azure ML has of the old one goes first', async () => {
  const { world } = harness;
  const machine = fresh();
  world.instead('findComputeTarget', ({ name }) => ({ state: 'attached', name, resourceId: `/computes/${name}` }));
  await (await harness.train(request(machine, 'anew'))).result();
  const order = world.verbs('findComputeTarget', 'detachComputeTarget', 'attachComputeTarget');
  assert.deepEqual(order, ['findComputeTarget', 'detachComputeTarget', 'attachComputeTarget']);
});

for (const rest of ['deallocate', 'delete'] as const) {
  test(`after: ${rest} is done when nobody waits, and the workflow ends`, async () => {
    const { world } = harness;
    const machine = fresh();
    world.after = rest;
    await (await harness.train(request(machine, `after-${rest}`))).result();
    await machineOf(machine).result();
    assert.equal(world.count(`${rest}VirtualMachine`), 1);
    assert.equal(world.count('detachComputeTarget'), rest === 'delete' ? 1 : 0);
  });
}

test('after: delete waits while another run waits for the VM', async () => {
  const { world } = harness;
  const machine = fresh();
  world.after = 'delete';
  const { open } = gate();
  const first = await harness.train(request(machine, 'one'));
  await until('the first trains', () => world.count('runTrainingJob') === 1);
  const second = await harness.train(request(machine, 'two'));
  await until('the second has asked', () => world.count('describeHolder') > 0);
  open();
  await Promise.all([first.result(), second.result()]);
  await machineOf(machine).result();
  assert.equal(world.count('provisionVirtualMachine'), 1);
  assert.equal(world.count('deleteVirtualMachine'), 1);
});

test('a VM that is kept idles with a timer, and is found warm by the next run', async () => {
  const machine = fresh();
  await (await harness.train(request(machine, 'kept'))).result();
  const { status: state } = await machineOf(machine).describe();
  assert.equal(state.name, 'RUNNING');
  assert.equal(harness.world.count('deallocateVirtualMachine'), 0);
});

test('a run that is cancelled in the queue waits no more, and the holder is not disturbed', async () => {
  const { world } = harness;
  const machine = fresh();
  const { open } = gate();
  const first = await harness.train(request(machine, 'one'));
  await until('the first trains', () => world.count('runTrainingJob') === 1);
  const second = await harness.train(request(machine, 'two'));
  await until('the second waits', () => world.count('leaseVirtualMachine') === 2);
  await second.cancel();
  await assert.rejects(second.result());
  open();
  await first.result();
  assert.equal(world.count('stageInputs'), 1);
  assert.equal(world.count('deleteVirtualMachine'), 0);
});

test('asking twice is one request, and garbage is no request', async () => {
  const { world } = harness;
  const machine = fresh();
  world.instead('leaseVirtualMachine', async (asked) => {
    for (const garbage of [undefined, 'x', { holder: 1 }, { ...asked, machine: { ...asked.machine, name: 'other' } }]) {
      await harness.client.workflow.signalWithStart(WORKFLOW_TYPE.virtualMachine, {
        workflowId: virtualMachineWorkflowId(machine),
        taskQueue: CLOUD_QUEUE,
        args: [{ name: machine }],
        signal: SIGNAL.requestLease,
        signalArgs: [garbage],
      });
    }
    await world.reallyLease(asked);
    await world.reallyLease(asked);
    return null;
  });
  await (await harness.train(request(machine, 'twice'))).result();
  assert.equal(world.count('provisionVirtualMachine'), 1);
  assert.equal(world.count('runTrainingJob'), 1);
});

test('a warm VM that no longer answers is asked about and made ready again', async () => {
  const { world } = harness;
  const machine = fresh();
  const asleep = await harness.edgeWorker(`edge-${machine}`);
  world.queue = `edge-${machine}`;
  await (await harness.train(request(machine, 'asleep'))).result();
  await asleep.stop();
  world.power.set(machine, 'deallocated');
  world.reset();
  await (await harness.train(request(machine, 'asleep'))).result();
  assert.deepEqual(world.verbs('inspectVirtualMachine', 'provisionVirtualMachine', 'enrolVirtualMachine', 'hello'), [
    'inspectVirtualMachine',
    'provisionVirtualMachine',
    'enrolVirtualMachine',
    'hello',
  ]);
  assert.equal(world.power.get(machine), 'running');
});

test('an existing host is adopted, trained on and left as it is: no VM is made, attached, deallocated or deleted', async () => {
  const { world } = harness;
  const host = fresh();
  world.idleSeconds = 0;
  const result = (await (await harness.train(hostRequest(host))).result()) as TrainModelResult;
  assert.deepEqual(result.computeTarget, {
    ...{ state: 'unattached', name: host },
    reason: 'an existing host is not attached to Azure ML',
  });
  await machineOf(host).result(); // at rest at once, and nothing done for it
  const asked = new Set(world.values('adoptHost').map(({ name }) => name));
  assert.deepEqual([...asked], [host]);
  const own = world.verbs().filter((verb) => /VirtualMachine$|AttachRule$|ComputeTarget$/.test(verb));
  assert.deepEqual([...new Set(own)], ['leaseVirtualMachine', 'returnVirtualMachine']);
});

test('a changed host key ends the run at once, with what to do', async () => {
  const { world } = harness;
  const nextStep = 'Compare the key with the host’s console.';
  world.instead('adoptHost', () => {
    throw new ServiceError({ class: 'policy', type: 'HostKeyChanged', cause: 'another', nextStep, retryable: false });
  });
  world.idleSeconds = 0;
  const host = fresh();
  const failure = await refusal(await harness.train(hostRequest(host)));
  assert.equal(failure.type, 'HostKeyChanged');
  assert.equal((failure.details?.[0] as Failure).nextStep, nextStep);
  assert.equal(world.count('adoptHost'), 1);
  await machineOf(host).result();
  assert.equal(world.count('deleteVirtualMachine') + world.count('deallocateVirtualMachine'), 0);
});

test('a host that cannot be reached is asked again, and a run that is cancelled leaves it', async () => {
  const { world } = harness;
  world.instead('adoptHost', (_, times) => {
    if (times > 2) return undefined;
    throw new ServiceError({ class: 'network', type: 'Unreachable', cause: 'no', nextStep: 'Wait.', retryable: true });
  });
  gate();
  const host = fresh();
  const run = await harness.train(hostRequest(host));
  await until('it trains', () => world.count('runTrainingJob') === 1);
  assert.equal(world.count('adoptHost'), 3);
  await run.cancel();
  await assert.rejects(run.result());
  await until('it is given back', () => world.count('returnVirtualMachine') > 0);
  assert.equal(world.count('deleteVirtualMachine'), 0);
});

test('the workflow goes on after a kill of its state: a return of what is not held is nothing', async () => {
  const { world } = harness;
  const machine = fresh();
  const { open } = gate();
  const run = await harness.train(request(machine, 'lost'));
  await until('it trains', () => world.count('runTrainingJob') === 1);
  await machineOf(machine).terminate('test');
  open();
  await run.result();
  await machineOf(machine).result();
  assert.equal(world.count('deallocateVirtualMachine'), 0);
});
