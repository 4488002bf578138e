import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { alone } from '../../client/demo/alone.ts';
import { statePaths } from '../../client/sandbox/state-paths.ts';
import { until } from '../support/until.ts';
import { folder } from './command.ts';

const never = new AbortController().signal;

test('a second npm start in a folder waits for the first, says for whom, and then has its turn', async (t) => {
  const paths = statePaths(folder(t));
  const said: string[] = [];
  const order: string[] = [];
  let finish = () => {};
  const first = alone(paths, assert.fail, never, async () => {
    order.push('first begins');
    await new Promise<void>((resolve) => (finish = resolve));
    order.push('first ends');
    return 1;
  });
  await until('the first is at work', () => order.length > 0);
  const say = (text: string) => void said.push(text);
  const second = alone(paths, say, never, async () => order.push('second'));
  const elsewhere = await alone(statePaths(folder(t)), assert.fail, never, async () => 'at once');
  await until('the second waits', () => said.length > 0);
  assert.equal(elsewhere, 'at once');
  assert.deepEqual(said, [
    `Another npm start or run --local is at work in ${paths.folder} (process ${process.pid}); waiting for it to end.`,
  ]);
  finish();
  assert.equal(await first, 1);
  await second;
  assert.deepEqual(order, ['first begins', 'first ends', 'second']);
  assert.equal(existsSync(paths.lock), false);
});

test('who is interrupted while it waits does nothing; a failure gives the turn back', async (t) => {
  const paths = statePaths(folder(t));
  const interrupt = new AbortController();
  await alone(paths, assert.fail, never, async () => {
    const waiting = alone(paths, () => interrupt.abort(), interrupt.signal, assert.fail);
    assert.equal(await waiting, undefined);
  });
  await assert.rejects(
    alone(paths, assert.fail, never, () => Promise.reject(new Error('fails'))),
    /fails/,
  );
  assert.equal(await alone(paths, assert.fail, never, async () => 'again'), 'again');
});
