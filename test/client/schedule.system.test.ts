import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import type { Failure } from '../../domain/failure.ts';
import { TrainModelInput } from '../../domain/train-model-input.ts';
import { findBlob, openAccount } from '../../services/blob-storage.ts';
import { sasOnPolicy } from '../../services/stored-access-policy.ts';
import { secret, startFixture, type Fixture } from '../sandbox/fixture.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { startAzurite, type Upstream } from '../sandbox/upstream.ts';
import type { ScheduleChangeOutput, ScheduleListOutput, ScheduleOutput } from '../../client/output.ts';
import { command, folder, training, type Ended } from './command.ts';
import { startStub, type Stub } from './stub/start.ts';
import { told } from './stub/told.ts';

const account = { name: 'releases', key: secret() };
let stub: Stub;
let azurite: Upstream;
let fixture: Fixture;
let sas: string;
const release = () => ({
  endpoint: `https://127.0.0.1:${fixture.config.ports.release}/${account.name}`,
  ...{ key: account.key, ca: fixture.ca },
});

before(async () => {
  [stub, azurite] = await Promise.all([startStub(), startAzurite([account])]);
  fixture = await startFixture(machinesDouble(), (config) => ({
    ...config,
    azurite: { url: azurite.url },
    accounts: { ...config.accounts, release: account },
  }));
  const expires = new Date(Date.now() + 3_600_000);
  sas = await sasOnPolicy(release(), { container: 'code', id: 'users', permissions: 'rcw', expires });
});
after(async () => {
  await fixture?.[Symbol.asyncDispose]();
  await azurite?.[Symbol.asyncDispose]();
  await stub?.stop();
});

/** `edge-train schedule …` in a folder with a training that is in order. */
function user(t: TestContext): (...args: string[]) => Promise<Ended> {
  const place = folder(t, { ...training(1), 'ca.pem': fixture.ca });
  const config = folder(t, {
    'client.yml': `code: {container: "${release().endpoint}/code", sas: env:CODE_SAS, caFile: ${join(place, 'ca.pem')}}\n`,
    'temporal.toml': `[profile.default]\naddress = "${stub.address}"\n`,
  });
  const env = { EDGE_TRAIN_CONFIG: config, CODE_SAS: sas };
  return (...args) => command(['schedule', ...args], { cwd: place, env });
}

test('create makes a schedule with every policy said; list, describe, pause, resume and delete follow it', async (t) => {
  const schedule = user(t);
  const flags = ['--cron', '30 3 * * mon-fri', '--time-zone', 'Europe/Berlin', '--set', 'inputs.rate=0.25'];
  const made = told<ScheduleOutput>(
    'output-schedule',
    await schedule('create', 'nightly', 'training.yml', ...flags, '--pause-on-failure', '--note', 'for ada', '--json'),
  );
  const { name, site, model, when, timeZone, overlap, catchupSeconds, pauseOnFailure, note, workflowId } = made;
  assert.deepEqual(
    { name, site, model, when, timeZone, overlap, catchupSeconds, pauseOnFailure, note, workflowId },
    {
      ...{ name: 'nightly', site: 'demo', model: 'heart', when: 'cron 30 3 * * mon-fri', timeZone: 'Europe/Berlin' },
      ...{ overlap: 'skip', catchupSeconds: 86_400, pauseOnFailure: true, note: 'for ada' },
      workflowId: 'train-demo-heart-nightly',
    },
  );
  const berlin = { timeZone: 'Europe/Berlin', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  for (const time of made.next) assert.equal(new Date(time).toLocaleTimeString('en', berlin), '03:30');

  const { action, raw } = await stub.client.schedule.getHandle('nightly').describe();
  const input = TrainModelInput.parse(action.args?.[0]);
  assert.equal(input.job.inputs?.['rate'], 0.25);
  const code = openAccount(release()).container('code');
  assert.ok(await findBlob(code, `code/${input.code?.digest}.tar.gz`), 'the code was sent');
  assert.equal(action.staticSummary, 'Train heart at demo (schedule nightly)');
  assert.equal(action.searchAttributes?.['EdgeTrainModel']?.[0], 'heart');
  const { workflowExecutionTimeout } = raw.schedule?.action?.startWorkflow ?? {};
  assert.equal(Number(workflowExecutionTimeout?.seconds ?? 0), 0, 'an execution timeout would skip every undo');

  const twice = await schedule('create', 'nightly', 'training.yml', '--every', '1d', '--json');
  assert.equal(twice.exitCode, 2);
  assert.equal(told<{ failure: Failure }>('output-error', twice).failure.type, 'ScheduleExists');

  const change = async (...args: string[]) =>
    told<ScheduleChangeOutput>('output-schedule-change', await schedule(...args, '--json')).state;
  const described = async () =>
    told<ScheduleOutput>('output-schedule', await schedule('describe', 'nightly', '--json'));
  assert.equal(await change('pause', 'nightly', '--note', 'bad data'), 'paused');
  const paused = await described();
  assert.deepEqual([paused.paused, paused.note, paused.next], [true, 'bad data', []]);
  assert.match((await schedule('describe', 'nightly')).stdout, /^Schedule +nightly \(paused\)$/m);
  assert.equal(await change('resume', 'nightly'), 'resumed');
  assert.equal((await described()).paused, false);
  await listed('nightly');
  const { schedules } = told<ScheduleListOutput>('output-schedule-list', await schedule('list', '--json'));
  assert.deepEqual(
    schedules.map((each) => [each.name, each.when]),
    [['nightly', 'cron 30 3 * * mon-fri']],
  );
  assert.equal(await change('delete', 'nightly'), 'deleted');
  const gone = await schedule('describe', 'nightly');
  assert.equal(gone.exitCode, 2);
  assert.match(gone.stderr, /There is no schedule nightly[^]*schedule list/);
});

test('a run that a schedule starts tells schedule and time; trigger skips while one goes on, or waits', async (t) => {
  const schedule = user(t);
  await schedule('create', 'hourly', 'training.yml', '--every', '1h', '--paused');
  const started = told<ScheduleChangeOutput>('output-schedule-change', await schedule('trigger', 'hourly', '--json'));
  assert.equal(started.state, 'started');
  assert.match(started.workflowId ?? '', /^train-demo-heart-hourly-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

  const skipped = await schedule('trigger', 'hourly');
  assert.equal(skipped.exitCode, 1, skipped.stdout);
  assert.match(skipped.stderr, /train-demo-heart-hourly-\S+ goes on, and the overlap is skip/);
  const waiting = await schedule('trigger', 'hourly', '--overlap', 'buffer-one', '--json');
  assert.equal(told<ScheduleChangeOutput>('output-schedule-change', waiting).state, 'waiting');

  const { executions } = await runsOf('heart');
  assert.deepEqual(executions, [started.workflowId], 'one goes on, and no other was started');
  await schedule('delete', 'hourly');
  await stub.client.workflow.getHandle(started.workflowId ?? '').terminate();
});

test('a schedule of something else is not touched', async (t) => {
  const schedule = user(t);
  const foreign = await stub.client.schedule.create({
    scheduleId: 'foreign',
    spec: { intervals: [{ every: '1d' }] },
    action: { type: 'startWorkflow', workflowType: 'virtualMachine', taskQueue: 'edge-train', args: [] },
  });
  const { exitCode, stderr } = await schedule('delete', 'foreign');
  assert.equal(exitCode, 2);
  assert.match(stderr, /no schedule foreign of edge-train/);
  await foreign.delete();
});

async function runsOf(model: string): Promise<{ executions: string[] }> {
  const query = `EdgeTrainModel = '${model}' AND ExecutionStatus = 'Running' AND WorkflowType = 'trainModel'`;
  const deadline = Date.now() + 20_000;
  for (;;) {
    const executions: string[] = [];
    for await (const { workflowId } of stub.client.workflow.list({ query })) executions.push(workflowId);
    if (executions.length > 0 || Date.now() > deadline) return { executions };
  }
}

/** Listings follow a moment later. */
async function listed(name: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    for await (const { scheduleId, state } of stub.client.schedule.list())
      if (scheduleId === name && !state.paused) return;
    assert.ok(Date.now() < deadline, `not within 20 s: ${name} is listed`);
  }
}
