import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  assertRefused,
  compute,
  done,
  hub,
  machines,
  network,
  nicBody,
  sandbox,
  settled,
  startHub,
  stopHub,
  vmBody,
} from './hub-client.ts';

before(startHub);
after(stopHub);

describe('a virtual machine', () => {
  const path = `${compute}/virtualMachines/vm1?api-version=2020-06-01`;
  const cases: [string, unknown, number, string][] = [
    ['a size that is not offered', vmBody({ vmSize: 'Standard_DS2_v2' }), 409, 'SkuNotAvailable'],
    ['a size that does not exist', vmBody({ vmSize: 'Huge' }), 400, 'InvalidParameter'],
    ['an image that does not exist', vmBody({ sku: 'maximal' }), 404, 'PlatformImageNotFound'],
    ['a user that is not allowed', vmBody({ adminUsername: 'root' }), 400, 'InvalidParameter'],
    ['a weak password', vmBody({ adminPassword: 'weak' }), 400, 'InvalidParameter'],
    ['a missing password', vmBody({ adminPassword: undefined }), 400, 'InvalidParameter'],
    ['a network interface that does not exist', vmBody({ nic: 'none' }), 400, 'InvalidResourceReference'],
    ['a member of a later version', vmBody({ zones: ['1'] }), 400, 'BadRequest'],
  ];
  for (const [what, body, status, code] of cases) {
    it(`is refused with ${what}: ${status} ${code}`, async () =>
      assertRefused(await hub('PUT', path, body), status, code));
  }
  it('is refused with a name of 65 characters', async () => {
    assertRefused(
      await hub('PUT', `${compute}/virtualMachines/${'v'.repeat(65)}?api-version=2020-06-01`, vmBody()),
      400,
      'InvalidParameter',
    );
  });

  it('is made once, conflicts with a second writer, keeps its secret, and counts in the quota', async () => {
    const id = await sandbox.fault({ route: 'PUT /**/virtualMachines/vm1', moment: 'operation', action: 'hold' });
    const first = await hub('PUT', path, vmBody());
    assert.equal(first.status, 201);
    assertRefused(await hub('PUT', path, vmBody()), 409, 'Conflict');
    // The operation comes to its gate in its own time; a release before that would hold it for ever.
    const held = async () =>
      (await sandbox.admin<{ id: string; held: string[] }[]>('GET', '/faults')).find((each) => each.id === id)?.held;
    while ((await held())?.length === 0);
    await sandbox.admin('POST', `/faults/${id}/release`);
    await settled(first);
    const { body } = await hub('GET', path);
    assert.ok(!JSON.stringify(body).includes('Long-enough-1'));
    assert.equal([...machines.specs.values()].at(-1)?.adminPassword, 'Long-enough-1');
    const same = await hub('PUT', path, vmBody());
    assert.equal(same.status, 200);
    await settled(same);
    assertRefused(await hub('PUT', path, vmBody({ adminUsername: 'other' })), 409, 'PropertyChangeNotAllowed');

    await done('PUT', `${network}/networkInterfaces/nic2?api-version=2018-11-01`, nicBody());
    const big = `${compute}/virtualMachines/big?api-version=2020-06-01`;
    assertRefused(
      await hub('PUT', big, vmBody({ nic: 'nic2', vmSize: 'Standard_DS4_v2' })),
      409,
      'OperationNotAllowed',
    );
    const { body: usages } = await hub(
      'GET',
      '/providers/Microsoft.Compute/locations/local/usages?api-version=2020-06-01',
    );
    const cores = (usages as { value: { name: { value: string }; currentValue: number; limit: number }[] }).value.find(
      ({ name }) => name.value === 'cores',
    );
    assert.deepEqual([cores?.currentValue, cores?.limit], [1, 8]);
    assertRefused(await hub('DELETE', `${compute}/disks/os?api-version=2019-07-01`), 409, 'OperationNotAllowed');
  });
});
