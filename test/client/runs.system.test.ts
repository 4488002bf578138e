import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { canonicalArtifacts } from '../../domain/release.ts';
import { verdictOf } from '../../domain/verdict.ts';
import type { Failure } from '../../domain/failure.ts';
import { jobId, siteRunPath } from '../../domain/resource-names.ts';
import { receiptStatement, type DecisionPredicate, type Envelope } from '../../domain/statement.ts';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { openAccount, STACK_HUB_VERSION } from '../../services/blob-storage.ts';
import { canonicalJson, generateSigningKey, sha256, signStatement, verifyStatement } from '../../services/signing.ts';
import { sasOnPolicy } from '../../services/stored-access-policy.ts';
import { secret, startFixture, type Fixture } from '../sandbox/fixture.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { startAzurite, type Upstream } from '../sandbox/upstream.ts';
import { command, folder, MAIN, startCommand, startProgram, type Ended } from './command.ts';
import { predicate } from './receipt-sample.ts';
import { startStub, type Stub } from './stub/start.ts';
import { told } from './stub/told.ts';

const account = { name: 'sitedata', key: secret() };
let stub: Stub;
let azurite: Upstream;
let fixture: Fixture;
let sas: string;
const site = () => ({
  endpoint: `https://127.0.0.1:${fixture.config.siteBlob.port}/${account.name}`,
  ...{ key: account.key, ca: fixture.ca, apiVersion: STACK_HUB_VERSION },
});

before(async () => {
  [stub, azurite] = await Promise.all([startStub(), startAzurite([account])]);
  fixture = await startFixture(machinesDouble(), (config) => ({
    ...config,
    azurite: { url: azurite.url },
    accounts: { ...config.accounts, site: account },
  }));
  const expires = new Date(Date.now() + 3_600_000);
  sas = await sasOnPolicy(site(), { container: 'runs', id: 'users', permissions: 'r', expires });
});
after(async () => {
  await fixture?.[Symbol.asyncDispose]();
  await azurite?.[Symbol.asyncDispose]();
  await stub?.stop();
});

const key = generateSigningKey();

/** A user's configuration, and the command with it. */
function user(t: TestContext): { run(...args: string[]): Promise<Ended>; env: NodeJS.ProcessEnv; place: string } {
  const place = folder(t, {
    'ca.pem': fixture.ca,
    'client.yml': `
code: {container: "https://127.0.0.1:1/a/code", sas: env:CODE_SAS}
temporalUi: http://127.0.0.1:8233
approval: {name: ada, key: env:APPROVAL_KEY}
sites:
  demo:
    runs: {container: "${site().endpoint}/runs", sas: env:RUNS_SAS}
    caFile: PLACE/ca.pem
`,
    'temporal.toml': `[profile.default]\naddress = "${stub.address}"\n`,
  });
  execFileSync('sed', ['-i', `s#PLACE#${place}#`, join(place, 'client.yml')]);
  const env = { EDGE_TRAIN_CONFIG: place, CODE_SAS: 'x', RUNS_SAS: sas, APPROVAL_KEY: key.privateKey };
  return { env, place, run: (...args) => command(args, { env }) };
}

const failure: Failure = { class: 'script', type: 'ScriptFailed', cause: 'It ended with 7.', nextStep: 'Look.' };
const ERASED_LINE = new RegExp(`${'\u001b'}\\[2K`);
const training = (model: string) => ({ site: 'demo', model: { name: model } });
const artifacts = [
  { path: 'MLmodel', bytes: 7, sha256: 'a'.repeat(64) },
  { path: 'model.onnx', bytes: 1500, sha256: 'b'.repeat(64) },
];
const release = sha256(canonicalArtifacts(artifacts));
const verdicts = artifacts.map(({ path }) => verdictOf(path, path === 'MLmodel' ? 'yaml' : 'onnx', []));
const waits = { job: 'c'.repeat(20), site: 'demo', approval: { release, artifacts, verdicts } };

const result: TrainModelResult = {
  ...{ job: 'b'.repeat(20), site: 'demo', virtualMachine: 'vm-1', trainingSeconds: 1.5, receipt: 'a'.repeat(64) },
  computeTarget: { state: 'attached', name: 'vm-1', resourceId: '/x' },
  run: { experimentId: '1', runId: 'r' },
  model: { name: 'm', version: 1, resourceId: '/m', modelUri: 'azureml://m', type: 'mlflow_model', tags: {} },
  image: {
    ...{ registry: 'r:1', repository: 'edge-train/m', tag: 'v1', digest: `sha256:${'c'.repeat(64)}` },
    uploadedBytes: 0,
  },
  metrics: [],
  parameters: {},
  data: { rootDigest: 'd'.repeat(64), files: 1, bytes: 1 },
  released: { output: 'model', modelType: 'mlflow_model', artifacts, verdicts, digest: release, bytes: 1507 },
};

test('list shows runs by site, model and how they stand, and believes Temporal of those that have ended', async (t) => {
  const { run } = user(t);
  const open = await stub.start('list-open', training('listed'));
  const queued = await stub.start('list-queued', training('listed'), 'Queued');
  const ended = await stub.start('list-failed', { ...training('listed'), end: { failure } });
  const killed = await stub.start('list-killed', training('listed'));
  await stub.start('list-other', training('another'));
  await ended.signal('finish');
  await ended.result().catch(() => undefined);
  await killed.terminate();

  interface Listed {
    runs: { workflowId: string; jobStatus: string; virtualMachine: string; site: string }[];
    more: boolean;
  }
  const ids = async (...args: string[]): Promise<string[]> => {
    const { runs } = told<Listed>('output-list', await run('list', '--model', 'listed', '--json', ...args));
    return runs.map(({ workflowId }) => workflowId).sort();
  };
  await visible("EdgeTrainModel = 'listed' AND ExecutionStatus != 'Running'", 2);
  await visible("EdgeTrainModel = 'listed' AND ExecutionStatus = 'Running'", 2);
  assert.deepEqual(await ids(), ['list-failed', 'list-killed', 'list-open', 'list-queued']);
  const [failed, running, canceled, waiting, elsewhere] = await Promise.all([
    ids('--status', 'Failed'),
    ids('--status', 'running'),
    ids('--status', 'Canceled'),
    ids('--status', 'Queued'),
    ids('--site', 'other'),
  ]);
  assert.deepEqual(running, ['list-open'], 'a terminated run said Running to its end');
  assert.deepEqual([failed, canceled, waiting, elsewhere], [['list-failed'], ['list-killed'], ['list-queued'], []]);
  const { runs, more } = told<Listed>('output-list', await run('list', '--model', 'listed', '--limit', '1', '--json'));
  assert.deepEqual([runs.length, more], [1, true]);

  const { stdout } = await run('list', '--model', 'listed');
  assert.match(stdout, /^RUN +SITE +MODEL +STATUS +VM +STARTED +TOOK$/m);
  assert.match(stdout, /^list-killed +demo +listed +Canceled +vm-1 +\d{4}-\d\d-\d\d \d\d:\d\dZ +\d/m);
  await Promise.all([open, queued].map((handle) => handle.terminate()));
});

test('watch ends as the run ends, and says nothing with escapes in a pipe', async (t) => {
  const { run } = user(t);
  const good = await stub.start('watch-good', { ...training('m'), end: { result } });
  const bad = await stub.start('watch-bad', { ...training('m'), end: { failure } });
  const watching = run('watch', 'watch-good');
  const failing = run('watch', 'watch-bad', '--json');
  await Promise.all([good, bad].map((handle) => handle.signal('finish')));
  const { exitCode, stdout } = await watching;
  assert.equal(exitCode, 0, stdout);
  assert.match(stdout, /^Run: +watch-good$/m);
  assert.match(stdout, /^Model +m version 1/m);
  assert.doesNotMatch(stdout, /(?!\n)\p{Cc}/u);
  const ended = await failing;
  assert.equal(ended.exitCode, 1);
  assert.deepEqual(told<{ failure: Failure }>('output-error', ended).failure, failure);
  const again = await run('watch', 'watch-good', '--json');
  assert.equal(told<{ result: TrainModelResult }>('output-run', again).result.model.version, 1);
});

test('on a terminal, watch draws one live list, and logs shows no escapes of a script', async (t) => {
  const { env } = user(t);
  const handle = await stub.start('terminal-1', { ...training('m'), end: { result } });
  const say = await log('terminal-1', handle.firstExecutionRunId);
  await say('\u001b[2Jepoch 1\r\tend\n');
  const watching = onTerminal(['watch', 'terminal-1'], env);
  await watching.says(/train in the cage/);
  await watching.says(ERASED_LINE); // it draws over what it drew
  await handle.signal('finish');
  const { exitCode, stdout } = await watching.ended;
  assert.equal(exitCode, 0, stdout);
  assert.match(stripVTControlCharacters(stdout), /^Model +m version 1/m);
  assert.ok(stdout.lastIndexOf('\u001b[?25h') >= stdout.lastIndexOf('\u001b[?25l'), 'the cursor is there again');

  const shown = await onTerminal(['logs', 'terminal-1'], env).ended;
  assert.equal(shown.stdout.replaceAll('\r\n', '\n'), '\\x1b[2Jepoch 1\n\tend\n');
});

test('a namespace that knows none of our search attributes says what its operator does', async (t) => {
  const { env, place } = user(t);
  await stub.client.workflowService.registerNamespace({
    namespace: 'bare',
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  writeFileSync(join(place, 'temporal.toml'), `[profile.default]\naddress = "${stub.address}"\nnamespace = "bare"\n`);
  let ended: Ended;
  const deadline = Date.now() + 30_000;
  do {
    ended = await command(['list', '--model', 'm'], { env });
  } while (!/EdgeTrainModel/.test(ended.stderr) && Date.now() < deadline);
  assert.equal(ended.exitCode, 1);
  assert.match(ended.stderr, /Next: .*temporal operator search-attribute create --name EdgeTrainSite --type Keyword/);
});

test('Ctrl-C ends the watching with 130, and the run goes on', async (t) => {
  const { env } = user(t);
  const handle = await stub.start('watch-interrupted', training('m'));
  const watching = startCommand(['watch', 'watch-interrupted'], { env });
  await watching.says(/train in the cage/);
  watching.child.kill('SIGINT');
  const { exitCode, stderr } = await watching.ended;
  assert.equal(exitCode, 130);
  assert.match(stderr, /The run goes on/);
  assert.equal((await handle.describe()).status.name, 'RUNNING');
  await handle.terminate();
});

test('a run that is none is said so, and a workflow of another kind is not touched', async (t) => {
  const { run } = user(t);
  const machine = await stub.client.workflow.start('virtualMachine', { workflowId: 'vm-x', taskQueue: 'edge-train' });
  const verbs = ['watch', 'cancel', 'logs', 'status'];
  const answers = await Promise.all(verbs.map(async (verb) => ({ verb, ...(await run(verb, 'train-demo-none')) })));
  for (const { verb, exitCode, stderr } of answers) {
    assert.equal(exitCode, 2, `${verb}: ${stderr}`);
    assert.match(stderr, /There is no run train-demo-none[^]*Next: /);
  }
  const other = await run('cancel', 'vm-x', '--json');
  assert.equal(other.exitCode, 2);
  assert.equal(told<{ failure: Failure }>('output-error', other).failure.type, 'NoSuchRun');
  assert.equal((await machine.describe()).status.name, 'RUNNING');
  await machine.terminate();
});

test('cancel asks, watches what is undone, and ends with 0 when the run is cancelled; again it is fine', async (t) => {
  const { run } = user(t);
  const handle = await stub.start('cancel-1', training('m'));
  const ended = await run('cancel', 'cancel-1', '--reason', 'wrong data');
  assert.equal(ended.exitCode, 0, ended.stderr);
  assert.match(ended.stdout, /clean up after the job \(vm-1\) running: undoing/);
  assert.match(ended.stdout, /^Cancelled\. /m);
  assert.equal((await handle.describe()).status.name, 'CANCELLED');
  const { events } = await handle.fetchHistory();
  const asked = events?.find((each) => each.workflowExecutionCancelRequestedEventAttributes);
  assert.equal(asked?.workflowExecutionCancelRequestedEventAttributes?.cause, 'wrong data');

  const again = await run('cancel', 'cancel-1', '--json');
  assert.equal(again.exitCode, 0);
  assert.equal(told<{ state: string }>('output-cancel', again).state, 'cancelled');
});

test('cancel --detach does not wait; what has ended otherwise cannot be cancelled', async (t) => {
  const { run } = user(t);
  const handle = await stub.start('cancel-2', training('m'));
  const ended = await run('cancel', 'cancel-2', '--detach', '--json');
  assert.equal(told<{ state: string }>('output-cancel', ended).state, 'cancelling');
  await handle.result().catch(() => undefined);

  const done = await stub.start('cancel-3', { ...training('m'), end: { result } });
  await done.signal('finish');
  await done.result();
  const late = await run('cancel', 'cancel-3');
  assert.equal(late.exitCode, 1);
  assert.match(late.stderr, /has ended \(Completed\)/);
});

/** As the edge worker writes it. */
async function log(workflowId: string, runId: string) {
  const path = siteRunPath(jobId(sha256, workflowId, runId), 'job.log');
  const blob = openAccount(site()).container('runs').getAppendBlobClient(path);
  await blob.createIfNotExists();
  return (text: string) => blob.appendBlock(text, Buffer.byteLength(text));
}

test('logs reads the job’s log from the site with the user’s own SAS, byte for byte', async (t) => {
  const { run } = user(t);
  const handle = await stub.start('logs-1', training('m'));
  const none = await run('logs', 'logs-1');
  assert.deepEqual([none.exitCode, none.stdout], [1, '']);
  assert.match(none.stderr, /has no log yet/);

  const say = await log('logs-1', handle.firstExecutionRunId);
  await say('epoch 1\r\n\u001b[31mé\u001b[0m\n');
  const shown = await run('logs', 'logs-1');
  assert.equal(shown.exitCode, 0, shown.stderr);
  assert.equal(shown.stdout, 'epoch 1\r\n\u001b[31mé\u001b[0m\n');
  const where = told<{ bytes: number; path: string }>('output-logs', await run('logs', 'logs-1', '--json'));
  assert.equal(where.bytes, Buffer.byteLength(shown.stdout));
  assert.match(where.path, /^runs\/[0-9a-f]{20}\/job\.log$/);
  await handle.terminate();
});

test('logs --follow goes on until the run has ended, and Ctrl-C ends it with 130', async (t) => {
  const { env } = user(t);
  const handle = await stub.start('logs-2', { ...training('m'), end: { result } });
  const following = startCommand(['logs', 'logs-2', '--follow'], { env });
  await following.says(/waiting for it/);
  const say = await log('logs-2', handle.firstExecutionRunId);
  await say('first\n');
  await following.says(/first/);
  const other = startCommand(['logs', 'logs-2', '--follow'], { env });
  await other.says(/first/);
  other.child.kill('SIGINT');
  assert.equal((await other.ended).exitCode, 130);
  await say('last\n');
  await handle.signal('finish');
  const { exitCode, stdout } = await following.ended;
  assert.deepEqual([exitCode, stdout], [0, 'first\nlast\n']);
});

test('a SAS that was taken back is said to be, and is not shown', async (t) => {
  const { env } = user(t);
  const handle = await stub.start('logs-3', training('m'));
  const bad = sas.replace(/sig=[^&]*/, 'sig=c2VjcmV0');
  const { exitCode, stdout, stderr } = await command(['logs', 'logs-3', '--json'], { env: { ...env, RUNS_SAS: bad } });
  assert.equal(exitCode, 1, stdout);
  assert.equal(told<{ failure: Failure }>('output-error', { stdout, stderr }).failure.class, 'policy');
  assert.doesNotMatch(stdout + stderr, /c2VjcmV0/);
  await handle.terminate();
});

test('approve shows what would leave and sends a decision that the key signed, on just that', async (t) => {
  const { run } = user(t);
  const handle = await stub.start('approve-1', { ...training('m'), status: waits });
  const seen = await run('status', 'approve-1');
  assert.match(seen.stdout, /model\.onnx 1\.5 kB b{12}[^]*edge-train approve approve-1 --reason TEXT --release/);
  told('output-status', await run('status', 'approve-1', '--json'));
  const ended = await run('approve', 'approve-1', '--reason', 'reviewed', '--release', release.slice(0, 12));
  assert.equal(ended.exitCode, 0, ended.stderr);
  assert.match(ended.stdout, /Would leave the site: 2 files, 1\.5 kB\n {2}MLmodel 7 B a{12}\n[^]*Approved as ada/);

  const [envelope, ...more] = await handle.query<Envelope[]>('decisions');
  assert.equal(more.length, 0);
  const statement = verifyStatement(envelope, key.publicKey) as { predicate: DecisionPredicate; subject: unknown };
  const { decidedAt, ...predicate } = statement.predicate;
  assert.ok(Math.abs(Date.now() - Date.parse(decidedAt)) < 60_000);
  assert.deepEqual(predicate, {
    ...{ job: waits.job, site: 'demo', workflowId: 'approve-1', release },
    ...{ decision: 'approve', reason: 'reviewed', by: 'ada' },
  });
  assert.deepEqual(
    statement.subject,
    artifacts.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
  );
  const again = await run('reject', 'approve-1', '--reason', 'no');
  assert.equal(again.exitCode, 2);
  assert.match(again.stderr, /does not wait for approval/);
  await handle.terminate();
});

test('where the site asks for the first release only, approve signs for later ones too, unless --once', async (t) => {
  const { run } = user(t);
  const standing = { recipe: '7'.repeat(64), doubts: [] };
  const status = { ...waits, approval: { ...waits.approval, standing } };
  const signedFor = async (id: string, ...more: string[]) => {
    const handle = await stub.start(id, { ...training('m'), status });
    const { stdout, stderr, exitCode } = await run('approve', id, '--reason', 'x', ...more);
    assert.equal(exitCode, 0, stderr);
    const [envelope] = await handle.query<Envelope[]>('decisions');
    await handle.terminate();
    const { predicate } = verifyStatement(envelope, key.publicKey) as { predicate: DecisionPredicate };
    return { stdout, standing: predicate.standing };
  };
  const kept = await signedFor('approve-first');
  assert.deepEqual(kept.standing, standing);
  assert.match(kept.stdout, /later ones of the same code[^]*--once/);
  const once = await signedFor('approve-once', '--once');
  assert.equal(once.standing, undefined);
  assert.doesNotMatch(once.stdout, /later ones/);
});

test('reject says so; a digest that is not of the files, or another release, is never signed', async (t) => {
  const { run } = user(t);
  const forged = { ...waits, approval: { release: 'e'.repeat(64), artifacts, verdicts } };
  const [handle, bad] = await Promise.all([
    stub.start('reject-1', { ...training('m'), status: waits }),
    stub.start('reject-2', { ...training('m'), status: forged }),
  ]);
  const other = await run('approve', 'reject-1', '--reason', 'x', '--release', 'f'.repeat(12));
  assert.deepEqual([other.exitCode, other.stdout], [2, '']);
  assert.match(other.stderr, /--release: is another one/);
  const mismatch = await run('approve', 'reject-2', '--reason', 'x', '--json');
  assert.equal(mismatch.exitCode, 1);
  assert.equal(told<{ failure: Failure }>('output-error', mismatch).failure.type, 'ReleaseMismatch');
  for (const each of [handle, bad]) assert.deepEqual(await each.query('decisions'), []);
  const rejected = told<{ decision: string; by: string }>(
    'output-decision',
    await run('reject', 'reject-1', '--reason', 'too much', '--json'),
  );
  assert.deepEqual([rejected.decision, rejected.by], ['reject', 'ada']);
  await Promise.all([handle, bad].map((each) => each.terminate()));
});

test('what the workflow refuses is refused in its words', async (t) => {
  const { run } = user(t);
  const refuse: Failure = { class: 'policy', type: 'InvalidInput', cause: 'ada may not approve.', nextStep: 'Ask.' };
  const handle = await stub.start('approve-2', { ...training('m'), status: waits, refuse });
  const ended = await run('approve', 'approve-2', '--reason', 'x');
  assert.equal(ended.exitCode, 2, ended.stderr);
  assert.match(ended.stderr, /ada may not approve\.\nNext: Ask\./);
  await handle.terminate();
});

test('a key that is none is refused before anything is sent', async (t) => {
  const { env } = user(t);
  const handle = await stub.start('approve-3', { ...training('m'), status: waits });
  const args = ['approve', 'approve-3', '--reason', 'x'];
  const { exitCode, stderr } = await command(args, { env: { ...env, APPROVAL_KEY: 'hunter2' } });
  assert.equal(exitCode, 2, stderr);
  assert.match(stderr, /approval\.key: is no private key/);
  assert.doesNotMatch(stderr, /hunter2/);
  assert.deepEqual(await handle.query('decisions'), []);
  await handle.terminate();
});

/** The command on a pseudo-terminal of 100 by 40. */
function onTerminal(args: readonly string[], env: NodeJS.ProcessEnv) {
  const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ');
  return startProgram('script', ['-qefc', `stty cols 100 rows 40; ${words}`, '/dev/null'], {
    env: { ...env, TERM: 'xterm' },
  });
}

/** Visibility follows a moment later. */
async function visible(query: string, expected: number): Promise<void> {
  const deadline = Date.now() + 20_000;
  while ((await stub.client.workflow.count(query)).count !== expected)
    assert.ok(Date.now() < deadline, `not within 20 s: ${query}`);
}

test('receipt reads a run’s receipt from its history, also once it has ended', async (t) => {
  const { run, place } = user(t);
  const receipt = signStatement(receiptStatement(predicate()), key.privateKey);
  const signed = await stub.start('receipt-signed', { ...training('proven'), receipt, end: { result } });
  await stub.start('receipt-none', training('proven'));
  writeFileSync(join(place, 'receipt.pub'), key.publicKey);
  const [pem, verify] = [join(place, 'receipt.pub'), ['receipt', 'verify', 'receipt-signed', '--json', '--key']];
  await signed.signal('finish');
  await signed.result();

  const shown = await run('receipt', 'show', 'receipt-signed');
  assert.match(shown.stdout, new RegExp(`receipt +sha256:${sha256(canonicalJson(receipt))}`), shown.stderr);
  assert.equal(told<{ verified: boolean }>('output-receipt', await run(...verify, pem)).verified, true);
  writeFileSync(pem, generateSigningKey().publicKey);
  const other = await run(...verify, pem);
  assert.deepEqual([other.exitCode, told<{ ok: boolean }>('output-error', other).ok], [1, false]);

  const none = await run('receipt', 'show', 'receipt-none');
  assert.deepEqual([none.exitCode, none.stdout], [2, '']);
  assert.match(none.stderr, /RUN: has no receipt: nothing of it has left the site/);
  assert.match((await run('receipt', 'show', 'receipt-of-nobody')).stderr, /receipt-of-nobody/);
});
