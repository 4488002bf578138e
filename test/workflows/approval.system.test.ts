import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type WorkflowHandle } from '@temporalio/client';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { UPDATE } from '../../domain/signals.ts';
import { TrainModelResult } from '../../domain/train-model-result.ts';
import { verdictOf } from '../../domain/verdict.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { failureOf, startHarness, status, type Harness } from './support/harness.ts';
import { decision, hex, inspection, request } from './support/samples.ts';

let harness: Harness;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => {
  harness.world.reset();
  harness.world.approval = 'always';
});

const decide = (run: WorkflowHandle, envelope: unknown) =>
  run.executeUpdate<{ by: string; decision: string }, [unknown]>(UPDATE.decideRelease, { args: [envelope] });
const waits = (run: WorkflowHandle) =>
  until('it waits for approval', async () => (await status(run)).approval !== undefined);

test('a run waits with its outputs kept and the VM given back, and goes on when it is approved', async () => {
  const { world } = harness;
  const run = await harness.train(request('vm-approved', 'approved'));
  await waits(run);
  assert.deepEqual(world.verbs('keepOutputs', 'cleanJob', 'returnVirtualMachine'), [
    'keepOutputs',
    'cleanJob',
    'returnVirtualMachine',
  ]);
  assert.equal(world.count('grantArtifacts'), 0);
  const shown = await status(run);
  const { digest: release, artifacts, verdicts } = inspection;
  assert.deepEqual(shown.approval, { release, artifacts, verdicts });
  assert.match(shown.steps.find(({ name }) => name === 'approve')?.detail ?? '', /waits for ana: edge-train approve/);

  // Meanwhile the VM is another run's.
  world.approval = false;
  await (await harness.train(request('vm-approved', 'between'))).result();

  assert.deepEqual(await decide(run, decision('approve')), { by: 'ana', decision: 'approve' });
  const result = TrainModelResult.parse(await run.result());
  assert.equal(result.model.version, 1);
  const own = world.calls.slice(world.calls.findIndex(({ verb }) => verb === 'acceptDecision')).map(({ verb }) => verb);
  const order = ['acceptDecision', 'leaseVirtualMachine', 'grantData', 'restoreOutputs', 'releaseArtifacts'] as const;
  assert.deepEqual(
    own.filter((verb) => (order as readonly string[]).includes(verb)),
    order,
  );
  assert.deepEqual(world.values('releaseArtifacts').at(-1)?.approval, decision('approve'));
  assert.deepEqual(world.values('issueReceipt').at(-1)?.approval, decision('approve'));
  assert.equal(world.verbs('cleanJob').length, 3);
});

test('where approvers are asked for the first release only, their word on it lets out the next, which keeps its VM', async () => {
  const { world } = harness;
  world.approval = 'first';
  const first = await harness.train(request('vm-first', 'first'));
  await waits(first);
  assert.deepEqual((await status(first)).approval?.standing, { recipe: hex('7'), doubts: [] });
  assert.equal(world.count('standingApproval'), 1);
  await decide(first, decision('approve'));
  await first.result();

  const earlier = decision('approve', 'the first of its kind');
  world.instead('standingApproval', () => earlier);
  const next = await harness.train(request('vm-first', 'next'));
  await next.result();
  assert.equal(world.count('acceptDecision'), 1, 'nobody was asked again');
  assert.equal(world.count('restoreOutputs'), 1, 'only the first left its VM to others');
  assert.deepEqual(world.values('releaseArtifacts').at(-1)?.approval, earlier);
  assert.deepEqual(world.values('grantArtifacts').at(-1)?.approval, earlier);
  assert.deepEqual(world.values('issueReceipt').at(-1)?.approval, earlier);
});

test('where approvers are asked only of what the gate is unsure of, a run waits for that alone, and keeps its VM otherwise', async () => {
  const { world } = harness;
  world.approval = 'unsure';
  const sure = await harness.train(request('vm-unsure', 'sure'));
  await sure.result();
  assert.equal((await status(sure)).steps.find(({ name }) => name === 'approve')?.state, 'skipped');
  assert.deepEqual(world.verbs('restoreOutputs', 'acceptDecision'), []);
  assert.equal(world.values('releaseArtifacts').at(-1)?.approval, undefined);

  const unsure = { ...inspection, verdicts: [verdictOf('MLmodel', 'pickle', ['stores-rows'])] };
  world.instead('inspectOutputs', () => unsure);
  const run = await harness.train(request('vm-unsure', 'unsure'));
  await waits(run);
  assert.deepEqual((await status(run)).approval?.verdicts, unsure.verdicts);
  await decide(run, decision('approve'));
  await run.result();
  assert.deepEqual(world.values('releaseArtifacts').at(-1)?.approval, decision('approve'));
});

test('a rejected release ends the run as failed, of class policy, and nothing leaves', async () => {
  const { world } = harness;
  const run = await harness.train(request('vm-rejected', 'rejected'));
  await waits(run);
  await decide(run, decision('reject', 'rows in it'));
  const failure = await failureOf(run.result());
  assert.deepEqual(
    [failure.class, failure.type, failure.cause],
    ['policy', 'ReleaseRejected', 'ana rejected the release: rows in it'],
  );
  assert.equal(world.count('grantArtifacts') + world.count('releaseArtifacts') + world.count('issueReceipt'), 0);
  assert.deepEqual(
    world.values('finishRun').map(({ status }) => status),
    ['FINISHED'],
  );
});

test('what is no decision, comes too early or twice, or does not verify is refused, and the run goes on waiting', async () => {
  const { world } = harness;
  let go = (): void => {};
  const held = new Promise<null>((resolve) => (go = () => resolve(null)));
  world.instead('stageInputs', (_, times) => (times === 1 ? held.then(() => undefined) : undefined));
  const run = await harness.train(request('vm-refused', 'refused'));
  await until('it stages', () => world.count('stageInputs') > 0);
  assert.match((await failureOf(decide(run, decision('approve')))).cause, /waits for no approval/);
  go();
  await waits(run);
  assert.match((await failureOf(decide(run, { payload: 'x' }))).cause, /DSSE envelope/);
  world.instead('acceptDecision', (_, times) => {
    if (times > 1) return undefined;
    throw new ServiceError({
      ...{ class: 'policy', type: 'SignatureInvalid', cause: 'not by ana', nextStep: 'Sign.', retryable: false },
    });
  });
  assert.equal((await failureOf(decide(run, decision('approve')))).type, 'SignatureInvalid');
  assert.ok((await status(run)).approval, 'it still waits');
  await decide(run, decision('approve'));
  await run.result();
});

test('a decision from the Temporal UI is written down by the site, and judged like any other', async () => {
  const { world } = harness;
  const run = await harness.train(request('vm-unsigned', 'unsigned'));
  await waits(run);
  assert.match((await failureOf(decide(run, { decision: 'maybe', reason: 'x' }))).cause, /"decision": "approve"/);
  assert.match((await failureOf(decide(run, { decision: 'approve' }))).cause, /DSSE envelope/);
  await decide(run, { decision: 'approve', reason: 'seen in the UI' });
  await run.result();
  const written = { ...decision('approve', 'seen in the UI'), signatures: [] };
  assert.deepEqual(world.values('acceptDecision').at(-1)?.envelope, written);
  assert.deepEqual(world.values('releaseArtifacts').at(-1)?.approval, written);
});

test('cancelled while it waits: the run is KILLED in Azure ML, and the VM is left to others', async () => {
  const { world } = harness;
  const run = await harness.train(request('vm-cancelled', 'cancelled-waiting'));
  await waits(run);
  await run.cancel();
  await assert.rejects(run.result());
  assert.equal(world.count('returnVirtualMachine'), 1);
  assert.equal(world.values('finishRun').at(-1)?.status, 'KILLED');
  assert.equal((await status(run)).approval, undefined);
});

test('a run is found by site, model, VM and Azure ML’s word for how it stands', async () => {
  const run = await harness.train(request('vm-found', 'found'));
  await waits(run);
  const found = async (jobStatus: string): Promise<boolean> => {
    const query = [
      `${SEARCH_ATTRIBUTE.site} = 'demo' AND ${SEARCH_ATTRIBUTE.model} = 'found'`,
      `${SEARCH_ATTRIBUTE.virtualMachine} = 'vm-found' AND ${SEARCH_ATTRIBUTE.jobStatus} = '${jobStatus}'`,
    ].join(' AND ');
    for await (const each of harness.client.workflow.list({ query }))
      if (each.workflowId === run.workflowId) return true;
    return false;
  };
  await until('it is found as Finalizing', () => found('Finalizing'));
  await decide(run, decision('approve'));
  await run.result();
  await until('it is found as Completed', () => found('Completed'));
});
