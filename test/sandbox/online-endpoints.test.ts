import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AzureMachineLearningWorkspaces, type OnlineDeployment } from '@azure/arm-machinelearning';
import { ClientSecretCredential } from '@azure/identity';
import { send, startFixture, token, trust, type Fixture } from './fixture.ts';
import { machinesDouble } from './machines-double.ts';
import { modelServersDouble } from './model-servers-double.ts';

/** Managed online endpoints by the official client; the servers behind them are doubles. */
const servers = modelServersDouble();
let sandbox: Fixture;
let client: AzureMachineLearningWorkspaces;
const [group, workspace] = ['ml', 'training'];

before(async () => {
  sandbox = await startFixture(machinesDouble(), undefined, servers);
  trust(sandbox.ca);
  const { tenant, subscription, clientId, clientSecret } = sandbox.config.azure;
  const settings = { authorityHost: sandbox.azure, disableInstanceDiscovery: true };
  client = new AzureMachineLearningWorkspaces(
    new ClientSecretCredential(tenant, clientId, clientSecret, settings),
    subscription,
    { endpoint: sandbox.azure, credentialScopes: ['https://management.azure.com/.default'] },
  );
});
after(async () => {
  await sandbox[Symbol.asyncDispose]();
  servers.close();
});

const digest = (character: string) => `sha256:${character.repeat(64)}`;
const imageOf = (character: string) =>
  `127.0.0.1:${sandbox.config.ports.registry}/edge-train/heart@${digest(character)}`;
const route = (path: string) => ({ path, port: 5001 });

async function environment(character: string): Promise<string> {
  const made = await client.environmentVersions.createOrUpdate(group, workspace, 'heart', character, {
    properties: {
      image: imageOf(character),
      osType: 'Linux',
      inferenceConfig: { livenessRoute: route('/'), readinessRoute: route('/'), scoringRoute: route('/score') },
    },
  });
  return made.id ?? '';
}

const endpoint = (traffic?: Record<string, number>) => ({
  location: 'westeurope',
  identity: { type: 'SystemAssigned' },
  properties: { authMode: 'Key', ...(traffic ? { traffic } : {}) },
});
const putEndpoint = (name: string, traffic?: Record<string, number>) =>
  client.onlineEndpoints.beginCreateOrUpdateAndWait(group, workspace, name, endpoint(traffic));
const deployment = (environmentId: string, more: object = {}): OnlineDeployment => ({
  location: 'westeurope',
  sku: { name: 'Default', capacity: 1 },
  properties: {
    endpointComputeType: 'Managed',
    ...{ environmentId, instanceType: 'Standard_DS2_v2' },
    readinessProbe: { period: 'PT1S', failureThreshold: 1, initialDelay: 'PT0S', successThreshold: 1, timeout: 'PT2S' },
    ...more,
  },
});
const putDeployment = (name: string, to: string, body: OnlineDeployment) =>
  client.onlineDeployments.beginCreateOrUpdateAndWait(group, workspace, name, to, body);
const score = (name: string, key: string, headers: Record<string, string> = {}) =>
  send(sandbox.ca, 'POST', `${sandbox.azure}/inference/${name}/score`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
    body: { input_data: [[1]] },
  });

test('an endpoint’s deployments are chosen by its traffic, or by the header; only with a key', async () => {
  const made = await putEndpoint('heart-one');
  assert.deepEqual(
    [made.properties.provisioningState, made.properties.traffic, made.properties.keys],
    ['Succeeded', {}, null],
  );
  await putDeployment('heart-one', 'blue', deployment(await environment('a')));
  await putDeployment('heart-one', 'green', deployment(await environment('b')));
  const { primaryKey = '' } = await client.onlineEndpoints.listKeys(group, workspace, 'heart-one');
  assert.equal((await score('heart-one', primaryKey)).status, 404, 'no traffic yet');
  await putEndpoint('heart-one', { blue: 100, green: 0 });
  const answered = await score('heart-one', primaryKey);
  assert.equal(answered.headers['azureml-model-deployment'], 'blue');
  assert.deepEqual(answered.body, { image: imageOf('a'), body: { input_data: [[1]] } });
  const named = await score('heart-one', primaryKey, { 'azureml-model-deployment': 'green' });
  assert.equal((named.body as { image: string }).image, imageOf('b'));
  assert.equal((await score('heart-one', primaryKey, { 'azureml-model-deployment': 'red' })).status, 404);
  assert.equal((await score('heart-one', 'wrong')).status, 401);
  assert.equal((await score('heart-one', await token(sandbox, 'azure'))).status, 401, 'a token of ARM is no key');

  await assert.rejects(client.onlineDeployments.beginDelete(group, workspace, 'heart-one', 'blue'), {
    statusCode: 400,
  });
  await client.onlineDeployments.beginDeleteAndWait(group, workspace, 'heart-one', 'green');
  assert.deepEqual([...servers.running.keys()], ['heart-one.blue']);
  await client.onlineEndpoints.beginDeleteAndWait(group, workspace, 'heart-one');
  assert.equal(servers.running.size, 0);
  assert.equal((await score('heart-one', primaryKey)).status, 404);
});

test('what the model answers but 200 comes as 424 with its status; a server that is gone as 502', async () => {
  await putEndpoint('heart-two');
  await putDeployment('heart-two', 'blue', deployment(await environment('c')));
  await putEndpoint('heart-two', { blue: 100 });
  const { secondaryKey = '' } = await client.onlineEndpoints.listKeys(group, workspace, 'heart-two');
  servers.answer = () => ({ status: 400, body: { error: 'no' } });
  const refused = await score('heart-two', secondaryKey);
  assert.deepEqual([refused.status, refused.headers['ms-azureml-model-error-statuscode']], [424, '400']);
  servers.kill('heart-two.blue');
  assert.equal((await score('heart-two', secondaryKey)).status, 502);
});

test('a server that does not get ready fails the deployment, which takes no traffic', async () => {
  await putEndpoint('heart-three');
  servers.sick.add(imageOf('d'));
  await assert.rejects(putDeployment('heart-three', 'blue', deployment(await environment('d'))));
  const found = await client.onlineDeployments.get(group, workspace, 'heart-three', 'blue');
  assert.equal(found.properties.provisioningState, 'Failed');
  await assert.rejects(putEndpoint('heart-three', { blue: 100 }), /has not succeeded/);
});

test('what Azure would refuse is refused', async () => {
  await putEndpoint('heart-four');
  const id = await environment('e');
  for (const [why, refusal] of Object.entries({
    'a name that begins with a digit': () => putEndpoint('4-heart'),
    'a name of two letters': () => putDeployment('heart-four', 'v1', deployment(id)),
    'traffic of 50 %': () => putEndpoint('heart-four', { blue: 50 }),
    'traffic to what is not there': () => putEndpoint('heart-four', { blue: 100 }),
    'an environment that is not there': () => putDeployment('heart-four', 'blue', deployment(`${id}9`)),
    'an unknown size': () => putDeployment('heart-four', 'blue', deployment(id, { instanceType: 'Standard_Z1' })),
    'another image for the same version': () =>
      client.environmentVersions.createOrUpdate(group, workspace, 'heart', 'e', {
        properties: { image: imageOf('f') },
      }),
  }))
    await assert.rejects(refusal(), { statusCode: 400 }, why);
  await assert.rejects(putDeployment('heart-nine', 'blue', deployment(id)), { statusCode: 404 });
  const other = client.onlineEndpoints.beginCreateOrUpdate(group, workspace, 'heart-five', {
    ...endpoint(),
    properties: { authMode: 'AMLToken' },
  });
  await assert.rejects(other, { statusCode: 501 });
});

test('tags are changed by PATCH, and PUT sets them anew', async () => {
  await putEndpoint('heart-six');
  await client.onlineEndpoints.beginUpdateAndWait(group, workspace, 'heart-six', { tags: { version: '3' } });
  assert.deepEqual((await client.onlineEndpoints.get(group, workspace, 'heart-six')).tags, { version: '3' });
  await putEndpoint('heart-six');
  assert.deepEqual((await client.onlineEndpoints.get(group, workspace, 'heart-six')).tags, {});
});
