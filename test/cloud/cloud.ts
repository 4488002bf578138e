import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { stringify } from 'yaml';
import { createCloudActivities } from '../../activities/cloud/index.ts';
import type { CloudActivities } from '../../activities/contract.ts';
import { bitBudget } from '../../domain/bit-budget.ts';
import { Evidence, type RegistrationRequest } from '../../domain/model-version.ts';
import { canonicalArtifacts, trackingPolicy, type Artifact } from '../../domain/release.ts';
import { stagingPath } from '../../domain/resource-names.ts';
import { receiptStatement, type Receipt } from '../../domain/statement.ts';
import { verdictOf } from '../../domain/verdict.ts';
import { openAccount, type BlobAccount } from '../../services/blob-storage.ts';
import type { Registry } from '../../services/container-registry/session.ts';
import { openCredential, openWorkspace, type Workspace } from '../../services/machine-learning/workspace.ts';
import { pushBaseImage } from '../../services/oci-image/base-image.ts';
import { createSecrets } from '../../services/secrets.ts';
import { canonicalJson, generateSigningKey, sha256, signStatement } from '../../services/signing.ts';
import { startSandbox, type TestSandbox } from '../support/sandbox.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const BUNDLE = sha256('a bundle');

/** The cloud worker's activities against a sandbox of the test file's own. */
export interface TestCloud {
  readonly sandbox: TestSandbox;
  readonly activities: CloudActivities;
  readonly client: Client;
  readonly release: BlobAccount;
  readonly registry: Registry;
  /** Of serving images: `REPOSITORY@sha256:…`; a made-up one unless it was asked for. */
  readonly base: string;
  readonly workspace: Workspace;
  readonly directory: string;
  /** Writes `cloud.yml` anew, with a change. */
  configure(change: (file: Record<string, Record<string, unknown>>) => void): Promise<void>;
  /** How often a step said that it lives. */
  readonly beats: () => number;
  /** Which attempt the next activity is. */
  readonly attemptIs: (number: number) => void;
  fault(order: Record<string, unknown>): Promise<string>;
  requests(match: (line: { front: string; method: string; path: string; status?: number }) => boolean): Promise<number>;
  close(): Promise<void>;
}

export const receiptKey = generateSigningKey();

export async function startCloud({ base = false } = {}): Promise<TestCloud> {
  const directory = await mkdtemp(join(tmpdir(), 'edge-train-cloud-'));
  const sandbox = await startSandbox();
  const { info } = sandbox;
  const ca = await readFile(info.caFile, 'utf8');
  const credential = openCredential({
    ...info.azure,
    clientSecret: (await readFile(info.azure.clientSecretFile, 'utf8')).trim(),
    ca,
  });
  const { loginServer } = info.registry;
  const registry = { loginServer, credential, audience: 'https://containerregistry.azure.net', ca };
  const tarPath = join(ROOT, '.tools', 'images', 'serving.tar');
  const digest = base
    ? (await pushBaseImage({ registry, tarPath, repository: 'edge-train/base' })).digest
    : `sha256:${'0'.repeat(64)}`;

  const baseImage = `edge-train/base@${digest}`;

  const attachKey = join(directory, 'attach.key');
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(attachKey, pair.privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  const file = {
    azure: {
      ...{ endpoint: info.azure.endpoint, authority: info.azure.authority, audience: info.azure.audience },
      ...{ tenant: info.azure.tenant, clientId: info.azure.clientId, subscription: info.azure.subscription },
      ...{ clientSecret: `file:${info.azure.clientSecretFile}`, caFile: info.caFile },
      ...{ resourceGroup: info.azure.resourceGroup, workspace: info.azure.workspace },
    },
    release: { blobEndpoint: info.release.blobEndpoint, key: `file:${info.release.accountKeyFile}` },
    registry: { loginServer, base: baseImage, packageIndex: info.packageIndex?.url },
    sites: { demo: { receiptPublicKey: receiptKey.publicKey } },
    attach: { username: 'azureml', privateKey: `file:${attachKey}` },
  };
  const cloudFile = join(directory, 'cloud.yml');
  const configure: TestCloud['configure'] = async (change) => {
    const changed = structuredClone(file) as unknown as Record<string, Record<string, unknown>>;
    change(changed);
    await writeFile(cloudFile, stringify(changed));
  };
  await configure(() => {});

  const connection = await Connection.connect({ address: info.temporal.address });
  const client = new Client({ connection, namespace: info.temporal.namespace });
  let beats = 0;
  let attempt = 1;
  const activities = createCloudActivities({
    cloudFile,
    secrets: createSecrets({ environment: {} }),
    workflows: client.workflow,
    front: { ...info.temporal, tls: false, showsCredential: false },
    uv: {
      path: join(ROOT, '.tools', 'uv'),
      cacheDir: process.env['UV_CACHE_DIR'] ?? join(tmpdir(), 'edge-train-uv-cache'),
      environment: uvEnvironment(),
    },
    step: () => ({ progress: () => (beats += 1), attempt }),
  });
  const admin = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${info.admin}${path}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const release = openAccount({
    endpoint: info.release.blobEndpoint,
    key: (await readFile(info.release.accountKeyFile, 'utf8')).trim(),
    ca,
  });
  return {
    ...{ sandbox, activities, client, release, registry, base: baseImage, directory, configure },
    workspace: openWorkspace({ ...info.azure, credential, ca }),
    beats: () => beats,
    attemptIs: (number) => void (attempt = number),
    fault: async (order) => (await admin<{ id: string }>('POST', '/faults', order)).id,
    requests: async (match) => (await admin<Parameters<typeof match>[0][]>('GET', '/requests')).filter(match).length,
    close: async () => {
      await connection.close();
      await rm(directory, { recursive: true, force: true });
      await sandbox.close();
    },
  };
}

/** uv sees how to get out of this machine, and nothing else. */
export function uvEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** The files of the small model in `model/`, as a release would hold them. */
export async function modelFiles(kind: ModelKind = 'pyfunc'): Promise<{ path: string; content: Buffer }[]> {
  const folder = join(import.meta.dirname, 'models', kind);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    paths.map(async (path) => ({ path: path.slice(folder.length + 1), content: await readFile(path) })),
  );
}

/** Models that this room keeps, by what they are made with. */
export type ModelKind = 'pyfunc' | 'lightgbm' | 'onnx' | 'own-script' | 'pytorch';

export const newJob = (): string => randomBytes(10).toString('hex');

/** All that was seen of a run whose model is these files. */
export function evidenceOf(
  files: readonly { path: string; content: Buffer }[],
  {
    job = newJob(),
    model = 'sums',
    packages = TRAINED_WITH,
    code,
  }: {
    job?: string;
    model?: string;
    packages?: string[];
    code?: { digest: string; bytes: number; files: number };
  } = {},
): Evidence {
  const artifacts: Artifact[] = files.map(({ path, content }) => ({
    path,
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  }));
  return Evidence.parse({
    plan: {
      ...{ job, site: 'demo', workflowId: `train-demo-${model}-0123456789ab`, siteFile: sha256('site.yml') },
      virtualMachine: {
        ...{ site: 'demo', name: 'demo-ds1-v2', size: { name: 'Standard_DS1_v2', cores: 1, memoryMiB: 3584 } },
        ...{ after: 'keep', attach: 'never', idleSeconds: 60, computeTarget: 'demo-ds1-v2' },
      },
      ...{
        command: 'python train.py',
        environmentVariables: {},
        inputs: [],
        outputs: [{ name: 'model', type: 'mlflow_model' }],
      },
      environment: {
        name: 'sklearn-1.5',
        python: '3.11',
        requirements: ['mlflow-skinny'],
        digest: sha256('environment'),
      },
      ...(code ? { code } : {}),
      limits: { seconds: 60, memoryMiB: 1024, sharedMemoryMiB: 0 },
      run: {
        experiment: 'sums',
        displayName: 'a small sum',
        description: 'adds',
        tags: { team: 'oncology', site: 'forged' },
      },
      model: {
        name: model,
        output: 'model',
        path: '',
        type: 'mlflow_model',
        tags: { team: 'oncology', job: 'forged' },
      },
      ...{
        image: { repository: `edge-train/${model}` },
        release: { pickle: 'deny', maxBytes: 2 ** 30, maxFiles: 1000 },
      },
    },
    machine: { name: 'demo-ds1-v2', bundle: BUNDLE },
    environment: { digest: sha256('environment'), lock: sha256('lock'), python: '3.11.2', packages, cached: false },
    inputs: { data: { rootDigest: sha256('data'), files: 1, bytes: 569 }, cached: false },
    completed: {
      ...{ job, exitCode: 0, starts: 1, startedAt: '2026-01-01T10:00:00.000Z', endedAt: '2026-01-01T10:01:00.000Z' },
      ...{
        bootId: '5e0c7b0c-93f7-4c4b-9ac2-0f2f3b1c8f11',
        parameters: { regularization: '1.0' },
        log: `runs/${job}/log.txt`,
      },
      metrics: [{ name: 'test/roc-auc', value: 0.99, step: 3, timestamp: 1_767_261_660_000 }],
    },
    release: {
      ...{ output: 'model', modelType: 'mlflow_model', artifacts },
      verdicts: artifacts.map(({ path }) => verdictOf(path, 'yaml', [])),
      digest: sha256(canonicalArtifacts(artifacts)),
      bytes: artifacts.reduce((sum, { bytes }) => sum + bytes, 0),
    },
  });
}

/** What a training environment of that time held; the image must be served by the same. */
export const TRAINED_WITH = ['mlflow-skinny==2.22.1', 'numpy==1.26.4', 'pandas==2.2.3'];

/** As the site signs it. */
export function receiptOf(evidence: Evidence, { key = receiptKey.privateKey } = {}): Receipt {
  const { plan, machine, completed, environment, inputs, release } = evidence;
  const envelope = signStatement(
    receiptStatement({
      ...{ job: plan.job, site: plan.site, siteFile: plan.siteFile, workflowId: plan.workflowId, data: inputs.data },
      virtualMachine: { name: machine.name, bundle: machine.bundle, bootId: completed.bootId },
      ...(plan.code ? { code: plan.code.digest } : {}),
      environment: { digest: environment.digest, lock: environment.lock },
      training: { startedAt: completed.startedAt, endedAt: completed.endedAt, starts: completed.starts },
      released: release,
      metrics: completed.metrics.map(({ name }) => name),
      parameters: Object.keys(completed.parameters),
      bits: bitBudget(release, completed, trackingPolicy(plan.release)),
    }),
    key,
  );
  return { envelope, digest: sha256(canonicalJson(envelope)), path: `runs/${plan.job}/receipt.json` };
}

export function registrationOf(evidence: Evidence): RegistrationRequest {
  return {
    holder: { workflowId: evidence.plan.workflowId, runId: 'run', job: evidence.plan.job },
    evidence,
    receipt: receiptOf(evidence),
    run: { experimentId: '1', runId: 'b9c6de0f0f4e4be2a3a1d3b1f5f1a2c3' },
    computeTarget: { state: 'unattached', name: 'demo-ds1-v2', reason: 'never' },
  };
}

/** Puts files where a VM would have put them, by its write-only grant. */
export async function stage(
  { release }: TestCloud,
  job: string,
  files: readonly { path: string; content: Buffer }[],
): Promise<void> {
  const container = release.container('edge-train-staging');
  await container.createIfNotExists();
  for (const { path, content } of files)
    await container.getBlockBlobClient(stagingPath(job, path)).upload(content, content.length);
}
