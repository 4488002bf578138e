import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { cloudOpener, type Cloud, type CloudConfiguration } from '../../activities/cloud/cloud.ts';
import { createCloudActivities } from '../../activities/cloud/index.ts';
import type { CloudActivities } from '../../activities/contract.ts';
import { openAccount, type BlobContainer } from '../../services/blob-storage.ts';
import { uploadBlob } from '../../services/container-registry/blobs.ts';
import { putManifest } from '../../services/container-registry/manifests.ts';
import { RegistrySession, type Registry } from '../../services/container-registry/session.ts';
import {
  openCredential,
  openWorkspace,
  trackingUri,
  type Workspace,
} from '../../services/machine-learning/workspace.ts';
import type { TrackingConnection } from '../../services/mlflow.ts';
import { createSecrets } from '../../services/secrets.ts';
import { generateSigningKey } from '../../services/signing.ts';
import { startFixture, trust, type Fixture } from '../sandbox/fixture.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { startAzurite, startDockerRegistry } from '../sandbox/upstream.ts';

/** The cloud worker's activities against the sandbox's server, a registry and Azurite: what needs no VM and no Temporal. */
export interface LightCloud extends AsyncDisposable {
  readonly fixture: Fixture;
  readonly activities: CloudActivities;
  /** What an activity holds. */
  readonly open: () => Promise<Cloud>;
  readonly workspace: Workspace;
  readonly registry: Registry;
  readonly tracking: TrackingConnection;
  /** Where released models and their receipts are kept. */
  readonly models: BlobContainer;
  /** Puts a version as a run of that site would. */
  putVersion(model: string, version: number, more?: Partial<PutVersion>): Promise<void>;
  /** Puts a small image of that content under a tag, as a build of the repository's model would; returns its digest. */
  putImage(repository: string, tag: string, content?: string): Promise<string>;
}

interface PutVersion {
  readonly site: string;
  readonly isArchived: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

export async function startLightCloud(): Promise<LightCloud> {
  const accounts = { site: { name: 'sitedata', key: key() }, release: { name: 'releases', key: key() } };
  const [docker, azurite, directory] = await Promise.all([
    startDockerRegistry(),
    startAzurite(Object.values(accounts)),
    mkdtemp(join(tmpdir(), 'edge-train-light-')),
  ]);
  const fixture = await startFixture(machinesDouble(), (config) => ({
    ...config,
    ...{ dockerRegistry: { url: docker.url }, azurite: { url: azurite.url }, accounts },
  }));
  trust(fixture.ca);
  const { azure, ports } = fixture.config;
  const connection = {
    ...{ endpoint: fixture.azure, audience: 'https://management.azure.com', subscription: azure.subscription },
    ...{ resourceGroup: azure.resourceGroup, workspace: azure.workspace },
  };
  const account = { tenant: azure.tenant, clientId: azure.clientId, authority: fixture.azure };
  const credential = openCredential({ ...account, clientSecret: azure.clientSecret, ca: fixture.ca });
  const loginServer = `127.0.0.1:${ports.registry}`;
  const registry = { loginServer, credential, audience: 'https://containerregistry.azure.net', ca: fixture.ca };
  const workspace = openWorkspace({ ...connection, credential, ca: fixture.ca });

  const tracking = { uri: await trackingUri(workspace), credential, audience: connection.audience, ca: fixture.ca };
  const blobEndpoint = `https://127.0.0.1:${ports.release}/releases`;
  const models = openAccount({ endpoint: blobEndpoint, key: accounts.release.key, ca: fixture.ca }).container(
    'edge-train-models',
  );
  await models.create();

  const cloudFile = join(directory, 'cloud.yml');
  await writeFile(join(directory, 'ca.pem'), fixture.ca);
  await writeFile(join(directory, 'secret'), azure.clientSecret, { mode: 0o600 });
  await writeFile(join(directory, 'key'), accounts.release.key, { mode: 0o600 });
  const file = {
    azure: {
      ...{ ...connection, ...account, clientSecret: `file:${directory}/secret` },
      caFile: join(directory, 'ca.pem'),
    },
    release: { blobEndpoint, key: `file:${directory}/key` },
    registry: {
      ...{ loginServer, base: `edge-train/base@sha256:${'0'.repeat(64)}` },
      packageIndex: 'https://127.0.0.1/simple',
    },
    sites: { demo: { receiptPublicKey: generateSigningKey().publicKey } },
  };
  await writeFile(cloudFile, stringify(file));
  const configuration: CloudConfiguration = {
    ...{ cloudFile, secrets: createSecrets({ environment: {} }), step: () => ({ progress: () => {}, attempt: 1 }) },
    // Nothing of Temporal or of packages is asked for here.
    uv: {} as never,
  };
  const activities = createCloudActivities({ ...configuration, workflows: {} as never, front: {} as never });
  return {
    ...{ fixture, activities, workspace, registry, tracking, models, open: cloudOpener(configuration) },
    putVersion: async (model, version, { site = 'demo', isArchived = false, tags = {} } = {}) => {
      const { client, group, name } = workspace;
      const jobOf = version.toString(16).padStart(20, '0');
      await client.modelVersions.createOrUpdate(group, name, model, String(version), {
        properties: {
          ...{ modelUri: `https://models.example/${model}/${version}`, modelType: 'mlflow_model', isArchived },
          tags: { site, job: jobOf, ...tags },
        },
      });
      const { properties } = await client.modelContainers.get(group, name, model);
      if (properties.tags?.['site'] !== site)
        await client.modelContainers.createOrUpdate(group, name, model, {
          properties: { ...properties, tags: { ...properties.tags, site } },
        });
    },
    putImage: async (repository, tag, content = `${repository}:${tag}`) => {
      const session = new RegistrySession(registry);
      const blob = await uploadBlob(session, repository, async function* () {
        yield Buffer.from(content);
      });
      const manifest = {
        ...{ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', layers: [] },
        annotations: {
          'org.opencontainers.image.title': repository.replace(/^.*\//, ''),
          'org.opencontainers.image.base.digest': `sha256:${'0'.repeat(64)}`,
        },
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...blob },
      };
      const put = { repository, tag, content: Buffer.from(JSON.stringify(manifest)) };
      return (await putManifest(registry, put)).digest;
    },
    [Symbol.asyncDispose]: async () => {
      await fixture[Symbol.asyncDispose]();
      await Promise.all([docker[Symbol.asyncDispose](), azurite[Symbol.asyncDispose]()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const key = () => Buffer.from(crypto.getRandomValues(new Uint8Array(64))).toString('base64');
