import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { DeployModelInput, type DeploymentPlan } from '../../domain/deployment.ts';
import { SiteGrant, SmokeTestGrant } from '../../domain/grant.ts';
import { MachinePrivateKey } from '../../domain/machine-config.ts';
import type { Evidence } from '../../domain/model-version.ts';
import { canonicalArtifacts } from '../../domain/release.ts';
import type { ReceiptPredicate } from '../../domain/statement.ts';
import { TrainModelInput } from '../../domain/train-model-input.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { InstalledMachine } from '../../domain/virtual-machine.ts';
import { openContainer, putIfAbsent, readText, replaceText, STACK_HUB_VERSION } from '../../services/blob-storage.ts';
import { NETWORK_VERSION } from '../../services/stack-hub/network.ts';
import { getResource } from '../../services/stack-hub/resource.ts';
import { recipeDigest } from '../../services/release-decision.ts';
import { generateMachineKey, generateSigningKey, openSeal, sha256, verifyStatement } from '../../services/signing.ts';
import { validInput } from '../domain/valid-input.ts';
import { verdictOf } from '../../domain/verdict.ts';
import { startSite, type TestSite } from './site.ts';

let site: TestSite;
let plan: TrainingPlan;
let machine: InstalledMachine;
let privateKey: MachinePrivateKey;

before(async () => {
  site = await startSite();
  await site.put('hospital', 'breast-cancer/wdbc.csv', 'radius\n17.99\n');
  plan = await newPlan('run-1');
  machine = await site.activities.enrolVirtualMachine(
    await site.activities.provisionVirtualMachine(plan.virtualMachine),
  );
  const line = /printf %s '([^']+)'/.exec(site.machines.scripts.at(-1)?.commandToExecute ?? '')?.[1] ?? '';
  const config = JSON.parse(Buffer.from(line, 'base64').toString()) as { privateKey: unknown };
  privateKey = MachinePrivateKey.parse(config.privateKey);
});
after(() => site[Symbol.asyncDispose]());
beforeEach(() => site.configure());

const newPlan = (run: string) =>
  site.activities.planTraining({
    input: TrainModelInput.parse(validInput()),
    workflowId: 'train',
    originalExecutionRunId: run,
  });

describe('a deployment', () => {
  const asked = (change: Partial<DeployModelInput> = {}, run = 'd-1') =>
    site.activities.planDeployment({
      input: DeployModelInput.parse({ site: 'demo', model: 'breast-cancer', ...change }),
      workflowId: 'deploy-demo-breast-cancer',
      originalExecutionRunId: run,
    });
  const image = (digit: string) => ({
    ...{ registry: 'registry.example', repository: 'edge-train/breast-cancer', tag: `v${digit}` },
    digest: `sha256:${digit.repeat(64)}`,
  });
  const imageKeys = [generateSigningKey().publicKey];
  const record = (planned: DeploymentPlan, version: number) =>
    site.activities.recordDeployment({
      plan: planned,
      deployed: { version, image: image(String(version)), service: planned.job, at: '2026-01-02T03:04:05.000Z' },
      port: 8100,
    });

  it('is refused where site.yml has none, and for a model that does not serve', async () => {
    await assert.rejects(asked(), { type: 'DeploymentsNotAllowed', class: 'policy' });
    await site.configure({ deployments: { imageKeys } });
    await assert.rejects(asked({ action: 'rollback' }), { type: 'NotDeployed', class: 'input' });
    await assert.rejects(asked({ action: 'undeploy' }), { type: 'NotDeployed' });
    await assert.rejects(asked({ site: 'other' }), { type: 'InvalidInput' });
  });

  it('stays where the model serves; a rollback knows the version before by its digest; the VM stays up until it is over', async () => {
    await site.configure({
      deployments: { imageKeys, virtualMachine: machine.name, memoryMiB: 700, probationSeconds: 5 },
    });
    const first = await asked();
    assert.deepEqual(await asked(), first, 'the same deployment has the same plan');
    assert.deepEqual(
      [
        first.virtualMachine.name,
        first.virtualMachine.size.name,
        first.memoryMiB,
        first.probationSeconds,
        first.replaces,
      ],
      [machine.name, machine.size.name, 700, 5, undefined],
    );
    await record(first, 1);
    await assert.rejects(asked({ action: 'rollback' }), { type: 'NotDeployed' });
    const second = await asked({ version: 2 }, 'd-2');
    assert.deepEqual([second.front, second.replaces?.version, second.version], [first.front, 1, 2]);
    assert.notEqual(second.job, first.job);
    await record(second, 2);
    await record(second, 2);
    const again = await asked({ version: 2 }, 'd-again');
    assert.equal((await record(again, 2)).previous?.version, 1, 'the version before is another version');
    const back = await asked({ action: 'rollback' }, 'd-3');
    assert.deepEqual([back.version, back.digest, back.replaces?.version], [1, image('1').digest, 2]);
    await assert.rejects(asked({ virtualMachine: 'another' }), { type: 'InvalidInput', message: /serves on/ });
    const { deployments } = await site.activities.listDeployments('demo');
    assert.deepEqual(
      deployments.map(({ model, current, previous }) => [model, current.version, previous?.version]),
      [['breast-cancer', 2, 1]],
    );

    assert.equal(await site.activities.deallocateVirtualMachine(machine.name), 'serves');
    assert.equal(await site.activities.deleteVirtualMachine(machine.name), 'serves');
    assert.equal(await site.activities.inspectVirtualMachine(machine.name), 'running');
    assert.equal(await site.activities.deallocateVirtualMachine('another'), 'rests');
    await site.configure();
    const gone = await asked({ action: 'undeploy' }, 'd-4');
    assert.equal(gone.gone, undefined);
    await site.activities.forgetDeployment(gone);
    await site.activities.forgetDeployment(gone);
    assert.deepEqual((await site.activities.listDeployments('demo')).deployments, []);
  });

  it('lets those ask a model who may, while one serves there, and nobody otherwise', async () => {
    const beyond = { imageKeys, virtualMachine: machine.name, listen: '0.0.0.0', ports: { from: 8100, to: 8109 } };
    const open = async (clients: string[]) =>
      site.configure({ deployments: { ...beyond, clients, keys: { ward: 'a'.repeat(64) } } });
    const rules = async () => {
      const nsg = `Microsoft.Network/networkSecurityGroups/${machine.name}-nsg`;
      const found = await getResource(await site.operator(), { path: nsg, apiVersion: NETWORK_VERSION }, undefined);
      return (found?.properties['securityRules'] as { name: string; properties: Record<string, unknown> }[]).map(
        ({ name, properties }) => [
          name,
          properties['access'],
          properties['sourceAddressPrefixes'],
          properties['destinationPortRange'],
        ],
      );
    };
    await open(['10.20.0.0/16']);
    const first = await asked();
    assert.deepEqual([first.listen, first.virtualMachine.upToDate], ['0.0.0.0', true]);
    await site.activities.settleServingRule({ plan: first, serves: true });
    await record(first, 1);
    assert.deepEqual(await rules(), [['edge-train-serving', 'Allow', ['10.20.0.0/16'], '8100-8109']]);
    const puts = async () =>
      (await site.fixture.admin<{ method: string; path: string }[]>('GET', '/requests?front=stack-hub')).filter(
        ({ method, path }) => method === 'PUT' && path.includes('edge-train-serving'),
      ).length;
    await site.activities.settleServingRule({ plan: first, serves: true });
    assert.equal(await puts(), 1, 'what is as it should be is left');
    await open(['10.20.0.0/16', '10.30.1.7/32']);
    await site.activities.settleServingRule({ plan: first, serves: true });
    assert.deepEqual((await rules())[0]?.[2], ['10.20.0.0/16', '10.30.1.7/32']);

    const other = { ...first, model: 'another' };
    await site.activities.settleServingRule({ plan: other, serves: false });
    assert.equal((await rules()).length, 1, 'one that is left still serves');
    await site.activities.settleServingRule({ plan: first, serves: false });
    assert.deepEqual(await rules(), []);
    await site.activities.settleServingRule({ plan: first, serves: true });
    await site.configure({ deployments: { imageKeys, virtualMachine: machine.name } });
    await site.activities.settleServingRule({ plan: first, serves: true });
    assert.deepEqual(await rules(), [], 'on loopback nobody is let in');
    const host = { ...first, virtualMachine: { ...first.virtualMachine, name: 'a-host', host: true as const } };
    await site.activities.settleServingRule({ plan: host, serves: true });
    await site.activities.forgetDeployment(first);
  });

  it('has on record where each model of a VM is asked, when one of them finds the VM at another address', async () => {
    await site.configure({ deployments: { imageKeys, virtualMachine: machine.name } });
    const planned = await asked();
    const serving = (model: string, port: number, address?: string) =>
      site.activities.recordDeployment({
        plan: { ...planned, model },
        deployed: { version: 1, image: image('1'), service: planned.job, at: '2026-01-02T03:04:05.000Z' },
        ...{ port, ...(address ? { address: `https://${address}:${port}`, certificate: `PEM of ${address}` } : {}) },
      });
    const told = async () =>
      (await site.activities.listDeployments('demo')).deployments.map((each) => [each.address, each.certificate]);
    await serving('one', 8100, '10.20.0.4');
    await serving('two', 8101, '10.20.0.4');
    await serving('three', 8102);
    await serving('two', 8101, '10.20.0.9');
    const anew = (port: number) => [`https://10.20.0.9:${port}`, 'PEM of 10.20.0.9'];
    // The same service at another place is written down, too; it is no other version.
    assert.deepEqual(await told(), [anew(8100), [undefined, undefined], anew(8101)]);
    for (const model of ['one', 'two', 'three']) await site.activities.forgetDeployment({ ...planned, model });
  });

  it('lets the VM read the rows that the job recorded, and no other blob', async () => {
    await site.configure({ deployments: { imageKeys, virtualMachine: machine.name } });
    const planned = await asked();
    const grant = (job: string) =>
      site.activities.grantSmokeTest({ plan: planned, job, machineKey: machine.publicKey });
    assert.equal(await grant(plan.job), null, 'its training names no such file');
    const input = validInput();
    input.job.outputs = { model: { type: 'mlflow_model' }, kept: { type: 'uri_folder' } };
    input.model = { ...input.model, smokeTest: 'kept/a/rows.json' };
    const training = (change: object = {}, run = 'recorded') =>
      site.activities.planTraining({
        input: TrainModelInput.parse({ ...input, model: { ...input.model, ...change } }),
        workflowId: 'train',
        originalExecutionRunId: run,
      });
    const { job } = await training();
    await assert.rejects(grant(job), { type: 'SmokeTestMissing', class: 'script' });
    await site.put('runs', `runs/${job}/outputs/kept/a/rows.json`, '{"predictions":[1]}');
    const sealed = await grant(job);
    assert.ok(sealed && !/sig=/.test(JSON.stringify(sealed)));
    const { url } = SmokeTestGrant.parse(await openSeal(sealed.jwe, privateKey));
    const rows = `runs/${job}/outputs/kept/a/rows.json`;
    const connection = { ca: site.fixture.ca, apiVersion: STACK_HUB_VERSION };
    const granted = openContainer(url.replace(`/${rows}?`, '?'), connection);
    assert.equal(await readText(granted, rows), '{"predictions":[1]}');
    await assert.rejects(readText(granted, `runs/${job}/plan.json`), { class: 'policy' });
    await assert.rejects(replaceText(granted, rows, 'x', 'text/plain'), { class: 'policy' });

    for (const [smokeTest, rule] of [
      ['model/rows.json', /leave with it/],
      ['kept', /OUTPUT\/FILE/],
      ['nowhere/rows.json', /names no output/],
      ['kept/../model/x', /without/],
    ] as const)
      await assert.rejects(training({ smokeTest }, smokeTest), { type: 'InvalidInput', message: rule });
  });
});

describe('a grant', () => {
  it('opens on the VM alone, reads the plan’s store and writes to the run container', async () => {
    const sealed = await site.activities.grantData({ plan, machineKey: machine.publicKey });
    assert.doesNotMatch(JSON.stringify(sealed), /sig=/);
    await assert.rejects(openSeal(sealed.jwe, generateMachineKey().privateKey), { type: 'SealBroken' });
    const grant = SiteGrant.parse(await openSeal(sealed.jwe, privateKey));
    const connection = { ca: site.fixture.ca, apiVersion: STACK_HUB_VERSION };
    const store = openContainer(grant.stores['hospital']!, connection);
    const runs = openContainer(grant.runs, connection);
    assert.equal(await readText(store, 'breast-cancer/wdbc.csv'), 'radius\n17.99\n');
    await assert.rejects(putIfAbsent(store, 'leak', 'x'), { retryable: false });
    assert.equal(await putIfAbsent(runs, `runs/${plan.job}/log.txt`, 'line'), true);
    assert.equal(grant.plan, `runs/${plan.job}/plan.json`);
    assert.ok((await readText(runs, grant.plan))?.includes(plan.job));
    assert.deepEqual(Object.keys(grant.stores), ['hospital']);
    const hours = (Date.parse(sealed.expires) - Date.now()) / 3_600_000;
    assert.ok(hours > 0.9 && hours <= 1);
  });

  it('is not given to a key that ARM does not know, nor for a VM that is not enrolled', async () => {
    const refused = { class: 'policy', type: 'KeyMismatch', retryable: false };
    await assert.rejects(site.activities.grantData({ plan, machineKey: generateMachineKey().publicKey }), refused);
  });

  it('is not given for a plan that the workflow changed, made up, or that a VM overwrote', async () => {
    const refused = { class: 'policy', type: 'PlanForged', retryable: false };
    const inputs = [{ ...plan.inputs[0]!, data: { store: 'hospital', path: 'patients.csv' } }];
    await assert.rejects(
      site.activities.grantData({ plan: { ...plan, inputs }, machineKey: machine.publicKey }),
      refused,
    );
    await assert.rejects(
      site.activities.grantData({ plan: { ...plan, job: '0'.repeat(20) }, machineKey: machine.publicKey }),
      refused,
    );

    const other = await newPlan('run-2');
    const path = `runs/${other.job}/plan.json`;
    const container = site.blobs.container('runs');
    await replaceText(
      container,
      path,
      (await readText(container, path))!.replace('wdbc.csv', 'patients.csv'),
      'application/json',
    );
    await assert.rejects(site.activities.grantData({ plan: other, machineKey: machine.publicKey }), refused);
  });

  it('is not given for a store that the operator has taken away since', async () => {
    await site.configure({ dataStores: {}, dataAssets: {} });
    await assert.rejects(site.activities.grantData({ plan, machineKey: machine.publicKey }), {
      class: 'policy',
      type: 'StoreWithdrawn',
      message: /hospital/,
    });
  });
});

describe('a receipt', () => {
  it('is signed over the evidence, kept on site, and the same when it is asked for again', async () => {
    const first = await site.activities.issueReceipt(evidence());
    assert.deepEqual(await site.activities.issueReceipt(evidence()), first);
    const stored = await readText(site.blobs.container('runs'), first.path);
    assert.equal(sha256(stored!), first.digest);
    const statement = verifyStatement(first.envelope, site.receiptPublicKey) as {
      subject: unknown;
      predicate: Record<string, unknown>;
    };
    assert.deepEqual(statement.subject, [{ name: 'model.onnx', digest: { sha256: 'a'.repeat(64) } }]);
    assert.deepEqual(statement.predicate['metrics'], ['accuracy', 'loss']);
    assert.deepEqual(statement.predicate['data'], { rootDigest: 'b'.repeat(64), files: 1, bytes: 13 });
    assert.deepEqual(statement.predicate['uplink'], { state: 'not configured' });
    assert.deepEqual(statement.predicate['cage'], evidence().completed.cage);
  });

  it('has a site that learns names learn those of a recipe’s first release, and no later one’s', async () => {
    const receiptOf = async (run: string, ...names: string[]) => {
      const other = await newPlan(run);
      const metrics = names.map((name) => ({ name, value: 1, step: 0, timestamp: 0 }));
      const completed = {
        ...evidence().completed,
        job: other.job,
        metrics,
        published: { points: 3, names: ['epoch'] },
      };
      await site.activities.issueReceipt({ ...evidence(), plan: other, completed });
      return other;
    };
    const path = `learned/${recipeDigest(plan)}.json`;
    const learned = () => readText(site.blobs.container('runs'), path);
    await receiptOf('run-unlearned', 'other');
    assert.equal(await learned(), undefined);
    await site.configure({ release: { tracking: { metrics: { names: 'learned' } } } });
    const { job } = await receiptOf('run-learned', 'loss', 'acc');
    assert.deepEqual(JSON.parse((await learned())!), { job, names: ['acc', 'epoch', 'loss'] });
    await receiptOf('run-learned-later', 'patient 842517');
    assert.doesNotMatch((await learned())!, /patient/);
  });

  it('says what the uplink’s own log says of the VM, and stays the same when the log goes on', async () => {
    const uplinkLog = join(site.directory, 'access.log');
    const line = (target: string, out: number, client = machine.privateAddress) =>
      `${Date.now() / 1000} 5 ${client} TCP_TUNNEL/200 70 CONNECT ${target} - HIER_DIRECT/192.0.2.1 - ${out}\n`;
    writeFileSync(uplinkLog, line('release.example:443', 900) + line('release.example:443', 5, '10.9.9.9'));
    await site.configure({ uplinkLog });
    const other = await newPlan('run-uplink');
    const destination = 'https://release.example/staging/staging/x/';
    const asked = {
      ...{ ...evidence(), plan: other },
      completed: { ...evidence().completed, job: other.job },
      release: { ...evidence().release, destination },
    };
    const first = await site.activities.issueReceipt(asked);
    const said = (verifyStatement(first.envelope, site.receiptPublicKey) as { predicate: ReceiptPredicate }).predicate;
    assert.ok(said.uplink?.state === 'read');
    assert.equal(said.uplink.client, machine.privateAddress);
    assert.deepEqual(said.uplink.destinations, [
      { to: 'release.example:443', connections: 1, refused: 0, sent: 900, received: 70 },
    ]);
    appendFileSync(uplinkLog, line('release.example:443', 1));
    assert.deepEqual(await site.activities.issueReceipt(asked), first);
    await assert.rejects(
      site.activities.issueReceipt({ ...asked, release: { ...asked.release, destination: 'https://other.example/' } }),
      { type: 'OtherReceipt' },
    );

    await site.configure({ uplinkLog: join(site.directory, 'absent.log') });
    const last = await newPlan('run-no-log');
    const blind = await site.activities.issueReceipt({
      ...{ ...evidence(), plan: last },
      completed: { ...evidence().completed, job: last.job },
    });
    const { predicate } = verifyStatement(blind.envelope, site.receiptPublicKey) as { predicate: ReceiptPredicate };
    assert.ok(predicate.uplink?.state === 'unreadable');
    assert.match(predicate.uplink.why, /absent\.log|ENOENT/);
  });

  it('survives a lost answer', async () => {
    const other = { ...evidence(), plan: await newPlan('run-lost') };
    const request = { ...other, completed: { ...other.completed, job: other.plan.job } };
    await site.fixture.fault({
      route: `PUT /sitedata/runs/runs/${other.plan.job}/receipt.json`,
      moment: 'after',
      action: 'drop',
      count: 3,
    });
    const receipt = await site.activities.issueReceipt(request).catch(() => site.activities.issueReceipt(request));
    assert.equal(sha256((await readText(site.blobs.container('runs'), receipt.path))!), receipt.digest);
    await site.fixture.admin('DELETE', '/faults');
  });

  it('of other evidence, or of another’s hand, is refused', async () => {
    const changed = evidence();
    const refused = { class: 'policy', retryable: false };
    await assert.rejects(site.activities.issueReceipt({ ...changed, completed: { ...changed.completed, starts: 2 } }), {
      ...refused,
      type: 'OtherReceipt',
    });
    const path = `runs/${plan.job}/receipt.json`;
    await replaceText(site.blobs.container('runs'), path, '{"forged": true}', 'application/json');
    await assert.rejects(site.activities.issueReceipt(changed), { ...refused, type: 'OtherReceipt' });
  });

  it('is refused for a pickle, by the site’s file as it is now', async () => {
    const pickled = evidence('model.pkl');
    await assert.rejects(site.activities.issueReceipt(pickled), {
      class: 'policy',
      type: 'ReleaseRefused',
      message: /1 of 1 files can run code.*names no approver/,
    });
    const other = await newPlan('run-pickle');
    await site.configure({ release: { pickle: 'allow' } });
    await site.activities.issueReceipt({
      ...pickled,
      plan: other,
      completed: { ...pickled.completed, job: other.job },
    });
  });

  const lies: [string, (evidence: Evidence) => Evidence][] = [
    ['another digest', (each) => ({ ...each, release: { ...each.release, digest: 'c'.repeat(64) } })],
    ['other bytes', (each) => ({ ...each, release: { ...each.release, bytes: 1 } })],
    ['another output', (each) => ({ ...each, release: { ...each.release, output: 'default' } })],
    ['another job', (each) => ({ ...each, completed: { ...each.completed, job: '0'.repeat(20) } })],
    ['another VM', (each) => ({ ...each, machine: { ...each.machine, name: 'other' } })],
    ['another environment', (each) => ({ ...each, environment: { ...each.environment, digest: 'x' } })],
    ['more data', (each) => ({ ...each, inputs: { ...each.inputs, data: { ...each.inputs.data, bytes: 99 } } })],
  ];
  for (const [name, lie] of lies) {
    it(`is refused for evidence that does not fit together: ${name}`, async () => {
      await assert.rejects(site.activities.issueReceipt(lie(evidence())), {
        class: 'policy',
        type: 'EvidenceRefused',
        retryable: false,
      });
    });
  }
});

function evidence(path = 'model.onnx'): Evidence {
  const artifacts = [{ path, bytes: 5, sha256: 'a'.repeat(64) }];
  const at = '2026-11-24T00:00:00Z';
  return {
    plan,
    machine: { name: machine.name, bundle: machine.bundle },
    environment: { digest: plan.environment.digest, lock: 'd'.repeat(64), python: '3.11', packages: [], cached: false },
    inputs: { data: { rootDigest: 'b'.repeat(64), files: 1, bytes: 13 }, cached: false },
    completed: {
      ...{ job: plan.job, exitCode: 0, starts: 1, startedAt: at, endedAt: at, bootId: 'boot', log: 'log.txt' },
      cage: { files: { '/etc/systemd/system/edge-train-job@.service': 'e'.repeat(64) }, tried: ['raw sockets'] },
      parameters: { C: '1' },
      withheld: 0,
      metrics: [
        { name: 'loss', value: 0.1, step: 0, timestamp: 0 },
        { name: 'accuracy', value: 0.9, step: 0, timestamp: 0 },
      ],
    },
    release: {
      output: 'model',
      modelType: 'mlflow_model',
      artifacts,
      verdicts: [verdictOf(path, path.endsWith('.pkl') ? 'pickle' : 'yaml', path.endsWith('.pkl') ? ['pickle'] : [])],
      digest: sha256(canonicalArtifacts(artifacts)),
      bytes: 5,
    },
  };
}
