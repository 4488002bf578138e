import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning';
import { ClientSecretCredential } from '@azure/identity';
import { startFixture, send, token, trust, type Answer, type Fixture } from './fixture.ts';
import { machinesDouble, sshServer } from './machines-double.ts';

const machines = machinesDouble();
const password = 'Opens-1-door';
let sandbox: Fixture;
let client: AzureMachineLearningWorkspaces;
let ssh: Awaited<ReturnType<typeof sshServer>>;
const [group, workspace] = ['ml', 'training'];

before(async () => {
  sandbox = await startFixture(machines);
  trust(sandbox.ca);
  ssh = await sshServer('attach', password);
  const { tenant, subscription, clientId, clientSecret } = sandbox.config.azure;
  const credential = new ClientSecretCredential(tenant, clientId, clientSecret, {
    authorityHost: sandbox.azure,
    disableInstanceDiscovery: true,
  });
  client = new AzureMachineLearningWorkspaces(credential, subscription, {
    endpoint: sandbox.azure,
    credentialScopes: ['https://management.azure.com/.default'],
  });
});

after(async () => {
  await ssh.close();
  await sandbox[Symbol.asyncDispose]();
});

describe('Azure ML by the official client', () => {
  it('attaches a VM only through an open rule and a right account, and detaches it', async () => {
    const address = await publicMachine(sandbox);
    const attach = (secret: string) =>
      client.computeOperations.beginCreateOrUpdateAndWait(group, workspace, 'edge-vm', {
        location: 'westeurope',
        properties: {
          computeType: 'VirtualMachine',
          properties: { address, sshPort: ssh.port, administratorAccount: { username: 'attach', password: secret } },
        },
      });
    await assert.rejects(attach(password), /Connection failed to establish|InternalServerError/);
    const failed = await client.computeOperations.get(group, workspace, 'edge-vm');
    assert.equal(failed.properties?.provisioningState, 'Failed');
    assert.match(JSON.stringify(failed.properties?.provisioningErrors), /DenyAllInBound/);

    await openRule(sandbox, '198.51.100.0/28', ssh.port);
    await assert.rejects(attach('wrong'), /InternalServerError/);
    const attached = await attach(password);
    assert.equal(attached.properties?.provisioningState, 'Succeeded');
    assert.ok(!JSON.stringify(attached).includes(password));

    await client.computeOperations.beginDeleteAndWait(group, workspace, 'edge-vm', 'Detach');
    await assert.rejects(client.computeOperations.get(group, workspace, 'edge-vm'), { statusCode: 404 });
    const audit = JSON.stringify(await sandbox.admin('GET', '/requests?front=azure'));
    assert.ok(!audit.includes(password) && audit.includes('REDACTED'));
  });

  it('keeps datastores without their secrets', async () => {
    const { name, key } = sandbox.config.accounts.release;
    const put = (accountName: string, accountKey: string) =>
      client.datastores.createOrUpdate(group, workspace, 'releases', {
        properties: {
          datastoreType: 'AzureBlob',
          accountName,
          containerName: 'models',
          endpoint: 'x',
          protocol: 'https',
          credentials: { credentialsType: 'AccountKey', secrets: { secretsType: 'AccountKey', key: accountKey } },
        },
      });
    assert.ok(!JSON.stringify(await put(name, key)).includes(key));
    await assert.rejects(put(name, 'd3Jvbmc='), { code: 'UserError', statusCode: 400 });
    await assert.rejects(put('sitedata', key), { code: 'UserError' });
    const names: string[] = [];
    for await (const each of client.datastores.list(group, workspace)) names.push(each.name!);
    assert.deepEqual(names.sort(), ['releases', 'workspaceblobstore']);
  });

  it('versions models: counts, never changes, lists in pages', async () => {
    const uri = (n: number) => `azureml://datastores/workspaceblobstore/paths/m/${n}`;
    const put = (version: number, of = version, tags = {}) =>
      client.modelVersions.createOrUpdate(group, workspace, 'risk', String(version), {
        properties: { modelUri: uri(of), modelType: 'custom_model', tags },
      });
    for (let version = 1; version <= 35; version++) await put(version, version, { job: `j${version}` });
    const container = await client.modelContainers.get(group, workspace, 'risk');
    assert.deepEqual([container.properties.latestVersion, container.properties.nextVersion], ['35', '36']);
    await assert.rejects(put(3, 4), { code: 'UserError', message: /Asset paths cannot be updated/ });
    assert.equal((await put(3, 3, { job: 'j3', more: 'tags' })).properties.tags?.more, 'tags');
    const versions: string[] = [];
    for await (const each of client.modelVersions.list(group, workspace, 'risk')) versions.push(each.name!);
    assert.equal(new Set(versions).size, 35);
    const found: string[] = [];
    for await (const each of client.modelVersions.list(group, workspace, 'risk', { tags: 'job=j7' }))
      found.push(each.name!);
    assert.deepEqual(found, ['7']);
    await assert.rejects(
      client.modelVersions.createOrUpdate(group, workspace, 'risk', '40', {
        properties: { modelUri: 'azureml://datastores/nowhere/paths/m' },
      }),
      { code: 'UserError' },
    );
  });

  it('keeps code versions', async () => {
    const codeUri = `https://127.0.0.1/releases/code/abc`;
    const made = await client.codeVersions.createOrUpdate(group, workspace, 'code', '1', {
      properties: { codeUri, properties: { hash_sha256: 'abc' } },
    });
    assert.equal(made.properties.codeUri, codeUri);
    await assert.rejects(
      client.codeVersions.createOrUpdate(group, workspace, 'code', '1', { properties: { codeUri: `${codeUri}d` } }),
      { code: 'UserError' },
    );
  });
});

const hubCall = async (method: string, path: string, version: string, body?: unknown): Promise<Answer> => {
  const { subscription } = sandbox.config.stackHub;
  const headers = { authorization: `Bearer ${await token(sandbox, 'stackHub')}` };
  const answer = await send(
    sandbox.ca,
    method,
    `${sandbox.stackHub}/subscriptions/${subscription}/resourceGroups/edge${path}?api-version=${version}`,
    { headers, body },
  );
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  const at = answer.headers['azure-asyncoperation'] as string | undefined;
  const deadline = Date.now() + 10_000;
  while (at && Date.now() < deadline) {
    const { status } = (await send(sandbox.ca, 'GET', at, { headers })).body as { status: string };
    if (status !== 'InProgress') break;
  }
  return answer;
};

/** A VM with a public address and a closed security group; its sshd is the double's. */
async function publicMachine({ config }: Fixture): Promise<string> {
  const base = `/subscriptions/${config.stackHub.subscription}/resourceGroups/edge/providers/Microsoft.Network`;
  const location = 'local';
  const network = '/providers/Microsoft.Network';
  await hubCall('PUT', '', '2019-10-01', { location });
  await hubCall('PUT', `${network}/networkSecurityGroups/nsg`, '2018-11-01', { location });
  await hubCall('PUT', `${network}/virtualNetworks/vnet`, '2018-11-01', {
    location,
    properties: {
      addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
      subnets: [{ name: 'default', properties: { addressPrefix: '10.0.0.0/24' } }],
    },
  });
  const ip = await hubCall('PUT', `${network}/publicIPAddresses/ip`, '2018-11-01', {
    location,
    properties: { publicIPAllocationMethod: 'Static' },
  });
  const configuration = {
    name: 'main',
    properties: {
      subnet: { id: `${base}/virtualNetworks/vnet/subnets/default` },
      publicIPAddress: { id: `${base}/publicIPAddresses/ip` },
    },
  };
  await hubCall('PUT', `${network}/networkInterfaces/nic`, '2018-11-01', {
    location,
    properties: {
      networkSecurityGroup: { id: `${base}/networkSecurityGroups/nsg` },
      ipConfigurations: [configuration],
    },
  });
  await hubCall('PUT', '/providers/Microsoft.Compute/virtualMachines/vm', '2020-06-01', {
    location,
    properties: {
      hardwareProfile: { vmSize: 'Standard_DS1_v2' },
      storageProfile: {
        imageReference: { publisher: 'debian', offer: '12', sku: 'minimal', version: '1.0.0' },
        osDisk: { createOption: 'FromImage' },
      },
      osProfile: { computerName: 'vm', adminUsername: 'operator', adminPassword: 'Long-enough-1' },
      networkProfile: { networkInterfaces: [{ id: `${base}/networkInterfaces/nic` }] },
    },
  });
  return (ip.body as { properties: { ipAddress: string } }).properties.ipAddress;
}

async function openRule(_: Fixture, source: string, port: number): Promise<void> {
  await hubCall('PUT', '/providers/Microsoft.Network/networkSecurityGroups/nsg/securityRules/attach', '2018-11-01', {
    properties: {
      protocol: 'Tcp',
      sourceAddressPrefix: source,
      sourcePortRange: '*',
      destinationAddressPrefix: '*',
      destinationPortRange: String(port),
      access: 'Allow',
      priority: 100,
      direction: 'Inbound',
    },
  });
}
