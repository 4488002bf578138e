import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApplicationFailure, CancelledFailure, type Context } from '@temporalio/activity';
import { carryVerdict, toTemporal } from '../../activities/failure.ts';
import { Failure } from '../../domain/failure.ts';
import { invalidInput, ServiceError } from '../../services/errors.ts';

function contextOf(abort = new AbortController(), heartbeatTimeoutMs?: number) {
  const beats: unknown[] = [];
  const context = {
    info: { activityType: 'recordRun', attempt: 1, heartbeatTimeoutMs, heartbeatDetails: 'before' },
    cancellationSignal: abort.signal,
    heartbeat: (details: unknown) => void beats.push(details),
  };
  return { context: context as unknown as Context, beats };
}

const refused = (retryable: boolean, retryAfterMs?: number) =>
  new ServiceError({
    class: 'quota',
    type: 'NoCapacity',
    cause: 'no room for the VM',
    nextStep: 'Wait.',
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });

test('a verdict is carried whole: type, retrying, wait, the Failure and its issues', () => {
  const { context } = contextOf();
  const failure = toTemporal(refused(true, 5000), context);
  assert.ok(failure instanceof ApplicationFailure);
  assert.equal(failure.type, 'NoCapacity');
  assert.equal(failure.nonRetryable, false);
  assert.equal(failure.nextRetryDelay, 5000);
  assert.deepEqual(failure.details, [
    { class: 'quota', type: 'NoCapacity', cause: 'no room for the VM', nextStep: 'Wait.' },
  ]);
  const issues = [{ path: 'site', rule: 'is required' }];
  const invalid = toTemporal(invalidInput(issues), context);
  assert.ok(invalid instanceof ApplicationFailure && invalid.nonRetryable);
  assert.deepEqual(invalid.details?.[1], issues);
});

test('what is not known is classified, retried, and tells no stack, no cause and no secret', () => {
  const secret = 'sig=AbCdEf123456%3D';
  const raw = new Error(`GET https://a.blob/x?sv=1&${secret} failed`, { cause: new Error(secret) });
  const failure = toTemporal(raw, contextOf().context);
  assert.ok(failure instanceof ApplicationFailure);
  assert.equal(failure.nonRetryable, false);
  assert.equal(Failure.parse(failure.details?.[0]).class, 'internal');
  assert.equal(failure.cause, undefined);
  assert.doesNotMatch(`${failure.stack} ${JSON.stringify(failure)}`, /AbCdEf|\.ts:\d/);
});

test('the unexpected is not tried for ever; the expected is', () => {
  const { context } = contextOf();
  const tenth = { ...context, info: { ...context.info, attempt: 10 }, cancellationSignal: context.cancellationSignal };
  for (const [error, nonRetryable] of [
    [new TypeError('x is not a function'), true],
    [refused(true), false],
  ] as const) {
    const failure = toTemporal(error, tenth);
    assert.ok(failure instanceof ApplicationFailure);
    assert.equal(failure.nonRetryable, nonRetryable);
  }
});

test('a cancelled step ends as cancelled, whatever its libraries made of the abort', () => {
  const abort = new AbortController();
  abort.abort(new CancelledFailure('CANCELLED'));
  const { context } = contextOf(abort);
  for (const error of [new Error('The operation was aborted'), refused(false), new CancelledFailure('x')])
    assert.ok(toTemporal(error, context) instanceof CancelledFailure);
});

test('what Temporal says itself passes through', () => {
  const own = ApplicationFailure.nonRetryable('own', 'Own');
  assert.equal(toTemporal(own, contextOf().context), own);
});

test('a step that is silent stays alive, and its own heartbeat’s details are kept', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { context, beats } = contextOf(new AbortController(), 5000);
  const { inbound } = carryVerdict(context);
  const done = await inbound.execute('input', async (input) => {
    t.mock.timers.tick(1000);
    context.heartbeat({ page: 2 });
    t.mock.timers.tick(2000);
    return `${input} done`;
  });
  t.mock.timers.tick(5000);
  assert.equal(done, 'input done');
  assert.deepEqual(beats, ['before', { page: 2 }, { page: 2 }, { page: 2 }]);
});

test('a step without a heartbeat’s timeout sends none', async () => {
  const { context, beats } = contextOf();
  await carryVerdict(context).inbound.execute('input', async () => 'done');
  assert.deepEqual(beats, []);
});
