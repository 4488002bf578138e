import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { randomUUID } from 'node:crypto';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import type { CheckedMachine, SiteReport } from '../../domain/check.ts';
import { CLOUD_QUEUE } from '../../domain/resource-names.ts';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';
import { ServiceError } from '../../services/errors.ts';
import { startHarness, type Harness } from './support/harness.ts';
import { bootId, bundle, hex, publicKey } from './support/samples.ts';
import { EDGE_QUEUE } from './support/world.ts';

let harness: Harness;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

const check = (request: unknown): Promise<SiteReport> =>
  harness.client.workflow.execute(WORKFLOW_TYPE.checkSite, {
    workflowId: `check-${randomUUID()}`,
    taskQueue: CLOUD_QUEUE,
    args: [request],
  });
const machine = (name: string, more: Partial<CheckedMachine> = {}): CheckedMachine => ({
  name,
  queue: EDGE_QUEUE,
  bundle,
  current: true,
  ...more,
});
const hello = (clock: number) => ({ bundle, bootId, publicKey, clock: new Date(clock).toISOString() });

test('every VM that runs is greeted: what is silent, late or another is a fault of its own', async () => {
  const { world } = harness;
  const machines = [
    machine('well'),
    machine('older', { current: false }),
    machine('silent', { queue: 'edge-nobody' }),
    machine('another', { bundle: hex('c') }),
  ];
  world.instead('checkSite', () => ({ checks: [], machines }));
  world.instead('hello', () => hello(Date.now()));
  const { checks } = await check({ site: 'demo' });
  const of = (where: string) => checks.find((each) => each.where === where);
  assert.equal(of('well')?.state, 'ok');
  assert.equal(of('well')?.fix, undefined);
  assert.equal(of('older')?.state, 'ok');
  assert.match(of('older')?.fix ?? '', /next lease/);
  assert.equal(of('silent')?.state, 'fault');
  assert.match(of('silent')?.detail ?? '', /did not take hello/);
  assert.equal(of('another')?.state, 'fault');
  assert.match(of('another')?.detail ?? '', /another bundle/);

  world.instead('hello', () => hello(Date.now() - 600_000));
  const late = (await check({ site: 'demo' })).checks.find(({ where }) => where === 'well');
  assert.equal(late?.state, 'fault');
  assert.match(late?.detail ?? '', /10 min behind that of the Temporal server/);
});

test('a check that fails as a whole is a fault, and the others go on; keys are compared', async () => {
  const { world } = harness;
  world.instead('checkCloud', () => {
    throw new ServiceError({ class: 'host', type: 'Broken', cause: 'broken', nextStep: 'Mend.', retryable: false });
  });
  const pair = { where: 'site', name: 'receipt key pair' };
  assert.deepEqual((await check({ site: 'demo' })).checks, [
    { where: 'cloud', name: 'worker', state: 'fault', detail: 'broken', fix: 'Mend.' },
    { ...pair, state: 'unknown', detail: 'not checked: it needs both halves of the key' },
  ]);
  world.instead('checkCloud', () => ({ checks: [], receiptKey: hex('a'), release: 'release:443' }));
  world.instead('checkSite', () => ({ checks: [], receiptKey: hex('a'), machines: [] }));
  assert.equal((await check({ site: 'demo' })).checks[0]?.state, 'ok');
  assert.deepEqual(world.values('checkSite').at(-1), { site: 'demo', release: 'release:443' });
  world.instead('checkSite', () => ({ checks: [], receiptKey: hex('b'), machines: [] }));
  assert.equal((await check({ site: 'demo' })).checks[0]?.state, 'fault');
});

test('an input that is not right fails the workflow at once, with its path', async () => {
  for (const [request, path] of [
    [{}, /site: is required/],
    [{ site: 'demo', release: 'x:1' }, /release: unknown key/],
  ] as const) {
    const error = await check(request).then(
      () => assert.fail('it was taken'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure);
    assert.equal(error.cause.type, 'InvalidInput');
    assert.match(error.cause.message, path);
  }
  assert.deepEqual(harness.world.verbs(), []);
});
