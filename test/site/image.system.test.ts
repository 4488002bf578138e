import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ImageGrant } from '../../domain/grant.ts';
import { MachinePrivateKey } from '../../domain/machine-config.ts';
import { TrainModelInput, type TrainModelRequest } from '../../domain/train-model-input.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { openCredential } from '../../services/machine-learning/workspace.ts';
import type { Registry } from '../../services/container-registry/session.ts';
import { generateMachineKey, openSeal, sha256 } from '../../services/signing.ts';
import { validInput } from '../domain/valid-input.ts';
import { startProxy } from '../edge/site.ts';
import { send } from '../sandbox/fixture.ts';
import { startDockerRegistry, type Upstream } from '../sandbox/upstream.ts';
import { tar } from '../services/layers.ts';
import { pushImage, pushIndex } from '../support/push-image.ts';
import { startSite, type TestSite } from './site.ts';

const PASSWORD = 'the-pull-token-that-must-stay-with-the-site';
const LAYER = { tar: tar({ name: 'bin/bash', content: 'x', mode: 0o755 }) };

let upstream: Upstream;
let site: TestSite;
let registry: Registry;
let uplink: Awaited<ReturnType<typeof startProxy>>;
let allow: string[];
let offered: Record<string, unknown>;
let host: string;
let runs = 0;

before(async () => {
  upstream = await startDockerRegistry();
  site = await startSite(undefined, {
    dockerRegistry: { url: upstream.url },
    pullToken: { name: 'site', password: PASSWORD },
  });
  await site.put('hospital', 'breast-cancer/wdbc.csv', 'radius\n17.99\n');
  const { azure, ports } = site.fixture.config;
  host = `127.0.0.1:${ports.registry}`;
  const { tenant, clientId, clientSecret } = azure;
  const { ca } = site.fixture;
  const credential = openCredential({ tenant, clientId, clientSecret, authority: site.fixture.azure, ca });
  registry = { loginServer: host, audience: 'https://management.azure.com', ca, credential };
  allow = [];
  uplink = await startProxy('127.0.0.1', allow);
  const password = join(site.directory, 'pull-token');
  await writeFile(password, PASSWORD, { mode: 0o600 });
  offered = { host, username: 'site', password: `file:${password}` };
});
after(async () => {
  uplink.close();
  await site[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});
beforeEach(async () => {
  allow.splice(0, allow.length, host);
  await configure();
});

const configure = (change: Record<string, unknown> = {}, more: Record<string, unknown> = {}) =>
  site.configure({ uplink: uplink.url, registries: [{ ...offered, ...change }], ...more });

function plan(image: string, run = `run-${++runs}`, more: object = {}): Promise<TrainingPlan> {
  const input: TrainModelRequest = validInput();
  input.job.environment = { image, ...more };
  const request = { workflowId: 'train', originalExecutionRunId: run };
  return site.activities.planTraining({ input: TrainModelInput.parse(input), ...request });
}

const refused = (image: string, path: string, why: RegExp, more: object = {}) =>
  assert.rejects(plan(image, undefined, more), (error: Error & { type: string; issues: { path: string }[] }) => {
    assert.equal(error.type, 'InvalidInput');
    assert.deepEqual(
      error.issues.map((issue) => issue.path),
      [path],
    );
    assert.match(error.message, why);
    return true;
  });

describe('a plan with an image of a registry of the site’s', () => {
  it('has the manifest’s digest, of a tag, a digest or an index, in OCI’s words and Docker’s', async () => {
    const digest = await pushImage(registry, 'team/tools', 'v1', [LAYER]);
    const made = await plan(`${host}/team/tools:v1`);
    assert.deepEqual(made.environment, {
      name: `${host}/team/tools:v1`,
      requirements: [],
      digest: digest.slice(7),
      image: { reference: `${host}/team/tools:v1`, registry: host, repository: 'team/tools', digest: digest.slice(7) },
    });
    assert.equal((await plan(`${host}/team/tools@${digest}`)).environment.digest, digest.slice(7));
    const arm64 = await pushImage(registry, 'team/docker', 'arm', [LAYER], { kind: 'docker', architecture: 'arm64' });
    const docker = await pushImage(registry, 'team/docker', 'v2', [LAYER], { kind: 'docker' });
    for (const kind of ['oci', 'docker'] as const) {
      await pushIndex(registry, 'team/docker', kind, { arm64, amd64: docker }, kind);
      assert.equal((await plan(`${host}/team/docker:${kind}`)).environment.digest, docker.slice(7));
    }
    assert.ok(
      uplink.asked.every((target) => target === host),
      'by the uplink alone',
    );
  });

  it('is the same when the tag is moved afterwards; the next plan has what it names now', async () => {
    const before = await pushImage(registry, 'team/moved', 'latest', [LAYER]);
    const first = await plan(`${host}/team/moved`, 'moved');
    const next = await pushImage(registry, 'team/moved', 'latest', [LAYER], { env: ['NEW=1'] });
    assert.equal(first.environment.digest, before.slice(7));
    assert.deepEqual(await plan(`${host}/team/moved`, 'moved'), first);
    assert.equal((await plan(`${host}/team/moved`)).environment.digest, next.slice(7));
  });

  it('is refused by path for what the site does not take, or the registry does not have', async () => {
    const at = 'job.environment.image';
    const arm64 = await pushImage(registry, 'team/other', 'arm', [LAYER], { architecture: 'arm64' });
    await pushIndex(registry, 'team/other', 'index', { arm64 });
    await refused('elsewhere.example/team/tools:v1', at, /registries in site\.yml/);
    await refused(`${host}/team/absent:v1`, at, /has no such image/);
    await refused(`${host}/team/tools:absent`, at, /has no such image/);
    await refused(`${host}/team/other:arm`, at, /for linux on arm64/);
    await refused(`${host}/team/other:index`, at, /no image for Linux on amd64/);
    await refused(`${host}/team/tools:v1`, 'job.environment.conda_file', /nothing is installed upon/, {
      conda_file: { dependencies: ['python=3.11'] },
    });
    await configure({ repositories: ['shared/', 'team/docker'] });
    await refused(`${host}/team/tools:v1`, at, /only shared\/, team\/docker/);
    await plan(`${host}/team/docker:v2`);
    await configure({}, { limits: { maxImageBytes: 100 } });
    await refused(`${host}/team/tools:v1`, at, /this site allows/);
  });

  it('leaves to the operator’s word, and to what is known, what a conda file is for', async () => {
    await configure({}, { environments: { [`${host}/team/tools:v1`]: { python: '3.11', requirements: ['a==1'] } } });
    assert.equal((await plan(`${host}/team/tools:v1`)).environment.python, '3.11');
    await configure({ host: 'docker.io' });
    const conda = await plan('python:3.11', undefined, { conda_file: { dependencies: ['python=3.12'] } });
    assert.deepEqual([conda.environment.python, conda.environment.image], ['3.12', undefined]);
  });

  it('fails with whose turn it is where the registry cannot be asked', async () => {
    const fails = (type: string, retryable: boolean, nextStep: RegExp) =>
      assert.rejects(
        plan(`${host}/team/tools:v1`),
        (error: Error & { type: string; retryable: boolean; nextStep: string }) => {
          assert.deepEqual([error.type, error.retryable], [type, retryable]);
          assert.match(error.nextStep, nextStep);
          assert.doesNotMatch(JSON.stringify(error) + error.message, new RegExp(PASSWORD));
          return true;
        },
      );
    allow.length = 0;
    await fails('UplinkDenied', false, /allow-list/);
    allow.push(host);
    await configure({ username: 'stranger' });
    await fails('RegistryDenied', false, /registries in site\.yml/);
    await configure({ username: undefined, password: undefined });
    await fails('RegistryDenied', false, /registries in site\.yml/);
    await configure({ tokenHost: 'tokens.example' });
    await fails('RegistryDenied', false, /registries in site\.yml/);
  });
});

describe('a grant for an image', () => {
  it('is a short token for that repository, which pulls and does nothing else, sealed to the VM', async () => {
    const digest = await pushImage(registry, 'team/granted', 'v1', [LAYER]);
    const made = await plan(`${host}/team/granted:v1`);
    const machine = await site.activities.enrolVirtualMachine(
      await site.activities.provisionVirtualMachine(made.virtualMachine),
    );
    const line = /printf %s '([^']+)'/.exec(site.machines.scripts.at(-1)?.commandToExecute ?? '')?.[1] ?? '';
    const config = JSON.parse(Buffer.from(line, 'base64').toString()) as { privateKey: unknown };
    assert.doesNotMatch(Buffer.from(line, 'base64').toString(), new RegExp(PASSWORD), 'no VM has the credential');
    const sealed = await site.activities.grantImage({ plan: made, machineKey: machine.publicKey });
    await assert.rejects(openSeal(sealed.jwe, generateMachineKey().privateKey), { type: 'SealBroken' });
    const grant = ImageGrant.parse(await openSeal(sealed.jwe, MachinePrivateKey.parse(config.privateKey)));
    const { authorization = '', ...rest } = grant;
    assert.deepEqual(rest, { kind: 'image', registry: host, repository: 'team/granted', digest: digest.slice(7) });
    const hours = (Date.parse(sealed.expires) - Date.now()) / 3_600_000;
    assert.ok(hours > 0.5 && hours <= 1);

    const ask = async (method: string, path: string) =>
      (await send(site.fixture.ca, method, `https://${host}/v2/${path}`, { headers: { authorization } })).status;
    assert.equal(await ask('GET', `team/granted/manifests/${digest}`), 200);
    assert.equal(await ask('GET', `team/tools/manifests/v1`), 401);
    assert.equal(await ask('POST', `team/granted/blobs/uploads/`), 401);

    const other = generateMachineKey().publicKey;
    await assert.rejects(site.activities.grantImage({ plan: made, machineKey: other }), { type: 'KeyMismatch' });
    const forged = { ...made, environment: { ...made.environment, digest: sha256('another') } };
    await assert.rejects(site.activities.grantImage({ plan: forged, machineKey: machine.publicKey }), {
      type: 'PlanForged',
    });
    await site.configure({ uplink: uplink.url });
    await assert.rejects(site.activities.grantImage({ plan: made, machineKey: machine.publicKey }), {
      type: 'RegistryWithdrawn',
    });
  });
});
