import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ComputeManagementClient } from '@azure/arm-compute';
import { NetworkManagementClient } from '@azure/arm-network-profile-2020-09-01-hybrid';
import { ResourceManagementClient } from '@azure/arm-resources-profile-2020-09-01-hybrid';
import { StorageManagementClient } from '@azure/arm-storage-profile-2020-09-01-hybrid';
import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import { ClientSecretCredential } from '@azure/identity';
import ssh2 from 'ssh2';
import { until } from '../support/until.ts';
import { hubAudience, startFixture, trust, type Fixture } from './fixture.ts';
import { machinesDouble } from './machines-double.ts';

const machines = machinesDouble();
let sandbox: Fixture;
let clients: ReturnType<typeof makeClients>;
const group = 'edge';
const location = 'local';

before(async () => {
  sandbox = await startFixture(machines);
  trust(sandbox.ca);
  clients = makeClients(sandbox, await hubAudience(sandbox));
});

after(() => sandbox[Symbol.asyncDispose]());

describe('Stack Hub by the official clients', () => {
  it('provisions a VM, runs its extension, and takes it down in the order that Azure allows', async () => {
    const { resources, network, compute } = clients;
    const made = await resources.resourceGroups.createOrUpdate(group, { location, tags: { made: 'by test' } });
    assert.equal(made.properties?.provisioningState, 'Succeeded');
    assert.deepEqual(await resources.resourceGroups.checkExistence(group), { body: true });

    const nsg = await network.networkSecurityGroups.beginCreateOrUpdateAndWait(group, 'nsg', { location });
    assert.deepEqual(nsg.defaultSecurityRules?.map(({ name }) => name).includes('DenyAllInBound'), true);
    await network.virtualNetworks.beginCreateOrUpdateAndWait(group, 'vnet', {
      location,
      addressSpace: { addressPrefixes: ['10.1.0.0/16'] },
    });
    const subnet = await network.subnets.beginCreateOrUpdateAndWait(group, 'vnet', 'default', {
      addressPrefix: '10.1.0.0/24',
    });
    assert.equal(subnet.provisioningState, 'Succeeded');
    const address = await network.publicIPAddresses.beginCreateOrUpdateAndWait(group, 'ip', {
      location,
      publicIPAllocationMethod: 'Static',
    });
    assert.match(address.ipAddress!, /^203\.0\.113\.\d+$/);
    const nic = await network.networkInterfaces.beginCreateOrUpdateAndWait(group, 'nic', {
      location,
      networkSecurityGroup: { id: nsg.id! },
      ipConfigurations: [{ name: 'main', subnet: { id: subnet.id! }, publicIPAddress: { id: address.id! } }],
    });
    assert.match(nic.ipConfigurations![0]!.privateIPAddress!, /^10\.1\.0\.\d+$/);

    const vm = await compute.virtualMachines.createOrUpdate(group, 'vm1', machineBody(nic.id!));
    assert.equal(vm.provisioningState, 'Succeeded');
    assert.equal(vm.osProfile?.adminPassword, undefined);
    assert.equal([...machines.specs.values()].at(-1)?.adminUsername, 'operator');
    const view = await compute.virtualMachines.instanceView(group, 'vm1');
    assert.ok(view.statuses?.some(({ code }) => code === 'PowerState/running'));

    await compute.virtualMachineExtensions.createOrUpdate(group, 'vm1', 'script', extensionBody('s3cret-command'));
    assert.equal(machines.scripts.at(-1)?.commandToExecute, 's3cret-command');
    const shown = await compute.virtualMachineExtensions.get(group, 'vm1', 'script', { expand: 'instanceView' });
    assert.equal(shown.protectedSettings, undefined);
    assert.match(shown.instanceView!.statuses![0]!.message!, /Enable succeeded[^]*done/);

    await assert.rejects(network.networkInterfaces.beginDeleteAndWait(group, 'nic'), {
      code: 'NicInUse',
      statusCode: 400,
    });
    await assert.rejects(network.publicIPAddresses.beginDeleteAndWait(group, 'ip'), {
      code: 'PublicIPAddressCannotBeDeleted',
    });
    await compute.virtualMachines.deallocate(group, 'vm1');
    assert.ok(
      (await compute.virtualMachines.instanceView(group, 'vm1')).statuses?.some(
        ({ code }) => code === 'PowerState/deallocated',
      ),
    );
    await compute.virtualMachines.start(group, 'vm1');
    await compute.virtualMachines.delete(group, 'vm1');
    await assert.rejects(compute.virtualMachines.get(group, 'vm1'), { statusCode: 404 });

    const left: string[] = [];
    for await (const { type, name } of resources.resources.listByResourceGroup(group)) left.push(`${type} ${name}`);
    assert.ok(left.includes('Microsoft.Compute/disks vm1-os'), 'the disk outlives its VM');
    await network.networkInterfaces.beginDeleteAndWait(group, 'nic');
    await network.publicIPAddresses.beginDeleteAndWait(group, 'ip');
    await resources.resourceGroups.beginDeleteAndWait(group);
    assert.deepEqual(await resources.resourceGroups.checkExistence(group), { body: false });
  });

  it('lists keys of the operator’s account, and neither deletes it nor makes another', async () => {
    const { storage } = clients;
    const { keys } = await storage.storageAccounts.listKeys('operator', 'sitedata');
    assert.equal(keys?.[0]?.value, sandbox.config.accounts.site.key);
    await assert.rejects(storage.storageAccounts.delete('operator', 'sitedata'), { code: 'ScopeLocked' });
    const body = { location, kind: 'Storage', sku: { name: 'Standard_LRS' } };
    await assert.rejects(storage.storageAccounts.beginCreateAndWait('operator', 'another', body), {
      code: 'MaxStorageAccountsCountPerSubscriptionExceeded',
    });
    await assert.rejects(storage.storageAccounts.beginCreateAndWait('operator', 'Another_', body), {
      code: 'AccountNameInvalid',
    });
  });

  it('fails an extension whose script fails, with its output', async () => {
    const { compute } = clients;
    await nicOf('failing');
    await compute.virtualMachines.createOrUpdate('failing', 'vm1', machineBody(await nicOf('failing')));
    machines.result = { exitCode: 7, stdout: 'out', stderr: 'broken' };
    await assert.rejects(
      compute.virtualMachineExtensions.createOrUpdate('failing', 'vm1', 'script', extensionBody('x')),
      /broken/,
    );
    machines.result = { exitCode: 0, stdout: 'done', stderr: '' };
    assert.equal((await compute.virtualMachineExtensions.get('failing', 'vm1', 'script')).provisioningState, 'Failed');
  });

  it('goes on with an accepted VM after a restart of the server', async () => {
    const { compute } = clients;
    const nic = await nicOf('restarted');
    const hold = await sandbox.fault({
      route: 'PUT /subscriptions/**/virtualMachines/vm1',
      moment: 'operation',
      action: 'hold',
    });
    const pending = compute.virtualMachines.createOrUpdate('restarted', 'vm1', machineBody(nic));
    const settled = pending.then(
      (vm) => vm.provisioningState,
      (error: unknown) => error,
    );
    const isHeld = async () =>
      (await sandbox.admin<{ id: string; held: string[] }[]>('GET', '/faults')).some(
        ({ id, held }) => id === hold && held.length > 0,
      );
    await until('the operation stands still', isHeld);
    await sandbox.restart();
    assert.equal(await settled, 'Succeeded');
  });

  it('fails a long operation as ordered, and loses an answer after the commit', async () => {
    const { network, compute } = clients;
    const nic = await nicOf('faulty');
    await sandbox.fault({
      route: 'PUT /subscriptions/**/virtualMachines/vm1',
      moment: 'operation',
      action: { status: 409, code: 'AllocationFailed' },
    });
    await assert.rejects(compute.virtualMachines.createOrUpdate('faulty', 'vm1', machineBody(nic)), /AllocationFailed/);
    const id = await sandbox.fault({
      route: 'PUT /subscriptions/**/publicIPAddresses/lost',
      moment: 'after',
      action: 'drop',
    });
    const made = await network.publicIPAddresses.beginCreateOrUpdateAndWait('faulty', 'lost', { location });
    assert.equal(made.name, 'lost');
    const fault = (await sandbox.admin<{ id: string; fired: number }[]>('GET', '/faults')).find(
      (each) => each.id === id,
    );
    assert.equal(fault?.fired, 1);
  });
});

function makeClients({ stackHub, config }: Fixture, audience: string) {
  const { subscription, clientId, clientSecret } = config.stackHub;
  const credential = new ClientSecretCredential('adfs', clientId, clientSecret, {
    authorityHost: stackHub,
    disableInstanceDiscovery: true,
  });
  const options = { endpoint: stackHub, credentialScopes: [`${audience}/.default`] };
  return {
    resources: new ResourceManagementClient(credential, subscription, options),
    network: new NetworkManagementClient(credential, subscription, options),
    storage: new StorageManagementClient(credential, subscription, options),
    compute: new ComputeManagementClient(credential, subscription, {
      ...{ endpoint: stackHub, credentials: { scopes: options.credentialScopes } },
      additionalPolicies: [{ policy: profileVersion, position: 'perCall' }],
    }),
  };
}

/** The profile's version of Microsoft.Compute, in place of the client's own. */
const profileVersion: PipelinePolicy = {
  name: 'profileVersion',
  sendRequest: (request, next) => {
    request.url = request.url.replace(/api-version=[^&]+/, 'api-version=2020-06-01');
    return next(request);
  },
};

async function nicOf(name: string): Promise<string> {
  const { resources, network } = clients;
  await resources.resourceGroups.createOrUpdate(name, { location });
  await network.virtualNetworks.beginCreateOrUpdateAndWait(name, 'vnet', {
    location,
    addressSpace: { addressPrefixes: ['10.2.0.0/16'] },
    subnets: [{ name: 'default', addressPrefix: '10.2.0.0/24' }],
  });
  const subnet = `/subscriptions/${sandbox.config.stackHub.subscription}/resourceGroups/${name}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/default`;
  const nic = await network.networkInterfaces.beginCreateOrUpdateAndWait(name, 'nic', {
    location,
    ipConfigurations: [{ name: 'main', subnet: { id: subnet } }],
  });
  return nic.id!;
}

function machineBody(nic: string) {
  const { public: keyData } = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 });
  return {
    location,
    hardwareProfile: { vmSize: 'Standard_DS1_v2' },
    storageProfile: {
      imageReference: { publisher: 'debian', offer: '12', sku: 'minimal', version: 'latest' },
      osDisk: { name: 'vm1-os', createOption: 'FromImage' },
    },
    osProfile: {
      computerName: 'vm1',
      adminUsername: 'operator',
      linuxConfiguration: {
        disablePasswordAuthentication: true,
        ssh: { publicKeys: [{ path: '/home/operator/.ssh/authorized_keys', keyData }] },
      },
    },
    networkProfile: { networkInterfaces: [{ id: nic }] },
  };
}

function extensionBody(commandToExecute: string) {
  return {
    location,
    publisher: 'Microsoft.Azure.Extensions',
    typePropertiesType: 'CustomScript',
    typeHandlerVersion: '2.1',
    protectedSettings: { commandToExecute },
  };
}
