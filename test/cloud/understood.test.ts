import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaseVirtualMachine } from '../../activities/cloud/lease-virtual-machine.ts';
import { requestRegistration } from '../../activities/cloud/request-registration.ts';
import type { Workflows } from '../../activities/cloud/temporal.ts';

/** What another release of the workers might send. */
const strange = { holder: { workflowId: 'w' }, machine: { name: 'vm' }, evidence: { plan: { model: { name: 'm' } } } };

test('a request that would be dropped is refused, instead of being waited for', async () => {
  const asked: string[] = [];
  const workflows = { signalWithStart: (type: string) => Promise.resolve(asked.push(type)) } as unknown as Workflows;
  const refused = { type: 'RequestNotUnderstood', retryable: false, message: /holder\.job/ };
  await assert.rejects(() => leaseVirtualMachine(workflows, strange as never), refused);
  await assert.rejects(() => requestRegistration(workflows, strange as never), refused);
  assert.deepEqual(asked, []);
});
