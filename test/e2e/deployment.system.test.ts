import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import type {
  DeploymentKeyOutput,
  DeployOutput,
  DeploymentsOutput,
  ErrorOutput,
  StatusOutput,
} from '../../client/output.ts';
import type { RunStatus } from '../../domain/run-status.ts';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import type {
  ModelChangeOutput,
  ModelOutput,
  ModelsOutput,
  RegistryCleanedOutput,
} from '../../client/models/output.ts';
import { networkAddresses } from '../../services/stack-hub/network.ts';
import { getResource } from '../../services/stack-hub/resource.ts';
import { generateSigningKey } from '../../services/signing.ts';
import { openStackHub } from '../../services/stack-hub/session.ts';
import { until } from '../support/until.ts';
import { ask } from '../vm/outside.ts';
import { faultsOf } from './faults.ts';
import { docker, ROOT, startProduct, vmContainer, type Ended, type Product } from './product.ts';

/** A released model that serves on its site's VM: the way of a version in, of one that is refused, over a reboot, and out. */
let product: Product;
let folder: string;
let container: string;
/** The VM, as ARM calls it. */
let machine: string;

before(
  async () => {
    folder = mkdtempSync(join(tmpdir(), 'edge-train-serving-'));
    product = await startProduct();
    const siteFile = join(product.folder, 'site.yml');
    const text = readFileSync(siteFile, 'utf8');
    assert.ok(text.includes('deployments:\n'));
    writeFileSync(siteFile, text.replace('deployments:\n', 'deployments:\n  probationSeconds: 2\n  memoryMiB: 700\n'));
    await train({ factor: 2, recorded: 2 });
    container = await vmContainer(product);
  },
  { timeout: 400_000 },
);
after(async () => {
  await product?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Trains a version whose script recorded what a model of the factor `recorded` predicts. */
async function train(inputs: { factor: number; recorded: number }, ...more: string[]): Promise<TrainModelResult> {
  cpSync(join(ROOT, 'test', 'e2e', 'serving-job'), folder, { recursive: true });
  const training = {
    site: 'demo',
    job: 'job.yml',
    model: { name: 'times', path: 'model', smokeTest: 'kept/smoke.json' },
  };
  const file = join(folder, 'training.yml');
  writeFileSync(file, JSON.stringify(training)); // JSON is YAML
  const set = Object.entries(inputs).flatMap(([name, value]) => ['--set', `inputs.${name}=${value}`]);
  return product.train(file, ...set, ...more);
}

const onMachine = (...command: string[]) => docker(product.info, 'exec', container, ...command);

/** What the front answers, asked on the VM itself. */
async function score(rows: readonly number[], port = 8100): Promise<unknown> {
  const ask = [
    'import sys, urllib.request as r',
    `body = b'${JSON.stringify({ input_data: rows })}'`,
    `q = r.Request("http://127.0.0.1:${port}/score", body, {"content-type": "application/json"})`,
    'print(r.urlopen(q, timeout=20).read().decode())',
  ].join('\n');
  return JSON.parse(await onMachine('python3', '-I', '-c', ask));
}

const output = <T>({ stdout, stderr, code }: Ended, expected = 0): T => {
  assert.equal(code, expected, `${stdout}${stderr}`);
  return JSON.parse(stdout) as T;
};
/** Services and fronts that systemd has running on the VM, by kind. */
const units = async () =>
  (
    await onMachine(
      'sh',
      '-c',
      "systemctl list-units --all --plain --no-legend 'edge-train-serve@*' 'edge-train-front@*.socket' 'edge-train-tls-front@*' | cut -d@ -f1",
    )
  )
    .split('\n')
    .filter(Boolean)
    .map((name) => name.replace('edge-train-', ''))
    .sort();

test('a version is pulled, tested on the rows that its training recorded, and answers at its port, though the VM’s worker is killed', async () => {
  const promoted = output<ModelChangeOutput>(await product.edgeTrain('models', 'promote', 'times:1', '--json'));
  const deploying = product.edgeTrain('deploy', 'times@champion', '--to', 'demo', '--json');
  // The VM's worker is killed under the switch of the traffic, or beside it.
  await until('the new version runs', async () => (await units()).includes('serve'), 180);
  await onMachine('sh', '-c', "systemctl kill --signal KILL 'edge-train-worker@*'");
  const { result } = output<DeployOutput>(await deploying);
  assert.deepEqual([result.version, result.address, result.test?.rows], [1, 'http://127.0.0.1:8100', 3]);
  machine = result.virtualMachine ?? '';
  assert.equal(result.image?.digest, promoted.image?.digest);
  assert.deepEqual(await score([1, 2, 3]), [2, 4, 6]);
  assert.deepEqual(await units(), ['front', 'serve']);
  const list = output<DeploymentsOutput>(await product.edgeTrain('deployments', 'list', '--json'));
  assert.deepEqual(
    list.deployments.map((each) => [each.model, each.current.version, 'port' in each ? each.port : each.to]),
    [['times', 1, 8100]],
  );
});

test('the version that serves is the model’s champion and latest, and is neither archived nor cleaned away', async () => {
  const { models } = output<ModelsOutput>(await product.edgeTrain('models', 'list', '--json'));
  const times = models.find(({ model }) => model === 'times');
  assert.deepEqual(
    [times?.newest, times?.aliases.map(({ alias, version }) => [alias, version])],
    [1, [['champion', 1]]],
  );
  const { version } = output<ModelOutput>(await product.edgeTrain('models', 'show', 'times@latest', '--json'));
  assert.deepEqual(version?.aliases, ['champion', 'latest']);
  assert.match(version?.lineage.receipt ?? '', /^[0-9a-f]{64}$/);
  const { failure } = output<ErrorOutput>(await product.edgeTrain('models', 'archive', 'times:1', '--json'), 1);
  assert.equal(failure.type, 'VersionServes');
  const { repositories } = output<RegistryCleanedOutput>(await product.edgeTrain('registry', 'gc', '--json'));
  assert.deepEqual(
    repositories.filter(({ removed }) => removed.length > 0),
    [],
  );
});

test('one that predicts otherwise than was recorded is refused: the version before still answers, alone', async () => {
  await train({ factor: 3, recorded: 2 });
  const { failure } = output<ErrorOutput>(await product.edgeTrain('deploy', 'times', '--to', 'demo', '--json'), 1);
  assert.equal(failure.type, 'SmokeTestFailed');
  assert.match(failure.cause, /3 of 3 predictions/);
  assert.deepEqual(await score([1, 2, 3]), [2, 4, 6]);
  assert.deepEqual(await units(), ['front', 'serve']);
  const { state, steps = [] } = output<StatusOutput>(
    await product.edgeTrain('status', 'deploy-demo-times', '--json'),
    1,
  );
  assert.equal(state, 'failed');
  assert.deepEqual(
    steps.map((step) => step.state),
    ['done', 'done', 'done', 'done', 'done', 'failed', 'skipped', 'skipped', 'skipped'],
  );
});

test('one whose server does not start, one that dies under the traffic, and one that a stranger signed: each says so, and the version before answers, alone', async () => {
  const refused = async (): Promise<string> => {
    const { failure } = output<ErrorOutput>(await product.edgeTrain('deploy', 'times', '--to', 'demo', '--json'), 1);
    assert.deepEqual(await score([1, 2, 3]), [2, 4, 6], failure.cause);
    assert.deepEqual(await units(), ['front', 'serve'], failure.cause);
    return failure.type;
  };
  await train({ factor: 0, recorded: 0 });
  assert.equal(await refused(), 'ServiceNotHealthy');
  await train({ factor: -2, recorded: -2 });
  await withSite('probationSeconds: 2', 'probationSeconds: 60', async () =>
    assert.equal(await refused(), 'ServiceDied'),
  );
  const [before, own = ''] = /imageKeys: \[(.*?)\]/.exec(readFileSync(join(product.folder, 'site.yml'), 'utf8')) ?? [];
  assert.ok(before);
  const another = before.replace(own, JSON.stringify(generateSigningKey().publicKey));
  await withSite(before, another, async () => assert.equal(await refused(), 'ImageSignatureRefused'));
});

/** While `site.yml` says something else. */
async function withSite(text: string, other: string, deed: () => Promise<void>): Promise<void> {
  const file = join(product.folder, 'site.yml');
  const whole = readFileSync(file, 'utf8');
  assert.ok(whole.includes(text), text);
  writeFileSync(file, whole.replace(text, other));
  try {
    await deed();
  } finally {
    writeFileSync(file, whole);
  }
}

test('while another run is in the midst of its push, a deployment takes the version before, and neither disturbs the other', async () => {
  for (const version of [2, 3, 4])
    // those that do not hold
    output<ModelChangeOutput>(await product.edgeTrain('models', 'archive', `times:${version}`, '--json'));
  const route = 'PUT /v2/**/manifests/v5';
  const gate = await faultsOf(product).gate({ front: 'registry', route, moment: 'before' });
  const running = train({ factor: 3, recorded: 3 });
  await gate.reached();
  const { result } = output<DeployOutput>(await product.edgeTrain('deploy', 'times', '--to', 'demo', '--json'));
  assert.equal(result.version, 1);
  assert.deepEqual(await score([1, 2, 3]), [2, 4, 6]);
  await gate.open();
  assert.equal((await running).model.version, 5);
  assert.deepEqual(await score([1, 2, 3]), [2, 4, 6]);
  assert.deepEqual(await units(), ['front', 'serve']);
});

test('after a reboot of the VM the same version answers at the same port', async () => {
  const bootId = () => onMachine('cat', '/run/edge-train/boot-id');
  const before = await bootId();
  await docker(product.info, 'restart', '--time', '20', container);
  await until('it answers again', async () => ((await score([5]).catch(() => [])) as number[])[0] === 10, 90);
  assert.notEqual(await bootId(), before);
});

test('a run that was asked to deploys what it made as its last step, though all workers are killed at its steps', async () => {
  const running = train({ factor: 4, recorded: 4 }, '--deploy', 'site');
  const killed = await killedAtEachStep(running);
  const { model, deployed } = await running;
  assert.ok(killed.length >= 4, `killed at ${killed.join(', ')}`); // planning and finding are over before they are seen
  assert.deepEqual([deployed?.version, deployed?.replaced, deployed?.test?.rows], [model.version, 1, 3]);
  assert.deepEqual(await score([1, 2, 3]), [4, 8, 12]);
  assert.deepEqual(await units(), ['front', 'serve']);
});

/** Kills the cloud and site worker, and the VM's, once at each step of the deployment that is seen; returns those. */
async function killedAtEachStep(run: Promise<unknown>): Promise<string[]> {
  const killed: string[] = [];
  const over = run.then(
    () => true,
    () => true,
  );
  const pause = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 50));
  const { address, namespace } = product.info.temporal;
  const connection = await Connection.connect({ address });
  const deployment = new Client({ connection, namespace }).workflow.getHandle('deploy-demo-times');
  const { runId: before } = await deployment.describe();
  while (!(await Promise.race([over, pause()]))) {
    const { runId } = await deployment.describe();
    const status = await deployment.query<RunStatus>('status').catch(() => undefined); // its worker is on its way
    const step = status?.steps.find(({ state }) => state === 'running')?.name;
    if (runId === before || step === undefined || killed.includes(step)) continue;
    killed.push(step);
    const worker = JSON.parse(readFileSync(join(product.folder, 'worker.json'), 'utf8')) as { pid: number };
    process.kill(worker.pid, 'SIGKILL');
    await onMachine('sh', '-c', "systemctl kill --signal KILL 'edge-train-worker@*'");
    // What systemd does in production is done here by `sandbox start`.
    const started = await product.edgeTrain('sandbox', 'start', '--state', product.folder);
    assert.equal(started.code, 0, started.stderr);
  }
  await connection.close();
  return killed;
}

test('where site.yml says so, it is asked from other machines: with TLS, by who has a key', async () => {
  const { key, sha256 } = output<DeploymentKeyOutput>(await product.edgeTrain('deployments', 'key', 'ward', '--json'));
  const siteFile = join(product.folder, 'site.yml');
  const beyond = `deployments:\n  listen: 0.0.0.0\n  keys: { ward: ${sha256} }\n  clients: [10.20.0.0/16]\n`;
  writeFileSync(siteFile, readFileSync(siteFile, 'utf8').replace('deployments:\n', beyond));
  const { result } = output<DeployOutput>(await product.edgeTrain('deploy', 'times', '--to', 'demo', '--json'));
  assert.match(result.address ?? '', /^https:\/\/[\d.]+:8100$/);
  const told = await product.edgeTrain('deployments', 'certificate', 'times');
  assert.equal(told.stdout, result.certificate, told.stderr);
  const model = { port: 8100, address: result.address, certificate: told.stdout };

  const body = JSON.stringify({ input_data: [1, 2, 3] });
  const answers = async (given: { key?: string; body?: string }) => (await ask(model, '/score', given)).status;
  assert.deepEqual(JSON.parse((await ask(model, '/score', { key, body })).text), [4, 8, 12]);
  assert.deepEqual([await answers({ body }), await answers({ body, key: sha256 })], [401, 401]);
  const many = 1 << 20;
  const large = await ask(model, '/score', { key, body: JSON.stringify({ input_data: Array(many).fill(1) }) });
  assert.equal((JSON.parse(large.text) as unknown[]).length, many);
  assert.equal((await ask(model, '/')).status, 200);
  assert.deepEqual(await servingRules(), [['10.20.0.0/16']]);
  const { stdout } = await product.edgeTrain('deployments', 'list');
  assert.match(stdout, new RegExp(`^times +\\d+ +demo +\\S+ +${result.address} `, 'm'));
});

/** From where the VM's security group lets models be asked. */
async function servingRules(): Promise<unknown[]> {
  const { endpoint, tenant, subscription, clientId, clientSecretFile } = product.info.stackHub;
  const hub = await openStackHub({
    ...{ endpoint, tenant, subscription, clientId, location: 'local', resourceGroup: 'edge-train' },
    ...{ clientSecret: readFileSync(clientSecretFile, 'utf8').trim(), ca: readFileSync(product.info.caFile, 'utf8') },
  });
  const group = await getResource(hub, networkAddresses(machine).securityGroup, undefined);
  assert.ok(group, machine);
  const rules = group.properties['securityRules'] as { properties: { sourceAddressPrefixes?: string[] } }[];
  return rules.map(({ properties }) => properties.sourceAddressPrefixes);
}

test('undeployed, nothing answers and nothing is left', async () => {
  const { result } = output<DeployOutput>(await product.edgeTrain('undeploy', 'times', '--to', 'demo', '--json'));
  assert.equal(result.version, undefined);
  await assert.rejects(score([1]), /refused/i);
  assert.deepEqual(await servingRules(), [], 'nobody is let in any more');
  assert.deepEqual(await units(), []);
  assert.equal(
    await onMachine(
      'sh',
      '-c',
      'ls /var/lib/edge-train/services; ls /var/lib/edge-train/services/by-front; ls -d /etc/systemd/system/edge-train-*@*.d; true',
    ),
    'by-front',
  );
  const again = output<ErrorOutput>(await product.edgeTrain('undeploy', 'times', '--json'), 1);
  assert.equal(again.failure.type, 'NotDeployed');
});
