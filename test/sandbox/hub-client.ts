import assert from 'node:assert/strict';
import { send, startFixture, token, type Answer, type Fixture } from './fixture.ts';
import { machinesDouble } from './machines-double.ts';

/** Raw calls to a Stack Hub with a group `strict`, its network and one interface. */
export const machines = machinesDouble();
export let sandbox: Fixture;
export let bearer: string;
export let base: string;
export const location = 'local';
export const network = '/resourceGroups/strict/providers/Microsoft.Network';
export const compute = '/resourceGroups/strict/providers/Microsoft.Compute';

export async function startHub(): Promise<void> {
  sandbox = await startFixture(machines, (config) => ({
    ...config,
    stackHub: { ...config.stackHub, vmSizes: ['Standard_DS1_v2', 'Standard_DS4_v2'] },
  }));
  bearer = await token(sandbox, 'stackHub');
  base = `${sandbox.stackHub}/subscriptions/${sandbox.config.stackHub.subscription}`;
  await done('PUT', '/resourcegroups/strict?api-version=2019-10-01', { location });
  await done('PUT', `${network}/virtualNetworks/vnet?api-version=2018-11-01`, {
    location,
    properties: {
      addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
      subnets: [{ name: 'default', properties: { addressPrefix: '10.0.0.0/24' } }],
    },
  });
  await done('PUT', `${network}/networkInterfaces/nic?api-version=2018-11-01`, nicBody());
}

export async function stopHub(): Promise<void> {
  await sandbox[Symbol.asyncDispose]();
}

export function hub(method: string, path: string, body?: unknown): Promise<Answer> {
  return send(sandbox.ca, method, base + path, { headers: { authorization: `Bearer ${bearer}` }, body });
}

export async function done(method: string, path: string, body: unknown): Promise<void> {
  const answer = await hub(method, path, body);
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  await settled(answer);
}

/** Polls the operation to its end; its deadline is the test's own. */
export async function settled({ headers }: Answer): Promise<void> {
  const url = headers['azure-asyncoperation'];
  if (typeof url !== 'string') return;
  for (let state = 'InProgress'; state === 'InProgress';) {
    const { body } = await send(sandbox.ca, 'GET', url, { headers: { authorization: `Bearer ${bearer}` } });
    state = (body as { status: string }).status;
    assert.notEqual(state, 'Failed', JSON.stringify(body));
  }
}

export function assertRefused({ status, body }: Answer, expected: number, code: string): void {
  assert.deepEqual(
    [status, (body as { error?: { code?: string } }).error?.code],
    [expected, code],
    JSON.stringify(body),
  );
}

export function nicBody(): unknown {
  const subnet = { id: `${new URL(base).pathname}${network}/virtualNetworks/vnet/subnets/default` };
  return { location, properties: { ipConfigurations: [{ name: 'main', properties: { subnet } }] } };
}

export function vmBody(
  change: {
    vmSize?: string;
    sku?: string;
    adminUsername?: string;
    adminPassword?: string | undefined;
    nic?: string;
    zones?: string[];
  } = {},
): Record<string, unknown> {
  const { vmSize, sku, adminUsername, adminPassword, nic } = {
    vmSize: 'Standard_DS1_v2',
    sku: 'minimal',
    adminUsername: 'operator',
    adminPassword: 'Long-enough-1',
    nic: 'nic',
    ...change,
  };
  return {
    location,
    ...(change.zones ? { zones: change.zones } : {}),
    /** Read when it is sent: ids are known only then. */
    get properties() {
      return {
        hardwareProfile: { vmSize },
        storageProfile: {
          imageReference: { publisher: 'debian', offer: '12', sku, version: 'latest' },
          osDisk: { name: 'os', createOption: 'FromImage' },
        },
        osProfile: { computerName: 'vm1', adminUsername, adminPassword },
        networkProfile: { networkInterfaces: [{ id: `${new URL(base).pathname}${network}/networkInterfaces/${nic}` }] },
      };
    },
  };
}
