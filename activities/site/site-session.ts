import type { SecretReference } from '../../domain/secret.ts';
import type { SiteFile } from '../../domain/site-file.ts';
import { openAccount, STACK_HUB_VERSION, type BlobAccount } from '../../services/blob-storage.ts';
import { readPem, readSiteFile } from '../../services/site-file.ts';
import { openStackHub, type StackHub } from '../../services/stack-hub/session.ts';
import { readStorageKey } from '../../services/stack-hub/storage-key.ts';
import { currentStep } from './current-step.ts';
import type { SiteDependencies } from './dependencies.ts';

/** The site as its file says now. Connections are made, and secrets resolved, when they are asked for. */
export interface SiteSession {
  readonly site: SiteFile;
  /** SHA-256 of the file. */
  readonly digest: string;
  /** PEM of the Stack Hub's certificate authority. */
  readonly ca: string | undefined;
  stackHub(): Promise<StackHub>;
  account(name: string): Promise<BlobAccount>;
  /** What a reference of the file names, as it is now. */
  secret(reference: SecretReference): Promise<string>;
}

/** @throws ServiceError */
export async function openSite(dependencies: SiteDependencies): Promise<SiteSession> {
  const { site, digest } = await readSiteFile(dependencies.siteFile);
  const ca = site.stackHub.caFile === undefined ? undefined : await readPem(site.stackHub.caFile);
  let hub: Promise<StackHub> | undefined;
  const stackHub = () => (hub ??= connect(dependencies, site, ca));
  const account = async (name: string): Promise<BlobAccount> => {
    const { blobEndpoint, key, resourceGroup } = known(site, name);
    return openAccount({
      endpoint: blobEndpoint,
      key: key
        ? await dependencies.secrets.resolve(key)
        : await readStorageKey(await stackHub(), resourceGroup ?? site.stackHub.resourceGroup, name),
      apiVersion: STACK_HUB_VERSION,
      ca,
      abortSignal: (dependencies.step ?? currentStep)().signal,
    });
  };
  const secret = (reference: SecretReference) => dependencies.secrets.resolve(reference);
  return { site, digest, ca, stackHub, account, secret };
}

async function connect(dependencies: SiteDependencies, site: SiteFile, ca: string | undefined): Promise<StackHub> {
  const { clientSecret, caFile: _, ...options } = site.stackHub;
  return openStackHub({ ...options, clientSecret: await dependencies.secrets.resolve(clientSecret), ca });
}

/** `readSiteFile` has refused files that name an account which is not there. */
function known(site: SiteFile, name: string): SiteFile['storageAccounts'][string] {
  const account = site.storageAccounts[name];
  if (!account) throw new TypeError(`site.yml has no storage account ${name}`);
  return account;
}
