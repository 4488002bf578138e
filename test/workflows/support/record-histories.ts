import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import {
  CLOUD_QUEUE,
  metricsWorkflowId,
  modelWorkflowId,
  trialWorkflowId,
  virtualMachineWorkflowId,
} from '../../../domain/resource-names.ts';
import { UPDATE } from '../../../domain/signals.ts';
import type { TrainModelResult } from '../../../domain/train-model-result.ts';
import { ServiceError } from '../../../services/errors.ts';
import { until } from '../../support/until.ts';
import { startHarness, status } from './harness.ts';
import { decision, hostRequest, request, sweepRequest } from './samples.ts';

/**
 * `node test/workflows/support/record-histories.ts`: runs the workflows and keeps their histories, which must replay for
 * as long as such a workflow may be open. Record anew only together with a `patched` or a new workflow type.
 */
const folder = path.join(import.meta.dirname, '../histories');
const harness = await startHarness();
const { world, client, train } = harness;

const failure = new ServiceError({
  class: 'script',
  type: 'ScriptFailed',
  cause: 'exit code 1',
  nextStep: 'Look.',
  retryable: false,
});

async function keep(name: string, run: WorkflowHandle): Promise<void> {
  const history = historyToJSON(await run.fetchHistory());
  await writeFile(path.join(folder, `${name}.json`), `${JSON.stringify(JSON.parse(history), null, 1)}\n`);
}

world.after = 'delete';
world.instead('readMetrics', ({ after }) => {
  const points = [{ name: 'loss', value: 0.5, step: after.offset, timestamp: after.offset }];
  const next = { ...after, offset: after.offset + 1, steps: { loss: after.offset } };
  return { points, after: next, withheld: 0, ended: after.offset > 0 };
});
const straight = await train(request('vm-straight', 'straight'));
const { job } = (await straight.result()) as TrainModelResult;
await keep('train-model-straight', straight);
await keep('publish-metrics', client.workflow.getHandle(metricsWorkflowId(job)));
const machine = client.workflow.getHandle(virtualMachineWorkflowId('vm-straight'));
await machine.result();
await keep('virtual-machine-delete', machine);
await keep('model', client.workflow.getHandle(modelWorkflowId('straight')));

world.reset();
const deployed = await train({ ...request('vm-deployed', 'deployed'), deploy: 'site' });
await deployed.result();
await keep('train-model-deployed', deployed);

world.reset();
world.instead('runTrainingJob', () => {
  throw failure;
});
const failed = await train(request('vm-failed', 'failed'));
await failed.result().catch(() => {});
await keep('train-model-failed', failed);
await keep('virtual-machine-idle', client.workflow.getHandle(virtualMachineWorkflowId('vm-failed')));

world.reset();
world.instead('runTrainingJob', () => Context.current().cancelled);
const cancelled = await train(request('vm-cancelled', 'cancelled'));
await until('it trains', () => world.count('runTrainingJob') > 0);
await cancelled.cancel();
await cancelled.result().catch(() => {});
await keep('train-model-cancelled', cancelled);

world.reset();
const followed = await train(request('vm-followed', 'followed'));
await followed.result();
const promotion = await client.workflow.start('changeModel', {
  ...{ workflowId: 'change-model', taskQueue: CLOUD_QUEUE },
  args: [{ action: 'promote', site: 'demo', model: 'followed', version: 1 }],
});
await promotion.result();
const named = client.workflow.getHandle(modelWorkflowId('followed'));
await named.result();
await keep('train-model-followed', followed);
await keep('change-model', promotion);
await keep('model-changes', named);
const cleaning = await client.workflow.start('cleanRegistry', {
  ...{ workflowId: 'clean-registry', taskQueue: CLOUD_QUEUE, args: [{ site: 'demo', model: 'followed' }] },
});
await cleaning.result();
await keep('clean-registry', cleaning);

world.reset();
world.idleSeconds = 0;
const onHost = await train(hostRequest('host-straight', 'on-host'));
await onHost.result();
await keep('train-model-on-host', onHost);
const host = client.workflow.getHandle(virtualMachineWorkflowId('host-straight'));
await host.result();
await keep('virtual-machine-host', host);

const deployment = (name: string, model: string, input: object = {}): Promise<WorkflowHandle> =>
  client.workflow.start('deployModel', {
    workflowId: name,
    taskQueue: CLOUD_QUEUE,
    args: [{ site: 'demo', model, ...input }],
  });
world.reset();
for (const [name, input] of Object.entries({
  straight: {},
  rollback: { action: 'rollback' },
  undeploy: { action: 'undeploy' },
})) {
  if (name === 'rollback') await (await deployment('deploy-model-second', 'kept', { version: 2 })).result();
  const run = await deployment(`deploy-model-${name}`, 'kept', input);
  await run.result();
  await keep(`deploy-model-${name}`, run);
}
world.instead('watchService', () => {
  throw failure;
});
const unwatched = await deployment('deploy-model-failed', 'failed', { version: 2 });
await unwatched.result().catch(() => {});
await keep('deploy-model-failed', unwatched);

const toCloud = (name: string, input: object) => deployment(name, 'cloudy', { to: 'cloud', ...input });
for (const [name, input] of Object.entries({
  straight: { version: 1 },
  failed: { version: 3 },
  rollback: { action: 'rollback' },
  undeploy: { action: 'undeploy' },
})) {
  world.reset();
  if (name === 'failed')
    world.instead('watchCloudDeployment', () => {
      throw failure;
    });
  if (name === 'rollback') await (await toCloud('deploy-model-cloud-second', { version: 2 })).result();
  const run = await toCloud(`deploy-model-cloud-${name}`, input);
  await run.result().catch(() => {});
  await keep(`deploy-model-cloud-${name}`, run);
}

for (const word of ['approve', 'reject'] as const) {
  world.reset();
  world.approval = 'always';
  const run = await train(request(`vm-${word}`, word));
  await until('it waits for approval', async () => (await status(run)).approval !== undefined);
  await run.executeUpdate(UPDATE.decideRelease, { args: [decision(word)] });
  await run.result().catch(() => {});
  await keep(`train-model-${word === 'approve' ? 'approved' : 'rejected'}`, run);
}

world.reset();
world.instead('runTrainingJob', ({ plan }) => {
  if (plan.trial?.number === 1) throw failure;
  return undefined;
});
const sweep = await train(
  sweepRequest('vm-sweep', { limits: { max_total_trials: 3, max_concurrent_trials: 2, timeout: 3600 } }),
);
await sweep.result();
await keep('train-model-sweep', sweep);
for (const [name, number] of Object.entries({ 'trial-failed': 1, 'trial-straight': 2 }))
  await keep(name, client.workflow.getHandle(trialWorkflowId(sweep.workflowId, number)));

world.reset();
world.idleSeconds = 5;
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
world.instead('enrolVirtualMachine', (given) => ({
  ...{ ...given, ...world.installed, queue: world.queue },
  credentialExpires: inSeconds(4),
}));
world.instead('grantCredential', () => ({ kind: 'credential', jwe: 'sealed', expires: inSeconds(4) }));
world.instead('runTrainingJob', async () => {
  await until('it is renewed', () => world.count('renewCredential') > 1);
  return undefined;
});
await (await train(request('vm-credential', 'credential'))).result();
const guarded = client.workflow.getHandle(virtualMachineWorkflowId('vm-credential'));
await guarded.result();
await keep('virtual-machine-credential', guarded);

world.reset();
const over = new Set<string>();
world.instead('runTrainingJob', async ({ plan: { job, trial } }) => {
  try {
    if (trial?.number === 2) await Context.current().cancelled;
  } finally {
    over.add(job);
  }
  return undefined;
});
world.instead('readMetrics', async ({ plan: { job }, after }) => {
  const isFirst = after.offset === 0;
  if (!isFirst) await until('its script has ended', () => over.has(job), 60);
  const value = world.values('recordRun').length === 1 ? 0.97 : 0.1;
  const points = isFirst ? [{ name: 'accuracy', value, step: 0, timestamp: 1 }] : [];
  return { points, after: { ...after, offset: 1, steps: { accuracy: 0 } }, withheld: 0, ended: !isFirst };
});
const early_termination = { type: 'bandit', slack_amount: 0.1 } as const;
const stopping = await train(sweepRequest('vm-stopping', { early_termination, limits: { max_total_trials: 2 } }));
await stopping.result();
await keep('train-model-sweep-stopping', stopping);
const stopped = client.workflow.getHandle(trialWorkflowId(stopping.workflowId, 2));
await keep('trial-stopped', stopped);
const { job: stoppedJob } = await status(stopped);
if (stoppedJob === undefined) throw new Error('the trial has no job');
await keep('publish-metrics-watched', client.workflow.getHandle(metricsWorkflowId(stoppedJob)));

await harness.stop();
