import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { send } from './fixture.ts';
import { assertRefused, hub, location, sandbox, startHub, stopHub } from './hub-client.ts';

before(startHub);
after(stopHub);

describe('faults at a front', () => {
  const path = '/resourcegroups/fault?api-version=2019-10-01';

  it('before: nothing is done; after: all is done and the answer lost', async () => {
    await sandbox.fault({ route: 'PUT /**/resourcegroups/fault', moment: 'before', action: 'drop' });
    await assert.rejects(hub('PUT', path, { location }));
    assert.equal((await hub('GET', path)).status, 404);
    await sandbox.fault({ route: 'PUT /**/resourcegroups/fault', moment: 'after', action: 'drop' });
    await assert.rejects(hub('PUT', path, { location }));
    assert.equal((await hub('GET', path)).status, 200);
  });

  it('during: half a body is no request, half an answer no answer', async () => {
    await sandbox.fault({
      route: 'PUT /**/resourcegroups/half',
      moment: 'during',
      action: { status: 500, code: 'Broken' },
    });
    assertRefused(await hub('PUT', '/resourcegroups/half?api-version=2019-10-01', { location }), 500, 'Broken');
    assert.equal((await hub('GET', '/resourcegroups/half?api-version=2019-10-01')).status, 404);
    await sandbox.fault({ route: 'GET /**/resourcegroups/strict', moment: 'during', action: 'drop' });
    await assert.rejects(hub('GET', '/resourcegroups/strict?api-version=2019-10-01'));
  });

  it('429 with and without Retry-After, and a hold that shows what stands still', async () => {
    const action = { status: 429, code: 'TooManyRequests' };
    await sandbox.fault({
      route: 'GET /**/resourcegroups',
      moment: 'before',
      action: { ...action, headers: { 'retry-after': '7' } },
    });
    const first = await hub('GET', '/resourcegroups?api-version=2019-10-01');
    assert.deepEqual([first.status, first.headers['retry-after']], [429, '7']);
    await sandbox.fault({ route: 'GET /**/resourcegroups', moment: 'before', action });
    assert.equal((await hub('GET', '/resourcegroups?api-version=2019-10-01')).headers['retry-after'], undefined);
    const id = await sandbox.fault({ route: 'GET /**/resourcegroups', moment: 'after', action: 'hold' });
    const pending = hub('GET', '/resourcegroups?api-version=2019-10-01');
    const held = async () =>
      (await sandbox.admin<{ id: string; held: string[] }[]>('GET', '/faults')).find((each) => each.id === id)!.held;
    while ((await held()).length === 0);
    await sandbox.admin('POST', `/faults/${id}/release`);
    assert.equal((await pending).status, 200);
    await sandbox.admin('DELETE', '/faults');
  });

  it('a body that nobody read, since the request was refused, is on record', async () => {
    const leak = JSON.stringify({ leak: 'x'.repeat(100_000) });
    const answer = await send(sandbox.ca, 'PUT', `${sandbox.azure}/leak`, { body: leak });
    assert.equal(answer.status, 401);
    const [entry] = (await sandbox.admin<{ path: string; body?: string }[]>('GET', '/requests')).slice(-1);
    assert.deepEqual([entry?.path, entry?.body], ['/leak', leak]);
  });

  it('every request is on record when its answer is there', async () => {
    const before = (await sandbox.admin<{ sequence: number }[]>('GET', '/requests')).at(-1)!.sequence;
    for (let n = 0; n < 5; n++) await hub('GET', '/resourcegroups?api-version=2019-10-01');
    assert.equal((await sandbox.admin<unknown[]>('GET', `/requests?since=${before}`)).length, 5);
  });
});
