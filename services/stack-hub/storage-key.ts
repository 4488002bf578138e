import { ServiceError, toServiceError } from '../errors.ts';
import type { StackHub } from './session.ts';

/** An account's first key, from the Stack Hub. Blob storage there knows no Entra tokens: keys and SAS only. @throws ServiceError */
export async function readStorageKey(hub: StackHub, resourceGroup: string, account: string): Promise<string> {
  const doing = `listing the keys of the storage account ${account} in ${resourceGroup}`;
  try {
    const { keys = [] } = await hub.storage.storageAccounts.listKeys(resourceGroup, account);
    const value = keys.find((key) => key.value !== undefined && key.value !== '')?.value;
    if (value === undefined) throw noKey(account);
    return value;
  } catch (error) {
    throw toServiceError(error, doing);
  }
}

function noKey(account: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'CredentialRefused',
    cause: `The Stack Hub lists no key of the storage account ${account}.`,
    nextStep: `Give the credential the right Microsoft.Storage/storageAccounts/listKeys/action, or name storageAccounts.${account}.key in site.yml.`,
    retryable: false,
  });
}
