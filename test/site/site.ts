import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createSiteActivities } from '../../activities/site/index.ts';
import type { SiteDependencies, Step } from '../../activities/site/dependencies.ts';
import { openAccount, STACK_HUB_VERSION, type BlobAccount } from '../../services/blob-storage.ts';
import { createSecrets } from '../../services/secrets.ts';
import { generateSigningKey, sha256 } from '../../services/signing.ts';
import { installCommand } from '../../workers/vm/install-command.ts';
import { installCredentialCommand } from '../../workers/vm/install-credential-command.ts';
import type { ServerConfig } from '../../sandbox/server/config.ts';
import { openStackHub, type StackHub } from '../../services/stack-hub/session.ts';
import { secret, startFixture, type Fixture } from '../sandbox/fixture.ts';
import { startAzurite } from '../sandbox/upstream.ts';
import { machinesDouble, type MachinesDouble } from '../sandbox/machines-double.ts';

/** A site on the sandbox's own HTTP fronts and a real Azurite; only the machines behind ARM are a double. */
export interface TestSite extends AsyncDisposable {
  fixture: Fixture;
  machines: MachinesDouble;
  directory: string;
  blobs: BlobAccount;
  receiptPublicKey: string;
  /** The secrets that must be nowhere: name to value. */
  secrets: Record<string, string>;
  dependencies: SiteDependencies;
  activities: ReturnType<typeof createSiteActivities>;
  /** Writes `site.yml` with these members changed. */
  configure(change?: Record<string, unknown>): Promise<void>;
  /** The heartbeats of the steps so far; `resumed` is what the next step starts with. */
  step: { heartbeats: unknown[]; resumed: unknown; request: string; signal?: AbortSignal };
  put(store: string, path: string, content: string): Promise<void>;
  /** As somebody in the Stack Hub's portal. */
  operator(): Promise<StackHub>;
}

export async function startSite(
  quota?: { cores?: number; virtualMachines?: number },
  change: Partial<ServerConfig> = {},
): Promise<TestSite> {
  const directory = await mkdtemp(join(tmpdir(), 'edge-train-site-'));
  const machines = machinesDouble();
  const account = { name: 'sitedata', key: secret() };
  const azurite = await startAzurite([account]);
  const fixture = await startFixture(machines, (config) => ({
    ...config,
    ...change,
    azurite: { url: azurite.url },
    accounts: { ...config.accounts, site: account },
    stackHub: { ...config.stackHub, ...(quota ? { quota } : {}) },
  }));
  const blobEndpoint = `https://127.0.0.1:${fixture.config.siteBlob.port}/${account.name}`;
  const blobs = openAccount({
    endpoint: blobEndpoint,
    key: account.key,
    ca: fixture.ca,
    apiVersion: STACK_HUB_VERSION,
  });
  for (const name of ['hospital', 'runs']) await blobs.container(name).createIfNotExists();

  const receipt = generateSigningKey();
  const file = async (name: string, text: string) => {
    await writeFile(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const clientSecret = await file('client-secret', `${fixture.config.stackHub.clientSecret}\n`);
  const receiptKey = await file('receipt.key', receipt.privateKey);
  const apiKey = await file('temporal-key', 'temporal-api-key-that-must-stay-hidden');
  const payloadKeys = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64'));
  for (const [i, key] of payloadKeys.entries()) await file(`payload-key-${i}`, key);
  const caFile = await file('ca.pem', fixture.ca);
  const base = {
    name: 'demo',
    stackHub: {
      ...{
        endpoint: fixture.stackHub,
        tenant: 'adfs',
        subscription: fixture.config.stackHub.subscription,
        location: 'local',
      },
      ...{
        resourceGroup: 'edge-train',
        clientId: fixture.config.stackHub.clientId,
        clientSecret: `file:${clientSecret}`,
        caFile,
      },
    },
    virtualMachines: {
      image: 'debian:12:minimal:latest',
      sizes: ['Standard_DS1_v2', 'Standard_DS2_v2', 'Standard_NC4as_T4_v3'],
    },
    computes: { 'cpu-cluster': {}, 'big-cluster': { size: 'Standard_DS2_v2' } },
    storageAccounts: { [account.name]: { blobEndpoint, resourceGroup: 'operator' } },
    dataStores: { hospital: { account: account.name, container: 'hospital' } },
    dataAssets: { tumours: { store: 'hospital', path: 'breast-cancer/wdbc.csv' } },
    runs: { account: account.name, container: 'runs' },
    uplink: 'http://10.0.0.1:3128',
    packageIndex: 'https://packages.example/simple',
    temporal: { address: 'temporal.example:7233', namespace: 'demo', apiKey: `file:${apiKey}` },
    attach: { mode: 'require', from: '203.0.113.0/28', publicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfTheTest' },
    receiptKey: `file:${receiptKey}`,
  };
  const siteFile = join(directory, 'site.yml');
  const configure = async (change: Record<string, unknown> = {}) =>
    writeFile(siteFile, stringify({ ...base, ...change }));
  await configure();
  await mkdir(join(directory, 'bundle'));
  const bundle = {
    path: join(directory, 'bundle', 'bundle.tar.gz'),
    digest: sha256('a bundle'),
    install: installCommand,
    installCredential: installCredentialCommand,
  };
  await writeFile(bundle.path, 'a bundle');

  const step: TestSite['step'] = { heartbeats: [], resumed: undefined, request: 'request-1' };
  const current = (): Step => ({
    ...(step.signal ? { signal: step.signal } : {}),
    resumed: step.resumed,
    request: step.request,
    heartbeat: (state) => void step.heartbeats.push(state),
  });
  const dependencies: SiteDependencies = {
    siteFile,
    secrets: createSecrets({ environment: {} }),
    bundle,
    step: current,
  };
  return {
    ...{ fixture, machines, directory, blobs, step, dependencies, configure, receiptPublicKey: receipt.publicKey },
    secrets: {
      'the account key': account.key,
      'the client secret': fixture.config.stackHub.clientSecret,
      'the receipt key': receipt.privateKey,
      'the Temporal key': 'temporal-api-key-that-must-stay-hidden',
      'the first payload key': payloadKeys[0] ?? '',
      'the second payload key': payloadKeys[1] ?? '',
    },
    activities: createSiteActivities(dependencies),
    operator: () => {
      const { subscription, clientId, clientSecret } = fixture.config.stackHub;
      return openStackHub({
        ...{ endpoint: fixture.stackHub, tenant: 'adfs', subscription, clientId, clientSecret, ca: fixture.ca },
        ...{ location: 'local', resourceGroup: 'edge-train' },
      });
    },
    put: async (store, path, content) => {
      await blobs.container(store).getBlockBlobClient(path).upload(content, Buffer.byteLength(content));
    },
    [Symbol.asyncDispose]: async () => {
      await fixture[Symbol.asyncDispose]();
      await azurite[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
