import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { Failure, errorReply } from '../../sandbox/server/errors.ts';
import { Faults } from '../../sandbox/server/faults.ts';
import { Operations } from '../../sandbox/server/operations.ts';
import { redactBody, redactQuery } from '../../sandbox/server/redaction.ts';
import { Router } from '../../sandbox/server/router.ts';
import { Store } from '../../sandbox/server/store.ts';

describe('Router', () => {
  const router = new Router([
    { method: 'GET', path: '/subscriptions/{subscriptionId}/resourceGroups/{group}' },
    { method: 'GET', path: '/subscriptions/{subscriptionId}/resourceGroups/{group}/resources' },
  ]);

  it('matches literals in any case, keeps the case of parameters, and decodes inside a segment', () => {
    const match = router.match('GET', '/SUBSCRIPTIONS/A/resourcegroups/My%2FGroup/');
    assert.deepEqual(match?.params, { subscriptionId: 'A', group: 'My/Group' });
  });

  it('matches neither another method, nor a longer path, nor an empty segment', () => {
    assert.equal(router.match('PUT', '/subscriptions/a/resourceGroups/b'), undefined);
    assert.equal(router.match('GET', '/subscriptions/a/resourceGroups/b/c/d'), undefined);
    assert.equal(router.match('GET', '/subscriptions//resourceGroups/b'), undefined);
  });
});

describe('Store', () => {
  it('finds after a restart every whole transaction, and nothing of a torn one', (context) => {
    const directory = folder(context);
    const store = new Store(directory);
    store.commit([
      { collection: 'a', key: '1', value: { n: 1 } },
      { collection: 'b', key: '1', value: { n: 2 } },
    ]);
    store.commit([
      { collection: 'a', key: '1' },
      { collection: 'a', key: '2', value: 'kept' },
    ]);
    store.close();
    const whole = readFileSync(join(directory, 'journal.ndjson'));
    appendFileSync(join(directory, 'journal.ndjson'), '[{"collection":"a","key":"3","value":"to');
    const again = new Store(directory);
    assert.deepEqual([again.list('a'), again.list('b'), again.get('a', '3')], [['kept'], [{ n: 2 }], undefined]);
    again.close();
    assert.ok(whole.length > 0);
  });

  it('holds what a map would, whatever is done and wherever it is reopened', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.option(fc.integer(), { nil: undefined }),
      reopen: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const directory = mkdtempSync(join(tmpdir(), 'edge-train-store-'));
        let store = new Store(directory);
        const map = new Map<string, number>();
        for (const { key, value, reopen } of steps) {
          store.commit([{ collection: 'x', key, value }]);
          if (value === undefined) map.delete(key);
          else map.set(key, value);
          if (!reopen) continue;
          store.close();
          store = new Store(directory);
        }
        assert.deepEqual(new Set(store.list('x')), new Set(map.values()));
        for (const [key, value] of map) assert.equal(store.get('x', key), value);
        store.close();
        rmSync(directory, { recursive: true });
      }),
      { numRuns: 30 },
    );
  });
});

describe('Faults', () => {
  const request = { front: 'azure', method: 'PUT', path: '/subscriptions/1/x/virtualMachines/vm' };

  it('fires at its moment, on its front, so often as ordered, after those it skips', async () => {
    const faults = new Faults();
    const { id } = faults.add({
      route: 'PUT /subscriptions/**/virtualmachines/*',
      moment: 'before',
      action: { status: 429, code: 'TooManyRequests' },
      count: 1,
      skip: 1,
      front: 'azure',
    });
    assert.equal(await faults.meet('after', request), 'go on');
    assert.equal(await faults.meet('before', { ...request, front: 'stack-hub' }), 'go on');
    assert.equal(await faults.meet('before', { ...request, path: `${request.path}/extensions/e` }), 'go on');
    assert.equal(await faults.meet('before', request), 'go on');
    assert.deepEqual(await faults.meet('before', request), { status: 429, code: 'TooManyRequests' });
    assert.equal(await faults.meet('before', request), 'go on');
    assert.equal(faults.list().find((each) => each.id === id)?.fired, 1);
  });

  it('counts and skips for each target by itself where that is ordered', async () => {
    const faults = new Faults();
    faults.add({ route: 'PUT /**', moment: 'after', action: 'drop', skip: 1, each: true });
    const [one, other] = ['block', 'blocklist'].map((comp) => ({ ...request, target: `${request.path}?comp=${comp}` }));
    const verdicts = [];
    for (const each of [one, other, one, other, one]) verdicts.push(await faults.meet('after', each!));
    assert.deepEqual(verdicts, ['go on', 'go on', 'drop', 'drop', 'go on']);
    assert.equal(faults.list()[0]?.fired, 2);
    faults.add({ route: 'POST /**', moment: 'after', action: 'drop', each: true });
    const token = (id: string) => ({ ...request, method: 'POST', target: `/token?client-request-id=${id}` });
    assert.equal(await faults.meet('after', token('1')), 'drop');
    assert.equal(await faults.meet('after', token('2')), 'go on');
  });

  it('holds until it is released, or removed', async () => {
    const faults = new Faults();
    const { id } = faults.add({ route: '* /**', moment: 'after', action: 'hold', count: 2 });
    const first = faults.meet('after', request);
    assert.deepEqual(faults.list()[0]?.held, ['PUT /subscriptions/1/x/virtualMachines/vm']);
    faults.release(id);
    assert.equal(await first, 'go on');
    const second = faults.meet('after', request);
    faults.remove(id);
    assert.equal(await second, 'go on');
    assert.deepEqual(faults.list(), []);
  });

  it('says what is wrong with an order', () => {
    const faults = new Faults();
    assert.throws(() => faults.add({ route: 'PUT', moment: 'before', action: 'drop' }), /route must be/);
    assert.throws(() => faults.add({ route: 'PUT /x', moment: 'later' as 'after', action: 'drop' }), /moment must be/);
    assert.throws(
      () => faults.add({ route: 'PUT /x', moment: 'after', action: 'explode' as 'drop' }),
      /action must be/,
    );
    assert.throws(
      () => faults.add({ route: 'PUT /x', moment: 'after', action: 'drop', times: 2 } as never),
      /unknown member times/,
    );
  });
});

describe('Operations', () => {
  const request = { kind: 'make', front: 'stack-hub', target: '/a', method: 'PUT', path: '/a', input: { secret: 's' } };

  it('goes on after a restart with what was accepted, once more from its start, and drops its input at the end', async (context) => {
    const directory = folder(context);
    const first = new Store(directory);
    const never = new Operations(first, new Faults(), 0);
    never.define('make', { run: () => new Promise(() => {}) });
    const { id } = never.accept(request, []);
    assert.equal(never.get(id)?.status, 'InProgress');
    first.close();

    const store = new Store(directory);
    const operations = new Operations(store, new Faults(), 0);
    const inputs: unknown[] = [];
    const ran = new Promise<void>((resolve) => {
      operations.define('make', {
        run: async ({ input }) => {
          inputs.push(input);
          setImmediate(resolve);
          return [{ collection: 'made', key: 'a', value: true }];
        },
      });
    });
    operations.resume();
    await ran;
    assert.deepEqual(inputs, [{ secret: 's' }]);
    assert.deepEqual(
      [operations.get(id)?.status, operations.get(id)?.input, store.get('made', 'a')],
      ['Succeeded', null, true],
    );
    assert.equal(operations.busy('/A'), undefined);
    store.close();
  });

  it('fails with the code of its failure, or of a fault, and commits what a failure leaves', async (context) => {
    const store = new Store(folder(context));
    const faults = new Faults();
    const operations = new Operations(store, faults, 0);
    const ended: string[] = [];
    const both = new Promise<void>((resolve) => {
      operations.define('make', {
        run: async () => {
          throw new Failure(409, 'AllocationFailed', 'none left');
        },
        fail: (_, failure) => {
          ended.push(failure.code);
          if (ended.length === 2) setImmediate(resolve);
          return [{ collection: 'left', key: 'a', value: failure.code }];
        },
      });
    });
    faults.add({ route: 'PUT /b', moment: 'operation', action: { status: 409, code: 'SkuNotAvailable' } });
    const [one, two] = [operations.accept(request, []), operations.accept({ ...request, path: '/b' }, [])];
    await both;
    assert.deepEqual(
      [operations.get(one.id)?.error?.code, operations.get(two.id)?.error?.code],
      ['AllocationFailed', 'SkuNotAvailable'],
    );
    assert.deepEqual(ended.toSorted(), ['AllocationFailed', 'SkuNotAvailable']);
    store.close();
  });
});

describe('errors', () => {
  const failure = new Failure(404, 'Gone<', 'not "here" & <there>', {
    details: [{ code: 'HeaderName', message: 'x<y' }],
  });

  it('have each service’s own body', () => {
    const body = (dialect: Parameters<typeof errorReply>[1]): unknown =>
      JSON.parse(errorReply(failure, dialect, 'id').body);
    assert.deepEqual((body('arm') as { error: { code: string } }).error.code, 'Gone<');
    assert.deepEqual(body('mlflow'), { error_code: 'Gone<', message: failure.message });
    assert.deepEqual((body('registry') as { errors: { code: string }[] }).errors[0]?.code, 'Gone<');
    assert.equal((body('token') as { error_description: string }).error_description, failure.message);
  });

  it('escape what goes into XML', () => {
    const { body, headers } = errorReply(
      new Failure(400, 'InvalidHeaderValue', failure.message, { details: failure.details }),
      'blob',
      'id',
    );
    assert.equal(headers['x-ms-error-code'], 'InvalidHeaderValue');
    assert.ok(body.includes('&#38; &#60;there&#62;') && body.includes('<HeaderName>x&#60;y</HeaderName>'));
  });
});

describe('the audit', () => {
  it('leaves out the protocol’s own secret fields, and nothing else', () => {
    const body = { properties: { administratorAccount: { username: 'u', password: 'p4ss' } }, note: 'p4ss elsewhere' };
    const kept = redactBody(JSON.stringify(body), 'application/json');
    assert.deepEqual(JSON.parse(kept), {
      ...body,
      properties: { administratorAccount: { username: 'u', password: 'REDACTED' } },
    });
    assert.equal(
      redactBody('a=1&client_secret=x&b=2', 'application/x-www-form-urlencoded'),
      'a=1&client_secret=REDACTED&b=2',
    );
    assert.equal(redactQuery('/c/b?sv=2019-07-07&sig=abc%3D'), '/c/b?sv=2019-07-07&sig=REDACTED');
    assert.equal(redactBody('password: leaked', 'text/plain'), 'password: leaked');
  });
});

function folder(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'edge-train-core-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
