import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Context } from '@temporalio/activity';
import { virtualMachineWorkflowId } from '../../domain/resource-names.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { startHarness, type Harness } from './support/harness.ts';
import { request } from './support/samples.ts';

let harness: Harness;
let number = 0;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

/** VMs are enrolled with a credential that holds so long, and renewed to one that does. */
function credentials(enrolled: number, renewed = enrolled) {
  const { world } = harness;
  world.idleSeconds = 1;
  world.instead('enrolVirtualMachine', (machine) => ({
    ...{ ...machine, ...world.installed, queue: world.queue },
    credentialExpires: inSeconds(enrolled),
  }));
  world.instead('grantCredential', () => ({ kind: 'credential', jwe: 'sealed', expires: inSeconds(renewed) }));
  return `credential-${++number}`;
}

/** A script that runs until it is let go. */
function training() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  harness.world.instead('runTrainingJob', async () => {
    await Promise.race([ended, Context.current().cancelled]);
    return undefined;
  });
  return end;
}

const fails = () => {
  throw new ServiceError({ class: 'host', type: 'Broken', cause: 'no', nextStep: 'Look.', retryable: false });
};
const ended = (machine: string) => harness.client.workflow.getHandle(virtualMachineWorkflowId(machine)).result();

/** From the return of its lease to the workflow’s end, by the server's clock. */
async function idleSeconds(machine: string): Promise<number> {
  const { events } = await harness.client.workflow.getHandle(virtualMachineWorkflowId(machine)).fetchHistory();
  const returned = events?.findLast((event) => event.workflowExecutionSignaledEventAttributes);
  const at = (event?: { eventTime?: { seconds?: unknown; nanos?: number | null } | null } | null) =>
    Number(event?.eventTime?.seconds) + Number(event?.eventTime?.nanos) / 1e9;
  return at(events?.at(-1)) - at(returned);
}

test('under a script that runs for long, the credential is renewed at half of its life, again and again', async () => {
  const { world } = harness;
  const machine = credentials(4);
  const end = training();
  const run = await harness.train(request(machine));
  await until('it is renewed twice', () => world.count('renewCredential') === 2, 30);
  end();
  await run.result();
  await ended(machine);
  assert.equal(world.count('runTrainingJob'), 1, 'the script is not disturbed');
  assert.equal(world.count('enrolVirtualMachine'), 1);
  assert.equal(world.count('installCredential'), 0);
  assert.deepEqual(world.values('grantCredential')[0], { machine, machineKey: world.installed.publicKey });
  const { grants } = world.values('renewCredential')[0] ?? {};
  assert.deepEqual(
    grants?.map(({ kind, jwe }) => [kind, jwe]),
    [['credential', 'sealed']],
  );
});

test('a VM that is kept for the next is renewed too, and comes to rest when its time is over', async () => {
  const { world } = harness;
  const machine = credentials(3);
  world.idleSeconds = 6;
  await (await harness.train(request(machine))).result();
  await ended(machine);
  const seconds = await idleSeconds(machine);
  assert.ok(seconds >= 6 && seconds < 12, `${seconds} s`);
  assert.ok(world.count('renewCredential') >= 2, String(world.count('renewCredential')));
  assert.equal(world.count('deallocateVirtualMachine'), 1);
});

test('one that has run out is brought by the Stack Hub, since the VM takes no step', async () => {
  const { world } = harness;
  const machine = credentials(0);
  world.instead('renewCredential', fails);
  world.instead('installCredential', () => ({ expires: inSeconds(3600) }));
  const end = training();
  const run = await harness.train(request(machine));
  await until('it is installed', () => world.count('installCredential') === 1, 30);
  end();
  await run.result();
  await ended(machine);
  assert.deepEqual(world.values('installCredential'), [machine]);
  assert.equal(world.count('grantCredential'), 1, 'the new one is not due');
});

test('one that has run out on a VM that is off is left: its next start brings one', async () => {
  const { world } = harness;
  const machine = credentials(0);
  world.instead('renewCredential', fails);
  world.instead('inspectVirtualMachine', () => (world.count('renewCredential') > 0 ? 'deallocated' : undefined));
  const end = training();
  const run = await harness.train(request(machine));
  await until('the Stack Hub is asked', () => world.verbs('inspectVirtualMachine').length === 2, 30);
  end();
  await run.result();
  await ended(machine);
  assert.equal(world.count('installCredential'), 0);
});

test('one that cannot be renewed yet still holds: nothing is installed', async () => {
  const { world } = harness;
  const machine = credentials(4);
  world.instead('renewCredential', fails);
  const end = training();
  const run = await harness.train(request(machine));
  await until('it is tried', () => world.count('renewCredential') === 1, 30);
  end();
  await run.result();
  await ended(machine);
  assert.deepEqual(world.verbs('installCredential', 'renewCredential'), ['renewCredential']);
});

test('a renewal that hangs holds up nobody who gives the VM back or waits for it', async () => {
  const { world } = harness;
  const machine = credentials(1);
  world.instead('renewCredential', async () => {
    await Context.current().cancelled;
  });
  const end = training();
  const first = await harness.train(request(machine, 'one'));
  await until('it hangs', () => world.count('renewCredential') === 1, 30);
  end();
  const second = await harness.train(request(machine, 'two'));
  await Promise.all([first.result(), second.result()]);
  await ended(machine);
});

test('a VM without a credential of its own is never asked', async () => {
  const { world } = harness;
  world.idleSeconds = 1;
  const machine = `credential-${++number}`;
  await (await harness.train(request(machine))).result();
  await ended(machine);
  assert.deepEqual(world.verbs('grantCredential', 'renewCredential', 'installCredential'), []);
});
