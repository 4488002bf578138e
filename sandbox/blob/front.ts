import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import type { Front } from '../server/front.ts';
import { forward, passed } from '../server/proxy.ts';
import { Failure } from '../server/errors.ts';
import { checkStackHub, stackHubVersion } from './stack-hub-limits.ts';

interface BlobFront {
  name: 'site-blob' | 'release-blob';
  /** The one account that this front serves, as /account/container/blob. */
  account: string;
  azurite: { url: string; ca?: string };
  /** Whether what Stack Hub's storage cannot do is refused. */
  stackHub: boolean;
}

/** A storage account's blob service in front of Azurite. */
export function blobFront({ name, account, azurite, stackHub }: BlobFront): Front {
  const agent = azurite.ca === undefined ? undefined : new Agent({ keepAlive: true, ca: readFileSync(azurite.ca) });
  return {
    name,
    dialect: () => 'blob',
    handle: async (call) => {
      if (call.path.split('/')[1] !== account) {
        throw new Failure(
          400,
          'InvalidUri',
          `The requested URI does not represent any resource on the server: this endpoint serves the account ${account}.`,
        );
      }
      if (stackHub) checkStackHub(call);
      const reply = await forward(call, azurite.url, call.target, passed(call.headers), agent);
      if (!stackHub) return reply;
      // Azurite names its own newest version; a Stack Hub names the one that it served.
      return {
        ...reply,
        headers: { ...reply.headers, 'x-ms-version': call.headers['x-ms-version'] ?? stackHubVersion },
      };
    },
    headers: (call) => ({ 'x-ms-request-id': call.requestId }),
  };
}
