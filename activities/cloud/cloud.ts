import type { CloudFile } from '../../domain/cloud-file.ts';
import { openAccount, type BlobAccount } from '../../services/blob-storage.ts';
import { readCloudFile } from '../../services/cloud-file.ts';
import type { Registry } from '../../services/container-registry/session.ts';
import {
  trackingUri,
  openCredential,
  openWorkspace,
  type Workspace,
} from '../../services/machine-learning/workspace.ts';
import type { TrackingConnection } from '../../services/mlflow.ts';
import type { PackageTool } from '../../services/python-environment.ts';
import type { Secrets } from '../../services/secrets.ts';
import { temporalStep, type Step } from './step.ts';

export interface CloudConfiguration {
  /** Path of `cloud.yml`, read anew by every activity. */
  readonly cloudFile: string;
  readonly secrets: Secrets;
  /** uv's binary, its cache, and what it may see of the environment (proxies and certificate files). */
  readonly uv: {
    readonly path: string;
    readonly cacheDir: string;
    readonly environment: Readonly<Record<string, string>>;
  };
  /** The step that runs now. Default: Temporal's own context. */
  readonly step?: () => Step;
}

/** What an activity holds while it runs: the file as it is now, and clients that are opened where they are used. */
export interface Cloud {
  readonly file: CloudFile;
  readonly secrets: Secrets;
  readonly step: Step;
  /** PEM of the certificate authority that the file names. */
  readonly ca?: string;
  credential(): Promise<Credential>;
  workspace(): Promise<Workspace>;
  tracking(workspace: Workspace): Promise<TrackingConnection>;
  release(): Promise<BlobAccount>;
  registry(): Promise<Registry>;
  readonly packageTool: PackageTool;
}

/** Opens `cloud.yml`. Credentials are kept for as long as the secret is the same, and with them their tokens. */
export function cloudOpener(configuration: CloudConfiguration): () => Promise<Cloud> {
  const credentialOf = keptCredential(configuration.secrets);
  return async () => {
    const { file, ca } = await readCloudFile(configuration.cloudFile);
    const { azure, release, registry } = file;
    const trust = ca === undefined ? {} : { ca };
    const step = (configuration.step ?? temporalStep)();
    const abort = step.abortSignal ? { abortSignal: step.abortSignal } : {};
    return {
      file,
      secrets: configuration.secrets,
      step,
      ...trust,
      credential: () => credentialOf(azure, ca),
      workspace: async () => openWorkspace({ ...azure, credential: await credentialOf(azure, ca), ...trust, ...abort }),
      tracking: async (workspace) => ({
        uri: await trackingUri(workspace),
        credential: await credentialOf(azure, ca),
        audience: azure.trackingAudience ?? azure.audience,
        ...trust,
        ...abort,
      }),
      release: async () =>
        openAccount({
          endpoint: release.blobEndpoint,
          key: await configuration.secrets.resolve(release.key),
          ...trust,
          ...abort,
        }),
      registry: async () => ({
        loginServer: registry.loginServer,
        audience: registry.audience,
        credential: await credentialOf(azure, ca),
        ...trust,
        ...abort,
      }),
      packageTool: { ...configuration.uv, index: registry.packageIndex, progress: step.progress, ...abort },
    };
  };
}

type Credential = ReturnType<typeof openCredential>;

function keptCredential(secrets: Secrets): (azure: CloudFile['azure'], ca?: string) => Promise<Credential> {
  let kept: { readonly of: string; readonly credential: Credential } | undefined;
  return async ({ tenant, clientId, authority, clientSecret: reference }, ca) => {
    const clientSecret = await secrets.resolve(reference);
    const of = JSON.stringify([tenant, clientId, authority, clientSecret, ca]);
    if (kept?.of !== of) {
      const credential = openCredential({
        tenant,
        clientId,
        authority,
        clientSecret,
        ...(ca === undefined ? {} : { ca }),
      });
      kept = { of, credential };
    }
    return kept.credential;
  };
}
