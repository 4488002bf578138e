import { readFileSync } from 'node:fs';
import { STACK_HUB_VERSION } from '../../services/blob-storage.ts';
import { openStackHub } from '../../services/stack-hub/session.ts';
import { readStorageKey } from '../../services/stack-hub/storage-key.ts';
import { sasOnPolicy } from '../../services/stored-access-policy.ts';
import type { SandboxInfo } from './sandbox-info.ts';

const YEAR_MS = 365 * 86_400_000;

/**
 * Makes on the sandbox's site what its operator makes once for a user: a SAS that reads what runs leave, and does nothing
 * else. The text after `?`.
 */
export async function logSas({ stackHub, caFile }: SandboxInfo): Promise<string> {
  const ca = readFileSync(caFile, 'utf8');
  const clientSecret = readFileSync(stackHub.clientSecretFile, 'utf8').trim();
  const hub = await openStackHub({ ...stackHub, clientSecret, resourceGroup: 'edge-train', ca });
  const key = await readStorageKey(hub, stackHub.storageAccountResourceGroup, stackHub.storageAccount);
  return sasOnPolicy(
    { endpoint: stackHub.blobEndpoint, key, ca, apiVersion: STACK_HUB_VERSION },
    {
      container: 'edge-train-runs',
      id: 'edge-train-users',
      permissions: 'r',
      expires: new Date(Date.now() + YEAR_MS),
    },
  );
}
