import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { blobPipeline } from '../../services/blob-pipeline.ts';
import { openAccount, STACK_HUB_VERSION, type BlobAccount } from '../../services/blob-storage.ts';
import type { Product } from './product.ts';

interface ServerFile {
  readonly accounts: { readonly site: Key; readonly release: Key };
  readonly dockerRegistry: { readonly url: string };
}
interface Key {
  readonly name: string;
  readonly key: string;
}

/** What the services themselves say, asked over the wire: never what the product recorded of its own doings. */
export function auditor(product: Pick<Product, 'folder' | 'info'>) {
  const { info } = product;
  const ca = readFileSync(info.caFile, 'utf8');
  const server = JSON.parse(readFileSync(join(product.folder, 'sandbox', 'server.json'), 'utf8')) as ServerFile;
  const { azure, stackHub } = info;
  const workspace = `/subscriptions/${azure.subscription}/resourceGroups/${azure.resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${azure.workspace}`;

  const azureToken = (audience = azure.audience) =>
    token(`${azure.authority}/${azure.tenant}/oauth2/v2.0/token`, {
      client_id: azure.clientId,
      client_secret: readFileSync(azure.clientSecretFile, 'utf8').trim(),
      scope: `${audience}/.default`,
      grant_type: 'client_credentials',
    });

  /** ACR's two steps: an Azure token for a refresh token, and that for one of a scope. */
  async function registryToken(scope: string): Promise<string> {
    const service = info.registry.loginServer;
    const ask = async (path: string, form: Record<string, string>) =>
      (await call('POST', `https://${service}/oauth2/${path}`, {
        form: new URLSearchParams({ service, ...form }).toString(),
      })) as { refresh_token: string; access_token: string };
    const access_token = await azureToken('https://containerregistry.azure.net');
    const { refresh_token } = await ask('exchange', { grant_type: 'access_token', access_token });
    return (await ask('token', { grant_type: 'refresh_token', refresh_token, scope })).access_token;
  }

  async function stackHubToken(): Promise<string> {
    const [metadata] = (await call('GET', `${stackHub.endpoint}/metadata/endpoints?api-version=2019-10-01`)) as {
      authentication: { loginEndpoint: string; audiences: string[] };
    }[];
    if (!metadata) throw new Error('the Stack Hub told no endpoints');
    return token(
      `${metadata.authentication.loginEndpoint.replace(/\/$/, '').replace(/\/adfs$/, '')}/adfs/oauth2/token`,
      {
        client_id: stackHub.clientId,
        client_secret: readFileSync(stackHub.clientSecretFile, 'utf8').trim(),
        scope: `${metadata.authentication.audiences[0]}/.default`,
        grant_type: 'client_credentials',
      },
    );
  }

  async function token(url: string, form: Record<string, string>): Promise<string> {
    const answer = await call('POST', url, { form: new URLSearchParams(form).toString() });
    return (answer as { access_token: string }).access_token;
  }

  const list = async (url: string, bearer: string) =>
    ((await call('GET', url, { bearer })) as { value: Named[] }).value;

  const mlflow = async () => {
    const bearer = await azureToken();
    const found = (await call('GET', `${azure.endpoint}${workspace}?api-version=2022-10-01`, { bearer })) as {
      properties: { mlFlowTrackingUri: string };
    };
    const base = `${found.properties.mlFlowTrackingUri.replace('azureml://', 'https://')}/api/2.0/mlflow`;
    return { base, bearer };
  };
  return {
    virtualMachines: async () =>
      list(
        `${stackHub.endpoint}/subscriptions/${stackHub.subscription}/providers/Microsoft.Compute/virtualMachines?api-version=2020-06-01`,
        await stackHubToken(),
      ),
    /** The types of all resources in the site's resource group, sorted. */
    resourceTypes: async (): Promise<string[]> => {
      const url = `${stackHub.endpoint}/subscriptions/${stackHub.subscription}/resourceGroups/edge-train/resources?api-version=2019-10-01`;
      const answer = await call('GET', url, { bearer: await stackHubToken() });
      return (answer as { value: { type: string }[] }).value.map(({ type }) => type).sort();
    },
    computeTargets: async () =>
      list(`${azure.endpoint}${workspace}/computes?api-version=2022-10-01`, await azureToken()),
    modelVersions: async (model: string) =>
      list(`${azure.endpoint}${workspace}/models/${model}/versions?api-version=2022-10-01`, await azureToken()),
    runs: async (): Promise<TrackedRun[]> => {
      const { base, bearer } = await mlflow();
      const { experiments } = (await call('POST', `${base}/experiments/search`, {
        bearer,
        body: { max_results: 100 },
      })) as {
        experiments?: { experiment_id: string }[];
      };
      const ids = (experiments ?? []).map(({ experiment_id }) => experiment_id);
      if (ids.length === 0) return [];
      const answer = await call('POST', `${base}/runs/search`, {
        bearer,
        body: { experiment_ids: ids, max_results: 100 },
      });
      return (answer as { runs?: TrackedRun[] }).runs ?? [];
    },
    /** Every point of one metric of a run, as Azure ML keeps them, in the order of their arrival. */
    history: async (runId: string, metric: string): Promise<{ step: number; value: number }[]> => {
      const { base, bearer } = await mlflow();
      const query = new URLSearchParams({ run_id: runId, metric_key: metric });
      const answer = await call('GET', `${base}/metrics/get-history?${query}`, { bearer });
      const { metrics = [] } = answer as { metrics?: { step: string | number; value: number }[] };
      return metrics.map(({ step, value }) => ({ step: Number(step), value }));
    },
    /** From the registry's own listing, as Azure Container Registry has it; no repository is no tag. `latest` follows when a run is over, and is left out. */
    versionTags: async (repository: string): Promise<string[]> => {
      const name = encodeURIComponent(repository);
      try {
        const bearer = await registryToken(`repository:${repository}:metadata_read`);
        const found = await call(
          'GET',
          `https://${info.registry.loginServer}/acr/v1/${name}/_tags?api-version=2021-07-01`,
          {
            bearer,
          },
        );
        const tags = (found as { tags: { name: string }[] }).tags.map((tag) => tag.name);
        return tags.filter((tag) => tag !== 'latest');
      } catch (error) {
        if (/ 404 /.test(String(error))) return [];
        throw error;
      }
    },
    /** Digests of all manifests of a repository, tagged or not. */
    manifests: async (repository: string): Promise<string[]> => {
      const bearer = await registryToken(`repository:${repository}:metadata_read`);
      const name = encodeURIComponent(repository);
      const url = `https://${info.registry.loginServer}/acr/v1/${name}/_manifests?api-version=2021-07-01`;
      const found = await call('GET', url, { bearer });
      return (found as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest);
    },
    /** Everything that reached a front, as the sandbox recorded it. */
    requests: async (): Promise<Recorded[]> => {
      const answer = (await (await fetch(`${info.admin}/requests`)).json()) as Recorded[] | { requests: Recorded[] };
      return Array.isArray(answer) ? answer : answer.requests;
    },
    siteAccount: (): BlobAccount =>
      openAccount({
        endpoint: info.stackHub.blobEndpoint,
        key: server.accounts.site.key,
        ca,
        apiVersion: '2019-07-07',
      }),
    releaseAccount: (): BlobAccount =>
      openAccount({ endpoint: info.release.blobEndpoint, key: server.accounts.release.key, ca }),
    siteBlobs: () => service(info.stackHub.blobEndpoint, server.accounts.site, STACK_HUB_VERSION),
    releaseBlobs: () => service(info.release.blobEndpoint, server.accounts.release),
    registryUrl: server.dockerRegistry.url,
    /** Stack Hub's Resource Manager, as its operator asks it; `path` is below the subscription. */
    stackHub: async (method: string, path: string) =>
      call(method, `${stackHub.endpoint}/subscriptions/${stackHub.subscription}${path}`, {
        bearer: await stackHubToken(),
      }),
    /** Below the workspace. */
    workspace: async (path: string) =>
      call('GET', `${azure.endpoint}${workspace}${path}`, { bearer: await azureToken() }),
    acr: async (path: string, scope: string) =>
      call('GET', `https://${info.registry.loginServer}/acr/v1${path}`, { bearer: await registryToken(scope) }),
  };

  /** A whole account, whatever containers it has. */
  function service(endpoint: string, { name, key }: Key, apiVersion?: string): BlobServiceClient {
    return new BlobServiceClient(endpoint, blobPipeline(new StorageSharedKeyCredential(name, key), { ca, apiVersion }));
  }

  function call(
    method: string,
    url: string,
    sent: { bearer?: string; form?: string; body?: unknown } = {},
  ): Promise<unknown> {
    const body = sent.form ?? (sent.body === undefined ? undefined : JSON.stringify(sent.body));
    const type = sent.form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
    const headers = {
      ...(sent.bearer === undefined ? {} : { authorization: `Bearer ${sent.bearer}` }),
      ...(body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
    };
    return new Promise((resolve, reject) => {
      const asked = request(url, { method, headers, ca }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if ((answer.statusCode ?? 500) < 300) resolve(text === '' ? undefined : JSON.parse(text));
          else reject(new Error(`${method} ${url}: ${answer.statusCode} ${text.slice(0, 300)}`));
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }
}

export interface Named {
  readonly name: string;
  readonly properties: Record<string, unknown> & { tags?: Record<string, string> };
}

export interface TrackedRun {
  readonly info: { run_id: string; status: string };
  readonly data: {
    metrics?: { key: string; value: number }[];
    params?: { key: string; value: string }[];
    tags?: { key: string; value: string }[];
  };
}

export interface Recorded {
  readonly sequence: number;
  readonly front: string;
  readonly method: string;
  readonly path: string;
  /** Absent: the connection was cut before an answer. */
  readonly status?: number;
  /** Of requests to the cloud, the first MiB: as text, or as a file where it is none. */
  readonly body?: string;
  readonly bodyFile?: string;
}
