import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LeaseRequest } from '../../domain/virtual-machine.ts';
import { LeaseDesk } from '../../workflows/lease-desk.ts';
import { plan } from './support/samples.ts';

function request(n: number, runId = `run-${n}`): LeaseRequest {
  const job = String(n).padStart(20, '0');
  const workflowId = `train-${n}`;
  const machine = plan({ job, workflowId, machine: 'vm', model: 'm', after: 'keep', approval: false }).virtualMachine;
  return { holder: { workflowId, runId, job }, machine };
}
const back = (n: number, clean = true) => ({ holder: request(n).holder, clean, after: 'deallocate' as const });

test('first come, first served; asking twice is one request', () => {
  const desk = new LeaseDesk();
  for (const n of [1, 2, 1, 3, 2]) desk.ask(request(n));
  assert.deepEqual(
    desk.state.waiting.map(({ holder }) => holder.workflowId),
    ['train-1', 'train-2', 'train-3'],
  );
  assert.equal(desk.arrivals, 3);
});

test('a holder that asks again wants its answer again, under the run id that a reset gave it', () => {
  const desk = new LeaseDesk();
  desk.ask(request(1));
  desk.lease(request(1));
  desk.ask(request(1, 'run-after-reset'));
  assert.equal(desk.next, undefined);
  assert.equal(desk.takeAskedAgain(), true);
  assert.equal(desk.takeAskedAgain(), false);
  assert.equal(desk.held?.holder.runId, 'run-after-reset');
  desk.giveBack(back(1));
  assert.equal(desk.held, undefined);
});

test('what is not held is no lease to end, and no word on what becomes of the VM', () => {
  const desk = new LeaseDesk();
  desk.lease(request(1));
  desk.giveBack({ ...back(2), after: 'delete' });
  assert.equal(desk.held?.holder.workflowId, 'train-1');
  assert.equal(desk.then?.after, 'keep');
});

test('a lease that ends unclean leaves a job to clean; a VM that is gone leaves none', () => {
  const desk = new LeaseDesk();
  desk.lease(request(1));
  desk.giveBack(back(1, false));
  assert.deepEqual(desk.uncleaned, [request(1).holder.job]);
  assert.equal(desk.then?.after, 'deallocate');
  desk.atRest(true);
  assert.deepEqual(desk.uncleaned, []);
  assert.equal(desk.isIdle, true);
});

test('whatever happens: one holder at most, nobody both holds and waits, and continue-as-new loses nothing', () => {
  const event = fc.tuple(
    fc.constantFrom('ask', 'back', 'serve', 'lost', 'refuse', 'renew'),
    fc.integer({ min: 1, max: 4 }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      let desk = new LeaseDesk();
      for (const [what, n] of events) {
        const { next } = desk;
        if (what === 'ask') desk.ask(request(n));
        if (what === 'back') desk.giveBack(back(n, n % 2 === 0));
        if (what === 'serve' && next && !desk.held) desk.lease(next);
        if (what === 'lost') desk.lost(request(n).holder);
        if (what === 'refuse' && next) desk.refuse(next);
        if (what === 'renew') {
          const { state } = desk;
          desk = new LeaseDesk(JSON.parse(JSON.stringify(state)));
          assert.deepEqual(desk.state, state);
        }
        const { held, waiting } = desk.state;
        assert.ok(!held || !waiting.some(({ holder }) => holder.job === held.holder.job));
        assert.equal(new Set(waiting.map(({ holder }) => holder.job)).size, waiting.length);
      }
    }),
  );
});
