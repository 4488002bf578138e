import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { openAccount, type BlobAccountOptions } from './blob-storage.ts';
import { toServiceError } from './errors.ts';

export interface AccessPolicy {
  readonly container: string;
  /** The policy's name: what revoking it takes back. At most five are in one container. */
  readonly id: string;
  /** Letters as Azure writes them, such as `rcw`. */
  readonly permissions: string;
  readonly expires: Date;
}

/**
 * A SAS on a stored access policy: it holds the policy's name only, so that changing or removing the policy revokes it.
 * Makes the container and the policy (or renews its end); other policies stay. Returns the text after `?`.
 * https://learn.microsoft.com/rest/api/storageservices/define-stored-access-policy
 */
export async function sasOnPolicy(account: BlobAccountOptions, policy: AccessPolicy): Promise<string> {
  const { container: name, id, permissions, expires } = policy;
  const container = openAccount(account).container(name);
  try {
    await container.createIfNotExists();
    const { signedIdentifiers } = await container.getAccessPolicy();
    const others = signedIdentifiers.filter((each) => each.id !== id);
    const startsOn = new Date(Date.now() - 15 * 60_000);
    const ours = {
      id,
      accessPolicy: {
        permissions: ContainerSASPermissions.parse(permissions).toString(),
        startsOn,
        expiresOn: expires,
      },
    };
    await container.setAccessPolicy(undefined, [...others.map(({ id, accessPolicy }) => ({ id, accessPolicy })), ours]);
  } catch (error) {
    throw toServiceError(error, `setting the access policy ${id} of the container ${name}`);
  }
  const { accountName: user } = container;
  return generateBlobSASQueryParameters(
    {
      containerName: name,
      identifier: id,
      ...(account.apiVersion === undefined ? {} : { version: account.apiVersion }),
    },
    new StorageSharedKeyCredential(user, account.key),
  ).toString();
}
