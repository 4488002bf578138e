import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { listSizes, machineAddress, readPowerState, readQuota } from '../../services/stack-hub/compute.ts';
import { ensureGroup } from '../../services/stack-hub/group.ts';
import type { Operation, Progress } from '../../services/stack-hub/long-running.ts';
import {
  networkAddresses,
  networkInterfaceBody,
  securityGroupBody,
  virtualNetworkBody,
} from '../../services/stack-hub/network.ts';
import { sendArm } from '../../services/stack-hub/request.ts';
import {
  deleteResource,
  ensureResource,
  getResource,
  putResource,
  resourceId,
} from '../../services/stack-hub/resource.ts';
import { openStackHub, type StackHub, type StackHubOptions } from '../../services/stack-hub/session.ts';
import { readStorageKey } from '../../services/stack-hub/storage-key.ts';
import { machineBody } from '../../services/stack-hub/virtual-machine.ts';
import { startFixture, type Fixture } from '../sandbox/fixture.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { until } from '../support/until.ts';

let fixture: Fixture;
let options: StackHubOptions;
let hub: StackHub;
const heartbeats: (Operation | undefined)[] = [];
const progress: Progress = { heartbeat: (state) => void heartbeats.push(state) };
const group = (name: string) => networkAddresses(name).securityGroup;

before(async () => {
  fixture = await startFixture(machinesDouble());
  const { subscription, clientId, clientSecret } = fixture.config.stackHub;
  options = {
    endpoint: fixture.stackHub,
    tenant: 'adfs',
    subscription,
    location: 'local',
    resourceGroup: 'edge',
    clientId,
    clientSecret,
    ca: fixture.ca,
  };
  hub = await openStackHub(options);
  await ensureGroup(hub);
});
after(() => fixture[Symbol.asyncDispose]());
beforeEach(() => fixture.admin('DELETE', '/faults'));

const make = (name: string, using = progress) =>
  ensureResource(hub, group(name), () => securityGroupBody(hub, name), using);
const puts = async (path: string, since = 0) => {
  const all = await fixture.admin<{ method: string; path: string }[]>(
    'GET',
    `/requests?since=${since}&front=stack-hub`,
  );
  return all.filter((each) => each.method === 'PUT' && each.path.split('?')[0]!.endsWith(path)).length;
};

describe('signing in', () => {
  it('finds the token service by the endpoint alone', async () => {
    assert.ok((await listSizes(hub)).some(({ name, memoryMiB }) => name === 'Standard_DS1_v2' && memoryMiB === 3584));
    assert.deepEqual(await readQuota(hub), { cores: 8, virtualMachines: 20 });
    assert.equal(await readStorageKey(hub, 'operator', 'sitedata'), fixture.config.accounts.site.key);
  });

  it('says which credential was refused, and not what it was', async () => {
    const refused = await openStackHub({ ...options, clientSecret: 'hunter2-hunter2' });
    await assert.rejects(ensureGroup(refused), (error: Error & { type: string; retryable: boolean }) => {
      assert.deepEqual([error.type, error.retryable], ['CredentialRefused', false]);
      assert.match(error.message, new RegExp(`signing in as ${options.clientId}`));
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });

  it('is refused where another service answers, or a certificate is not trusted', async () => {
    await assert.rejects(openStackHub({ ...options, endpoint: fixture.azure }), {
      type: 'NotStackHub',
      retryable: false,
    });
    await assert.rejects(openStackHub({ ...options, ca: undefined }), { type: 'CertificateNotTrusted' });
    await assert.rejects(openStackHub({ ...options, endpoint: 'https://127.0.0.1:9' }), {
      type: 'Unreachable',
      retryable: true,
    });
  });
});

describe('a resource', () => {
  it('is made once, and found the second time', async () => {
    const made = await make('once');
    assert.equal(made.properties.provisioningState, 'Succeeded');
    assert.equal((await make('once')).id, made.id);
    assert.equal(await puts('once-nsg'), 1);
  });

  it('whose answer was lost after the commit is found by the next attempt', async () => {
    await fixture.fault({ route: 'PUT /**/lost-nsg', moment: 'after', action: 'drop' });
    await assert.rejects(make('lost'), { type: 'Unreachable', retryable: true });
    await make('lost');
    assert.equal(await puts('lost-nsg'), 1);
  });

  it('whose PUT never arrived is put by the next attempt', async () => {
    await fixture.fault({ route: 'PUT /**/never-nsg', moment: 'before', action: 'drop' });
    await assert.rejects(make('never'), { retryable: true });
    assert.equal((await make('never')).properties.provisioningState, 'Succeeded');
  });

  it(
    'is followed through trouble in mid-poll, and resumed from a heartbeat without a second PUT',
    { timeout: 90_000 },
    async () => {
      heartbeats.length = 0;
      const hold = await fixture.fault({ route: 'PUT /**/slow-nsg', moment: 'operation', action: 'hold' });
      const cancelled = new AbortController();
      const first = make('slow', { ...progress, signal: cancelled.signal });
      const target = resourceId(hub, group('slow'));
      const polled = () => heartbeats.find((each) => each?.target === target && each.poll);
      await until(
        'the operation stands still, and is polled',
        async () =>
          polled() !== undefined && (await fixture.admin<{ held: string[] }[]>('GET', '/faults'))[0]!.held.length > 0,
      );
      const state = polled();
      assert.ok(state?.poll);
      assert.doesNotMatch(JSON.stringify(state), /secret|Bearer|eyJ/);
      cancelled.abort(new Error('the worker was killed'));
      await assert.rejects(first, /the worker was killed/);

      await fixture.fault({
        route: 'GET /**/operations/*',
        moment: 'before',
        action: { status: 503, code: 'ServerBusy' },
        count: 2,
      });
      const second = make('slow', { ...progress, resumed: JSON.parse(JSON.stringify(state)) as unknown });
      await fixture.admin('POST', `/faults/${hold}/release`);
      assert.equal((await second).properties.provisioningState, 'Succeeded');
      assert.equal(await puts('slow-nsg'), 1);
    },
  );

  it('that failed inside its operation says Azure’s own code, and is put again by the next attempt', async () => {
    await fixture.fault({
      route: 'PUT /**/failing-nsg',
      moment: 'operation',
      action: { status: 409, code: 'AllocationFailed', message: 'no room at all' },
    });
    await assert.rejects(make('failing'), {
      class: 'quota',
      type: 'NoCapacity',
      retryable: true,
      message: /creating Microsoft\.Network.*no room at all/,
    });
    assert.equal((await make('failing')).properties.provisioningState, 'Succeeded');
  });

  it('of someone else’s is neither taken nor deleted', async () => {
    const address = group('foreign');
    await putResource(hub, address, { location: 'local', properties: { securityRules: [] } }, progress);
    await assert.rejects(make('foreign'), { class: 'policy', type: 'NotOurs', retryable: false });
    await assert.rejects(deleteResource(hub, address, progress), { type: 'NotOurs' });
    assert.ok(await getResource(hub, address));
  });

  it('is deleted once, and absent is fine; a lost answer too', async () => {
    await make('doomed');
    await fixture.fault({ route: 'DELETE /**/doomed-nsg', moment: 'after', action: 'drop' });
    await assert.rejects(deleteResource(hub, group('doomed'), progress), { retryable: true });
    await deleteResource(hub, group('doomed'), progress);
    await deleteResource(hub, group('doomed'), progress);
    assert.equal(await getResource(hub, group('doomed')), undefined);
  });

  it('is not asked for again and again when the service asks for fewer calls', async () => {
    await fixture.fault({
      route: 'GET /**/calm-nsg',
      moment: 'before',
      action: { status: 429, code: 'TooManyRequests', headers: { 'retry-after': '17' } },
      count: 5,
    });
    await assert.rejects(make('calm'), { type: 'Throttled', retryable: true, retryAfterMs: 17_000 });
    const faults = await fixture.admin<{ fired: number }[]>('GET', '/faults');
    assert.equal(faults[0]?.fired, 1);
  });
});

describe('a VM', () => {
  const request = { name: 'one', size: 'Standard_DS1_v2', image: 'debian:12:minimal:latest', request: 'r' };
  before(async () => {
    await make('one');
    const { virtualNetwork, networkInterface } = networkAddresses('one');
    await ensureResource(hub, virtualNetwork, () => virtualNetworkBody(hub, 'one', '10.20.0.0/16'), progress);
    await ensureResource(hub, networkInterface, () => networkInterfaceBody(hub, 'one', false), progress);
  });
  const makeMachine = (change = {}) =>
    ensureResource(
      hub,
      machineAddress('one'),
      (existing) => machineBody(hub, { ...request, ...change }, existing),
      progress,
    );

  it('of a size or image that is not there is refused with Azure’s code', async () => {
    await assert.rejects(makeMachine({ image: 'no:such:image:latest' }), {
      class: 'host',
      type: 'ImageNotFound',
      retryable: false,
    });
    await assert.rejects(makeMachine({ size: 'Standard_XX_v9' }), { retryable: false, message: /Standard_XX_v9/ });
    await fixture.fault({
      route: 'PUT /**/virtualMachines/one',
      moment: 'before',
      action: { status: 409, code: 'SkuNotAvailable', message: 'not in this location' },
    });
    await assert.rejects(makeMachine(), { class: 'quota', type: 'SkuNotAvailable', retryable: false });
    assert.equal(await readPowerState(hub, 'one'), 'absent');
  });

  it('that failed while it booted is put again with the key that it has', async () => {
    await fixture.fault({
      route: 'PUT /**/virtualMachines/one',
      moment: 'operation',
      action: { status: 500, code: 'InternalServerError', message: 'host died' },
    });
    await assert.rejects(makeMachine(), { type: 'ServiceUnavailable', retryable: true, message: /host died/ });
    assert.equal((await makeMachine()).properties.provisioningState, 'Succeeded');
  });
});

describe('a token', () => {
  it('goes to the Stack Hub alone', async () => {
    await assert.rejects(sendArm(hub, { method: 'GET', path: 'https://elsewhere.example/operations/1' }, 'polling'), {
      type: 'ForeignAddress',
      retryable: false,
    });
  });

  it('is not sent after a redirect to another host', async () => {
    await fixture.fault({
      route: 'GET /**/redirected-nsg',
      moment: 'before',
      action: { status: 307, code: 'Moved', headers: { location: 'https://127.0.0.1:9/stolen' } },
    });
    await assert.rejects(getResource(hub, group('redirected')), { type: 'RequestRefused' });
  });
});
