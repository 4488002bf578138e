import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcome } from '../../activities/edge/job-outcome.ts';
import { ServiceError } from '../../services/errors.ts';
import type { JobStatus, StartResult } from '../../services/systemd.ts';
import { planFor } from './plan.ts';

const plan = planFor('a'.repeat(20), 'true');
const success: StartResult = {
  serviceResult: 'success',
  exitCode: 'exited',
  exitStatus: '0',
  oomKills: 0,
  startedAt: 1,
  endedAt: 2,
  cage: { finished: { exit: 0 } },
};
const ended = (change: Partial<StartResult>, stop: string | null = null): JobStatus => ({
  state: 'ended',
  starts: 1,
  stop,
  result: { ...success, ...change },
});

test('only a zero exit that the helper saw is a success', () => {
  assert.equal(outcome(plan, ended({})).endedAt, 2);
  assert.equal(outcome(plan, ended({ oomKills: null })).endedAt, 2, 'a counter that cannot be read accuses nobody');
  assert.equal(
    outcome(plan, ended({ serviceResult: 'timeout' })).endedAt,
    2,
    'nor does a daemon that had to be killed',
  );
});

test('every other end is a failure with its class, never tried again', () => {
  const cases: [JobStatus, string, string, RegExp][] = [
    [
      ended({ serviceResult: 'exit-code', exitStatus: '3', cage: { finished: { exit: 3 } } }),
      'script',
      'ScriptFailed',
      /exit code 3/,
    ],
    [
      ended({ serviceResult: 'exit-code', exitStatus: '77', cage: { finished: { exit: 77 } } }),
      'script',
      'ScriptFailed',
      /exit code 77/,
    ],
    [
      ended({ serviceResult: 'signal', exitCode: 'killed', exitStatus: 'SEGV', cage: { finished: { signal: 11 } } }),
      'script',
      'ScriptFailed',
      /signal SEGV/,
    ],
    [ended({ cage: {} }), 'script', 'ScriptFailed', /exit code 0/],
    [
      ended({ serviceResult: 'timeout', exitCode: 'killed', exitStatus: 'TERM', cage: {} }),
      'script',
      'TimedOut',
      /120 s/,
    ],
    [
      ended({ serviceResult: 'timeout', exitStatus: '4', cage: { finished: { exit: 4 } } }),
      'script',
      'ScriptFailed',
      /exit code 4/,
    ],
    [ended({ oomKills: 1, memoryPeak: 250 * 2 ** 20 }), 'quota', 'OutOfMemory', /out of memory at 0\.2 of 0\.3 GiB/],
    [
      ended({ exitStatus: '1', tasksRefused: 7, cage: { finished: { exit: 1 } } }),
      'script',
      'TooManyTasks',
      /exit code 1 after it was refused a process or thread 7 times: 1024/,
    ],
    [
      ended({ serviceResult: 'oom-kill', exitCode: 'killed', exitStatus: 'KILL', oomKills: null, cage: {} }),
      'quota',
      'OutOfMemory',
      /./,
    ],
    [
      ended({ serviceResult: 'exit-code', exitStatus: '77', cage: { refused: ['network interfaces: eth0'] } }),
      'host',
      'CageRefused',
      /eth0/,
    ],
    [ended({ exitCode: 'killed', exitStatus: 'TERM', cage: {} }, 'cancelled'), 'input', 'JobStopped', /cancelled/],
    [ended({ exitCode: 'killed', exitStatus: 'TERM', cage: {} }, 'disk-full'), 'host', 'DiskFull', /disk/],
    [{ state: 'ended', starts: 0, stop: 'clean', result: null }, 'input', 'JobStopped', /clean/],
  ];
  for (const [status, failureClass, type, cause] of cases) {
    assert.throws(
      () => outcome(plan, status),
      (error) => {
        assert.ok(error instanceof ServiceError);
        assert.deepEqual([error.class, error.type, error.retryable], [failureClass, type, false]);
        assert.match(error.message, cause);
        assert.notEqual(error.nextStep, '');
        return true;
      },
    );
  }
});
