import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { DeployOutput, DeploymentsOutput, ErrorOutput } from '../../client/output.ts';
import { endpointKey } from '../../services/machine-learning/online-endpoints.ts';
import { askEndpoint } from '../../services/machine-learning/scoring.ts';
import { openCredential, openWorkspace } from '../../services/machine-learning/workspace.ts';
import { generateSigningKey } from '../../services/signing.ts';
import { until } from '../support/until.ts';
import { during, faultsOf, type Gate } from './faults.ts';
import { docker, EXAMPLE, ROOT, startProduct, type Ended, type Product } from './product.ts';

/** A released model that serves on an online endpoint of the sandbox's Azure ML, whose servers are real containers. */
let product: Product;
let folder: string;
let ca: string;

before(
  async () => {
    folder = mkdtempSync(join(tmpdir(), 'edge-train-cloud-serving-'));
    product = await startProduct();
    ca = readFileSync(product.info.caFile, 'utf8');
    configure((text) => text.replace('deployments:\n', 'deployments:\n  probationSeconds: 3\n  startSeconds: 60\n'));
    await train({ factor: 2 });
  },
  { timeout: 400_000 },
);
after(async () => {
  await product?.close();
  rmSync(folder, { recursive: true, force: true });
});

function configure(change: (text: string) => string): void {
  const file = join(product.folder, 'cloud.yml');
  const text = readFileSync(file, 'utf8');
  assert.notEqual(change(text), text);
  writeFileSync(file, change(text));
}

async function train({ factor }: { factor: number }): Promise<void> {
  cpSync(join(ROOT, 'test', 'e2e', 'serving-job'), folder, { recursive: true });
  const file = join(folder, 'training.yml');
  writeFileSync(file, JSON.stringify({ site: 'demo', job: 'job.yml', model: { name: 'times', path: 'model' } }));
  await product.train(file, '--set', `inputs.factor=${factor}`);
}

const output = <T>({ stdout, stderr, code }: Ended, expected = 0): T => {
  assert.equal(code, expected, `${stdout}${stderr}`);
  return JSON.parse(stdout) as T;
};
const cloudCommand = async <T>(...args: string[]) => output<T>(await product.edgeTrain(...args, '--json'));

/** The endpoint's containers. */
const servers = async (): Promise<string[]> => {
  const labels = ['label=edge-train.model-server', `label=edge-train.state=${join(product.folder, 'sandbox')}`];
  const filters = labels.flatMap((label) => ['--filter', label]);
  const names = await docker(product.info, 'ps', '--all', ...filters, '--format', '{{.Names}}');
  return names.split('\n').filter(Boolean);
};

async function keyOf(endpoint: string): Promise<string> {
  const { azure } = product.info;
  const clientSecret = readFileSync(azure.clientSecretFile, 'utf8').trim();
  const credential = openCredential({ ...azure, clientSecret, ca });
  return endpointKey(openWorkspace({ ...azure, credential, ca }), endpoint);
}

/** As anybody asks who has the key. */
async function score(
  { endpoint = '', address = '' }: DeployOutput['result'],
  rows: readonly number[],
): Promise<unknown> {
  const answer = await askEndpoint({ scoringUri: address, key: await keyOf(endpoint), body: { input_data: rows }, ca });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

const listed = async () => {
  const { deployments } = await cloudCommand<DeploymentsOutput>('deployments', 'list');
  return deployments.map((each) => ['to' in each, each.model, each.current.version, each.previous?.version]);
};

/** What systemd does in production is done here by `sandbox start`. */
async function killWorker(gate: Gate): Promise<void> {
  const worker = JSON.parse(readFileSync(join(product.folder, 'worker.json'), 'utf8')) as { pid: number };
  process.kill(worker.pid, 'SIGKILL');
  await gate.open();
  const restarted = await product.edgeTrain('sandbox', 'start', '--state', product.folder);
  assert.equal(restarted.code, 0, restarted.stderr);
}

test('a version is verified, made, asked and given the traffic, though the worker is killed at each of these; its key is in no history', async () => {
  const gate = (route: string) => faultsOf(product).gate({ front: 'azure', route, moment: 'after' });
  const endpoint = '/subscriptions/**/onlineEndpoints/*';
  const [made, ...others] = [`PUT ${endpoint}`, `PUT ${endpoint}/deployments/*`, 'POST /inference/**'];
  let at = await gate(made ?? '');
  const deploying = product.edgeTrain('deploy', 'times:1', '--to', 'cloud', '--json');
  for (const route of [...others, `PUT ${endpoint}`, `PATCH ${endpoint}`, undefined]) {
    await during(deploying, at.reached());
    // Before the one is opened, lest the next is gone by.
    const next = route === undefined ? undefined : await gate(route);
    await killWorker(at);
    if (next) at = next;
  }
  const { result, workflowId } = output<DeployOutput>(await deploying);
  assert.deepEqual(
    [result.to, result.version, result.test?.rows, result.virtualMachine],
    ['cloud', 1, null, undefined],
  );
  assert.deepEqual(await score(result, [1, 2, 3]), [2, 4, 6]);
  const wrong = await askEndpoint({ scoringUri: result.address ?? '', key: 'wrong', body: { input_data: [1] }, ca });
  assert.equal(wrong.status, 401);
  assert.equal((await servers()).length, 1);
  assert.deepEqual(await listed(), [[true, 'times', 1, undefined]]);

  const { address, namespace } = product.info.temporal;
  const connection = await Connection.connect({ address });
  const history = await new Client({ connection, namespace }).workflow.getHandle(workflowId).fetchHistory();
  await connection.close();
  const bytes = Buffer.from(proto.temporal.api.history.v1.History.encode(history).finish());
  assert.ok(bytes.includes(result.endpoint ?? ''), 'payloads are readable here');
  assert.ok(!bytes.includes(await keyOf(result.endpoint ?? '')));
});

test('a new version takes its place without one request lost, and a rollback goes back', async () => {
  await train({ factor: 3 });
  const { result: before } = await cloudCommand<DeployOutput>('deploy', 'times:1', '--to', 'cloud');
  let deployed = false;
  const answers: unknown[] = [];
  const asking = (async () => {
    while (!deployed) answers.push(await score(before, [1]));
  })();
  const { result } = await cloudCommand<DeployOutput>('deploy', 'times', '--to', 'cloud').finally(
    () => (deployed = true),
  );
  await asking;
  assert.deepEqual([result.version, result.replaced], [2, 1]);
  assert.deepEqual(answers.at(0), [2]);
  assert.deepEqual(await score(result, [1, 2]), [3, 6]);
  assert.equal((await servers()).length, 1);
  const back = await cloudCommand<DeployOutput>('rollback', 'times', '--to', 'cloud');
  assert.deepEqual([back.result.version, back.result.replaced], [1, 2]);
  assert.deepEqual(await score(back.result, [1]), [2]);
  assert.deepEqual(await listed(), [[true, 'times', 1, 2]]);
});

test('what serves serves again after a stop and a start of the sandbox', async () => {
  const { result } = await cloudCommand<DeployOutput>('deploy', 'times:1', '--to', 'cloud');
  for (const verb of ['stop', 'start']) {
    const ended = await product.edgeTrain('sandbox', verb, '--state', product.folder);
    assert.equal(ended.code, 0, ended.stderr);
  }
  await until('it answers', async () => ((await score(result, [1]).catch(() => [])) as number[])[0] === 2, 90);
  assert.deepEqual(await score(result, [4]), [8]);
});

test('a version whose server does not start, or whose image another key signed: what served before serves, alone', async () => {
  await train({ factor: 0 });
  const failed = output<ErrorOutput>(await product.edgeTrain('deploy', 'times:3', '--to', 'cloud', '--json'), 1);
  assert.equal(failed.failure.type, 'DeploymentFailed');
  assert.match(failed.failure.cause, /ResourceNotReady/);
  assert.deepEqual([(await servers()).length, await listed()], [1, [[true, 'times', 1, 2]]]);

  const text = readFileSync(join(product.folder, 'cloud.yml'), 'utf8');
  configure((whole) =>
    whole.replace(/imageKeys: .*/, `imageKeys: [${JSON.stringify(generateSigningKey().publicKey)}]`),
  );
  const refused = output<ErrorOutput>(await product.edgeTrain('deploy', 'times:2', '--to', 'cloud', '--json'), 1);
  configure(() => text);
  assert.equal(refused.failure.type, 'ImageSignatureRefused');
  assert.deepEqual([(await servers()).length, await listed()], [1, [[true, 'times', 1, 2]]]);
});

test('undeployed, nothing answers and nothing is left; again there is nothing to do', async () => {
  const { result } = await cloudCommand<DeployOutput>('undeploy', 'times', '--to', 'cloud');
  assert.deepEqual([result.version, result.replaced], [undefined, 1]);
  assert.deepEqual([await servers(), await listed()], [[], []]);
  const again = output<ErrorOutput>(await product.edgeTrain('undeploy', 'times', '--cloud', '--json'), 1);
  assert.equal(again.failure.type, 'NotDeployed');
});

test('a model with a signature is asked for predictions of rows that are made up from it, and of no others', async () => {
  await product.train(join(EXAMPLE, 'training.yml'));
  const { result } = await cloudCommand<DeployOutput>('deploy', 'breast-cancer', '--to', 'cloud');
  assert.equal(result.test?.rows, 2);
  const requests = (await (await fetch(`${product.info.admin}/requests?front=azure`)).json()) as {
    path: string;
    body?: string;
  }[];
  const bodies = new Set(
    requests.flatMap(({ path, body }) => (path.includes(`/${result.endpoint}/score`) ? [body] : [])),
  );
  assert.equal(bodies.size, 1, 'the same rows each time');
  const [body = ''] = bodies;
  const { data } = (JSON.parse(body) as { input_data: { data: number[][] } }).input_data;
  assert.deepEqual([...new Set(data.flat())], [0.5]);
  await cloudCommand<DeployOutput>('undeploy', 'breast-cancer', '--to', 'cloud');
});
