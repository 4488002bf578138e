import { readFileSync } from 'node:fs';
import {
  ensureContainer,
  openAccount,
  STACK_HUB_VERSION,
  type BlobAccountOptions,
} from '../../services/blob-storage.ts';
import { openStackHub } from '../../services/stack-hub/session.ts';
import { readStorageKey } from '../../services/stack-hub/storage-key.ts';
import { sasOnPolicy } from '../../services/stored-access-policy.ts';
import type { SandboxInfo } from './sandbox-info.ts';
import { SAMPLE_STORE } from './site-yml.ts';

const YEAR_MS = 365 * 86_400_000;

/** Where runs leave what stays on the sandbox's site. */
export const RUNS_CONTAINER = 'edge-train-runs';

/**
 * Makes on the sandbox's site what its operator makes once: a container for samples, and for a user a SAS that reads what
 * runs leave, and does nothing else. Returns the SAS: the text after `?`.
 */
export async function prepareSite(info: SandboxInfo): Promise<{ runsSas: string }> {
  const account = await siteAccount(info);
  await ensureContainer(openAccount(account).container(SAMPLE_STORE));
  const expires = new Date(Date.now() + YEAR_MS);
  return {
    runsSas: await sasOnPolicy(account, {
      container: RUNS_CONTAINER,
      id: 'edge-train-users',
      permissions: 'r',
      expires,
    }),
  };
}

/** The site's storage, with the key that its operator has. */
export async function siteAccount({ stackHub, caFile }: SandboxInfo): Promise<BlobAccountOptions> {
  const ca = readFileSync(caFile, 'utf8');
  const clientSecret = readFileSync(stackHub.clientSecretFile, 'utf8').trim();
  const hub = await openStackHub({ ...stackHub, clientSecret, resourceGroup: 'edge-train', ca });
  const key = await readStorageKey(hub, stackHub.storageAccountResourceGroup, stackHub.storageAccount);
  return { endpoint: stackHub.blobEndpoint, key, ca, apiVersion: STACK_HUB_VERSION };
}
