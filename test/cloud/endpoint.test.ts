import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { endpointActivities } from '../../activities/cloud/endpoint/index.ts';
import { predicted } from '../../activities/cloud/endpoint/test-cloud-deployment.ts';
import { cloudOpener } from '../../activities/cloud/cloud.ts';
import type { CloudEndpoints } from '../../activities/contract/endpoint.ts';
import type { CloudDeploymentPlan } from '../../domain/cloud-deployment.ts';
import type { DeployModelInput, ServingImage } from '../../domain/deployment.ts';
import { madeUpRows } from '../../domain/model-signature.ts';
import { onlineDeploymentName } from '../../domain/resource-names.ts';
import { openCredential, openWorkspace } from '../../services/machine-learning/workspace.ts';
import { createSecrets } from '../../services/secrets.ts';
import { generateSigningKey } from '../../services/signing.ts';
import { startFixture, type Fixture } from '../sandbox/fixture.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { modelServersDouble } from '../sandbox/model-servers-double.ts';

/** The cloud worker's steps with endpoints, against the sandbox's Azure ML; the models' servers are doubles. */
const servers = modelServersDouble();
const { publicKey } = generateSigningKey();
let sandbox: Fixture;
let folder: string;
let cloud: CloudEndpoints;

before(async () => {
  sandbox = await startFixture(machinesDouble(), undefined, servers);
  folder = mkdtempSync(join(tmpdir(), 'edge-train-endpoint-'));
  configure();
  const step = { progress: () => {}, attempt: 1, pollMs: 100 };
  const open = cloudOpener({
    cloudFile: join(folder, 'cloud.yml'),
    secrets: createSecrets({ environment: {} }),
    uv: { path: '', cacheDir: folder, environment: {} },
    step: () => step,
  });
  cloud = endpointActivities(open);
});
after(async () => {
  await sandbox[Symbol.asyncDispose]();
  servers.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => sandbox.admin('DELETE', '/faults'));

/** `cloud.yml`, with terms for deployments or without. */
function configure({ allowed = true } = {}): void {
  const { azure, ports } = sandbox.config;
  writeFileSync(join(folder, 'ca.pem'), sandbox.ca);
  writeFileSync(join(folder, 'secret'), azure.clientSecret, { mode: 0o600 });
  const { tenant, clientId, subscription, resourceGroup, workspace } = azure;
  const file = {
    azure: {
      ...{
        tenant,
        clientId,
        subscription,
        resourceGroup,
        workspace,
        endpoint: sandbox.azure,
        authority: sandbox.azure,
      },
      ...{ clientSecret: `file:${join(folder, 'secret')}`, caFile: join(folder, 'ca.pem') },
    },
    release: { blobEndpoint: 'https://127.0.0.1:1/releases', key: `file:${join(folder, 'secret')}` },
    registry: {
      loginServer: `127.0.0.1:${ports.registry}`,
      ...{ base: `edge-train/base@sha256:${'0'.repeat(64)}`, packageIndex: 'https://127.0.0.1:1/simple' },
    },
    sites: { demo: { receiptPublicKey: publicKey } },
    ...(allowed ? { deployments: TERMS } : {}),
  };
  writeFileSync(join(folder, 'cloud.yml'), JSON.stringify(file)); // JSON is YAML
}

const TERMS = { instanceType: 'Standard_DS2_v2', imageKeys: [publicKey], probationSeconds: 0, startSeconds: 10 };

const planned = (model: string, run: string, change: Partial<DeployModelInput> = {}) =>
  cloud.planCloudDeployment({
    input: { site: 'demo', to: 'cloud', model, action: 'deploy', ...change },
    ...{ workflowId: `deploy-demo-${model}.cloud`, originalExecutionRunId: run },
  });

function target(plan: CloudDeploymentPlan, version: number) {
  const image = {
    ...{ registry: `127.0.0.1:${sandbox.config.ports.registry}`, repository: `edge-train/${plan.model}` },
    ...{ tag: `v${version}`, digest: `sha256:${String(version).repeat(64)}` },
  };
  const found: ServingImage = { version, job: plan.job, image };
  return { plan, found, deployment: onlineDeploymentName(version, plan.job), description: null };
}

/** Every step of a deployment, in the workflow's order. */
async function deploy(model: string, version: number, run: string): Promise<CloudDeploymentPlan> {
  const plan = await planned(model, run);
  const one = target(plan, version);
  const { deployment } = one;
  await cloud.makeCloudDeployment(one);
  await cloud.testCloudDeployment(one);
  await cloud.routeEndpoint({ plan, traffic: { [deployment]: 100 } });
  await cloud.watchCloudDeployment(one);
  const digest = one.found.image.digest;
  await cloud.recordCloudDeployment({
    plan,
    deployed: { version, digest, deployment, at: '2026-01-02T03:04:05.000Z' },
  });
  await cloud.retireCloudDeployments({ plan, keep: deployment });
  return plan;
}

const serversOf = (plan: CloudDeploymentPlan) =>
  [...servers.running.keys()].filter((name) => name.startsWith(`${plan.endpoint}.`));
const versionsOf = async (model: string) => {
  const record = (await cloud.listCloudDeployments('demo')).find((each) => each.model === model);
  return [record?.current.version, record?.previous?.version];
};

test('the new version takes the place of the old; the record knows both, and a rollback the image', async () => {
  const first = await deploy('heart', 1, 'run-1');
  assert.deepEqual([first.isNew, first.traffic, first.replaces], [true, {}, undefined]);
  assert.match(first.endpoint, /^et-heart-[0-9a-f]{10}$/);
  assert.deepEqual(serversOf(first), [`${first.endpoint}.${onlineDeploymentName(1, first.job)}`]);
  await sandbox.fault({ route: 'DELETE /**/deployments/*', moment: 'operation', action: 'delay:700' });
  const second = await deploy('heart', 2, 'run-2');
  assert.deepEqual([second.isNew, second.replaces?.version], [false, 1]);
  assert.deepEqual(serversOf(second), [`${second.endpoint}.${onlineDeploymentName(2, second.job)}`]);
  assert.deepEqual(await versionsOf('heart'), [2, 1]);
  const back = await planned('heart', 'run-3', { action: 'rollback' });
  assert.deepEqual([back.version, back.digest], [1, `sha256:${'1'.repeat(64)}`]);
  await deploy('heart', 2, 'run-4');
  assert.deepEqual(await versionsOf('heart'), [2, 1], 'the same version anew leaves what a rollback goes to');
  await cloud.removeEndpoint(back);
  await cloud.removeEndpoint(back);
  assert.deepEqual([serversOf(back), await versionsOf('heart')], [[], [undefined, undefined]]);
});

test('with the first answer of every request lost, each step done again ends with one deployment and its traffic', async () => {
  const again = async <T>(step: () => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++)
      try {
        return await step();
      } catch (error) {
        assert.ok(attempt < 20 && (error as { retryable?: boolean }).retryable, String(error));
      }
  };
  for (const route of [
    'PUT /subscriptions/**',
    'PATCH /subscriptions/**',
    'DELETE /subscriptions/**',
    'POST /subscriptions/**',
  ])
    await sandbox.fault({ route, moment: 'after', action: 'drop', each: true });
  const plan = await again(() => planned('lost', 'run-1'));
  const one = target(plan, 1);
  const { deployment } = one;
  await again(() => cloud.makeCloudDeployment(one));
  await again(() => cloud.testCloudDeployment(one));
  await again(() => cloud.routeEndpoint({ plan, traffic: { [deployment]: 100 } }));
  await again(() => cloud.watchCloudDeployment(one));
  const deployed = { version: 1, digest: one.found.image.digest, deployment, at: '2026-01-02T03:04:05.000Z' };
  await again(() => cloud.recordCloudDeployment({ plan, deployed }));
  await again(() => cloud.retireCloudDeployments({ plan, keep: deployment }));
  assert.deepEqual(serversOf(plan), [`${plan.endpoint}.${deployment}`]);
  assert.deepEqual((await again(() => planned('lost', 'run-2'))).traffic, { [deployment]: 100 });
  await again(() => cloud.routeEndpoint({ plan, traffic: {} }));
  await again(() => cloud.removeCloudDeployment({ plan, deployment }));
  await again(() => cloud.removeEndpoint(plan));
  assert.deepEqual(serversOf(plan), []);
});

test('a server that never gets ready: the failure says Azure’s reason, asked again too, and the rest can be undone', async () => {
  const plan = await planned('sick', 'run-1');
  const one = target(plan, 7);
  servers.sick.add(`${one.found.image.registry}/${one.found.image.repository}@${one.found.image.digest}`);
  const refused = { type: 'DeploymentFailed', message: /ResourceNotReady: User container has crashed/ };
  await assert.rejects(cloud.makeCloudDeployment({ ...one, plan: { ...plan, startSeconds: 1 } }), refused);
  await cloud.removeCloudDeployment(one);
  await cloud.removeEndpoint(plan);
  await cloud.removeCloudDeployment(one);
  await cloud.routeEndpoint({ plan, traffic: {} });
});

test('a version that dies while it is watched, or answers no more for itself, is told', async () => {
  const plan = await planned('dies', 'run-1');
  const one = target(plan, 3);
  await cloud.makeCloudDeployment(one);
  await cloud.routeEndpoint({ plan, traffic: { [one.deployment]: 100 } });
  await cloud.watchCloudDeployment(one);
  await assert.rejects(cloud.watchCloudDeployment({ ...one, deployment: 'another' }), { type: 'ServiceDied' });
  servers.kill(serversOf(plan)[0] ?? '');
  await assert.rejects(cloud.watchCloudDeployment(one), { type: 'ServiceDied' });
});

test('an endpoint of the name that is not ours is left alone', async () => {
  const plan = await deploy('taken', 4, 'run-1');
  const { ca, config, azure } = sandbox;
  const credential = openCredential({ ...config.azure, authority: azure, ca });
  const opened = openWorkspace({
    ...config.azure,
    endpoint: azure,
    audience: 'https://management.azure.com',
    credential,
    ca,
  });
  await opened.client.onlineEndpoints.beginUpdate(opened.group, opened.name, plan.endpoint, {
    tags: { theirs: 'yes' },
  });
  const taken = { type: 'EndpointTaken' };
  await assert.rejects(planned('taken', 'run-2'), taken);
  await assert.rejects(cloud.removeEndpoint(plan), taken);
  await assert.rejects(cloud.routeEndpoint({ plan, traffic: {} }), taken);
  await assert.rejects(cloud.makeCloudDeployment(target(plan, 5)), taken);
  assert.equal(serversOf(plan).length, 1);
});

test('what cloud.yml does not allow is not planned; what serves can be taken away all the same', async () => {
  const plan = await deploy('allowed', 6, 'run-1');
  configure({ allowed: false });
  try {
    await assert.rejects(planned('allowed', 'run-2'), { type: 'CloudDeploymentsNotAllowed' });
    await assert.rejects(planned('allowed', 'run-2', { site: 'other' }), { type: 'InvalidInput' });
    await assert.rejects(planned('nothing', 'run-3', { action: 'undeploy' }), { type: 'NotDeployed' });
    assert.equal((await planned('allowed', 'run-5', { action: 'undeploy' })).endpoint, plan.endpoint);
  } finally {
    configure();
  }
  await assert.rejects(planned('allowed', 'run-6', { action: 'rollback' }), { type: 'NotDeployed' });
});

test('what a smoke test makes of an answer', () => {
  const numbers = madeUpRows([{ type: 'double', name: 'a' }]);
  const words = madeUpRows([{ type: 'string', name: 'a' }]);
  const answer = (modelStatus: number, body: unknown) => ({ status: 200, modelStatus, text: JSON.stringify(body) });
  assert.equal(predicted({ rows: numbers }, answer(200, [1, 0])), 2);
  assert.equal(predicted({ rows: numbers }, answer(200, { predictions: [1, 0] })), 2);
  assert.equal(predicted({ rows: undefined }, answer(500, 'broken')), null);
  assert.equal(predicted({ rows: words }, answer(400, { error: 'unknown word' })), 0);
  for (const [status, body] of [
    [400, { error: 'no' }],
    [500, [1, 0]],
    [200, [1]],
    [200, 'text'],
    [200, null],
  ] as const)
    assert.throws(() => predicted({ rows: numbers }, answer(status, body)), { type: 'SmokeTestFailed' });
  assert.throws(() => predicted({ rows: words }, answer(500, '')), { type: 'SmokeTestFailed' });
});
