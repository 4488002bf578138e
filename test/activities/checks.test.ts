import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needs, once, runChecks } from '../../activities/checks.ts';
import { ServiceError } from '../../services/errors.ts';
import { versionText } from '../../activities/version-check.ts';
import { VERSION } from '../../domain/version.ts';

test('one check’s fault is its own; what needs it is not made, and everything else is', async () => {
  let signIns = 0;
  const signIn = once(async () => {
    signIns++;
    throw Object.assign(new Error('secret sig=abcdef refused'), { statusCode: 401 });
  });
  const checks = await runChecks('site', [
    { name: 'sign-in', look: async () => (await signIn(), 'signed in') },
    { name: 'sizes', look: async () => (await needs('the sign-in', signIn()), 'all there') },
    { name: 'policy', look: async () => ({ detail: 'pickle: allow', advice: 'Think again.' }) },
  ]);
  assert.deepEqual(
    checks.map(({ name, state }) => [name, state]),
    [
      ['sign-in', 'fault'],
      ['sizes', 'unknown'],
      ['policy', 'ok'],
    ],
  );
  assert.equal(checks[0]?.detail, 'sign-in: 401: secret sig=<redacted> refused');
  assert.match(checks[0]?.fix ?? '', /Correct the credential/);
  assert.equal(checks[1]?.detail, 'not checked: it needs the sign-in');
  assert.equal(checks[2]?.fix, 'Think again.');
  assert.equal(signIns, 1);
});

test('who never answers is a fault in time, told by the check that asked and not by those that need it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const never = once(() => new Promise<string>(() => undefined));
  const running = runChecks('site', [
    { name: 'hub', look: () => never() },
    { name: 'sizes', look: async () => needs('the hub', never()) },
    { name: 'quick', look: async () => 'done' },
  ]);
  for (let second = 0; second < 25; second++) {
    t.mock.timers.tick(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    (await running).map(({ name, state }) => [name, state]),
    [
      ['hub', 'fault'],
      ['sizes', 'unknown'],
      ['quick', 'ok'],
    ],
  );
});

test('a worker of another version than who asks says so', () => {
  assert.match(versionText({ site: 'demo', version: VERSION }), /^edge-train .*Node .*Temporal SDK \d/);
  assert.throws(
    () => versionText({ site: 'demo', version: '9.9.9' }),
    (error) => error instanceof ServiceError && error.type === 'VersionsDiffer',
  );
});
