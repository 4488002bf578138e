import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startHarness, status, type Harness } from './support/harness.ts';
import { request } from './support/samples.ts';

let harness: Harness;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

test('the straight way: every step in order, and a whole result', async () => {
  const { world } = harness;
  const run = await harness.train(request('straight'));
  const result = await run.result();
  console.log(world.verbs(), JSON.stringify(result), await status(run));
});
