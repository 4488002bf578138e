import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { invalidInput, redact, ServiceError, toServiceError } from '../../services/errors.ts';
import { armError } from '../../services/stack-hub/request.ts';

const errno = (code: string) => Object.assign(new Error(`connect ${code}`), { code });
const rest = (statusCode: number, code?: string, message = 'said the service') =>
  Object.assign(new Error(message), { statusCode, ...(code ? { code } : {}) });

describe('the table of verdicts', () => {
  const cases: [string, unknown, Partial<ServiceError>][] = [
    ['a closed port', errno('ECONNREFUSED'), { class: 'network', type: 'Unreachable', retryable: true }],
    [
      'a fetch that hides its errno',
      Object.assign(new TypeError('fetch failed'), { cause: errno('ENOTFOUND') }),
      { class: 'network', type: 'Unreachable' },
    ],
    [
      'a certificate of an unknown authority',
      errno('SELF_SIGNED_CERT_IN_CHAIN'),
      { type: 'CertificateNotTrusted', retryable: false },
    ],
    ['a full disk', errno('ENOSPC'), { class: 'host', type: 'DiskFull', retryable: false }],
    ['429', rest(429), { type: 'Throttled', retryable: true }],
    ['500 without a code', rest(500), { type: 'ServiceUnavailable', retryable: true }],
    ['401', rest(401, 'InvalidAuthenticationToken'), { class: 'policy', type: 'CredentialRefused', retryable: false }],
    ['403', rest(403, 'AuthorizationFailed'), { class: 'policy', type: 'Denied', retryable: false }],
    ['a wrong client secret', rest(400, 'invalid_client'), { type: 'CredentialRefused' }],
    ['404', rest(404, 'ResourceNotFound'), { type: 'NotFound', retryable: false }],
    ['409 of a name', rest(409, 'ConflictingUserInput'), { type: 'NameTaken', retryable: false }],
    ['409 of two writers', rest(409, 'AnotherOperationInProgress'), { type: 'Busy', retryable: true }],
    ['412', rest(412, 'ConditionNotMet'), { class: 'data', type: 'Changed', retryable: false }],
    [
      'a size that is not offered',
      rest(409, 'SkuNotAvailable'),
      { class: 'quota', type: 'SkuNotAvailable', retryable: false },
    ],
    ['no room', rest(409, 'AllocationFailed'), { class: 'quota', type: 'NoCapacity', retryable: true }],
    [
      'a SAS that has run out',
      rest(403, 'AuthenticationFailed', 'Signature not valid in the specified time frame'),
      { type: 'GrantExpired', retryable: false },
    ],
    ['something that no one foresaw', new Error('odd'), { class: 'internal', type: 'Unexpected', retryable: true }],
    ['no error at all', 'odd', { class: 'internal', type: 'Unexpected' }],
  ];
  for (const [name, error, expected] of cases) {
    it(name, () => {
      const { class: failureClass, type, retryable, nextStep, message } = toServiceError(error, 'reading it');
      for (const [key, value] of Object.entries(expected))
        assert.equal({ class: failureClass, type, retryable }[key], value);
      assert.match(message, /^reading it: /);
      assert.ok(nextStep.length > 10);
    });
  }

  it('leaves a verdict that is there, and never hands on what the SDK threw', () => {
    const known = invalidInput([{ path: 'a', rule: 'is wrong' }]);
    assert.equal(toServiceError(known, 'x'), known);
    assert.equal(toServiceError(rest(500), 'x').cause, undefined);
    assert.deepEqual(known.toFailure(), {
      class: 'input',
      type: 'InvalidInput',
      cause: 'a: is wrong',
      nextStep: known.nextStep,
    });
  });

  it('takes Retry-After in seconds or as a date, and never waits a year', () => {
    const withHeader = (value: string) =>
      toServiceError(Object.assign(rest(429), { response: { headers: new Headers({ 'retry-after': value }) } }), 'x')
        .retryAfterMs;
    assert.equal(withHeader('7'), 7000);
    assert.equal(withHeader('31536000'), 600_000);
    assert.equal(withHeader('soon'), undefined);
    assert.ok((withHeader(new Date(Date.now() + 60_000).toUTCString()) ?? 0) > 50_000);
  });

  it('says what became of a file, and not its path: a patient’s name can be in it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'edge-train-of-patient-'));
    const failures = [
      () => readFile(join(folder, 'absent')),
      () => mkdir(join(folder, 'x'.repeat(300))),
      () => rename(join(folder, 'absent'), join(folder, 'other')),
    ];
    for (const failure of failures) {
      const error: unknown = await failure().catch((thrown: unknown) => thrown);
      assert.match((error as Error).message, /of-patient/);
      const { message } = toServiceError(error, 'keeping a file');
      assert.match(message, /^keeping a file: E[A-Z]+: E[A-Z]+: [a-z ]+, [a-z]+$/);
    }
    await rmdir(folder);
  });

  it('shows the first line of a service’s words, and not a megabyte', () => {
    const { message } = toServiceError(rest(500, undefined, `${'x'.repeat(100_000)}\nRequestId:1`), 'x');
    assert.ok(message.length < 600);
    assert.doesNotMatch(message, /RequestId/);
  });
});

describe('an ARM answer', () => {
  const headers = { get: () => undefined };
  const nested = {
    error: {
      code: 'DeploymentFailed',
      message: 'see details',
      details: [
        { code: 'Conflict', message: 'x', details: [{ code: 'SkuNotAvailable', message: 'no such size here' }] },
      ],
    },
  };

  it('is judged by its innermost code', () => {
    const error = armError({ status: 200, headers, body: nested }, 'creating it');
    assert.equal(error.type, 'SkuNotAvailable');
    assert.match(error.message, /no such size here/);
  });

  it('is quota only where it speaks of quota', () => {
    const of = (message: string) =>
      armError({ status: 409, headers, body: { error: { code: 'OperationNotAllowed', message } } }, 'x');
    assert.equal(of('exceeding approved Total Regional vCPUs quota').type, 'QuotaExceeded');
    assert.equal(of('Cannot modify extensions in the VM when the VM is not running.').type, 'Busy');
  });
});

describe('redaction', () => {
  const hidden = 'c2VjcmV0c2VjcmV0';
  for (const text of [
    `https://a.blob.x/c/b?sv=2019-07-07&sig=${hidden}&se=1`,
    `client_secret=${hidden}&x=1`,
    `{"password":"${hidden}"}`,
    `authorization: Bearer ${hidden}`,
    `SharedKey account:${hidden}`,
    `-----BEGIN EC PRIVATE KEY-----\n${hidden}\n-----END EC PRIVATE KEY-----`,
    `http://user:${hidden}@host/`,
    `AccountKey=${hidden};EndpointSuffix=x`,
  ]) {
    it(text.slice(0, 30), () => assert.doesNotMatch(redact(text), new RegExp(hidden)));
  }

  it('holds in every ServiceError', () => {
    const { message } = toServiceError(new Error(`GET https://a/b?sig=${hidden} failed`), 'x');
    assert.doesNotMatch(message, new RegExp(hidden));
    assert.match(message, /sig=<redacted>/);
  });
});
