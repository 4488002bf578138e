import { rootCertificates } from 'node:tls';
import { ClientSecretCredential } from '@azure/identity';
import type { TokenCredential } from '@azure/core-auth';
import { ResourceManagementClient } from '@azure/arm-resources-profile-2020-09-01-hybrid';
import { StorageManagementClient } from '@azure/arm-storage-profile-2020-09-01-hybrid';
import { toServiceError } from '../errors.ts';
import { discover } from './metadata.ts';

export interface StackHubOptions {
  /** Azure Resource Manager of the Stack Hub. */
  endpoint: string;
  /** `adfs`, or a Microsoft Entra tenant. */
  tenant: string;
  subscription: string;
  location: string;
  resourceGroup: string;
  clientId: string;
  clientSecret: string;
  /** PEM to trust besides the system's certificate authorities. */
  ca?: string | undefined;
}

/** A signed-in Stack Hub. The SDK's clients are as they come; only endpoint, scope, trust and retries are said. */
export interface StackHub {
  readonly endpoint: string;
  readonly subscription: string;
  readonly location: string;
  readonly resourceGroup: string;
  readonly resources: ResourceManagementClient;
  readonly storage: StorageManagementClient;
}

/**
 * Asks the Stack Hub for its token service and audience, and makes the clients. The secret is sent at the first request,
 * to the token service alone. @throws ServiceError
 */
export async function openStackHub(options: StackHubOptions): Promise<StackHub> {
  const endpoint = options.endpoint.replace(/\/+$/, '');
  const tlsOptions = trusting(options.ca);
  const { authority, audience } = await discover(endpoint, tlsOptions);
  const credential = attributed(
    new ClientSecretCredential(options.tenant, options.clientId, options.clientSecret, {
      authorityHost: authority,
      disableInstanceDiscovery: true,
      retryOptions: { maxRetries: 0 },
      ...tlsOptions,
    }),
    `signing in as ${options.clientId} at ${authority}`,
  );
  const client = {
    endpoint,
    credentialScopes: `${audience}/.default`,
    // Temporal owns retrying: attempts of the SDK would multiply with it.
    retryOptions: { maxRetries: 0 },
    ...tlsOptions,
  };
  return {
    endpoint,
    subscription: options.subscription,
    location: options.location,
    resourceGroup: options.resourceGroup,
    resources: new ResourceManagementClient(credential, options.subscription, client),
    storage: new StorageManagementClient(credential, options.subscription, client),
  };
}

/** The system's certificate authorities, and the site's own. */
export const trusting = (ca: string | undefined) =>
  ca === undefined ? {} : { tlsOptions: { ca: [...rootCertificates, ca].join('\n') } };

/** A refused credential says which one and where, and never the secret, which MSAL's errors do not hold either. */
function attributed(credential: TokenCredential, doing: string): TokenCredential {
  return {
    async getToken(scopes, options) {
      try {
        return await credential.getToken(scopes, options);
      } catch (error) {
        throw toServiceError(error, doing);
      }
    },
  };
}
