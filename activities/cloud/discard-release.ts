import type { RegistrationWithdrawal } from '../../domain/model-version.ts';
import { modelPath, stagingPath } from '../../domain/resource-names.ts';
import { deleteBlobsBelow } from '../../services/delete-blobs.ts';
import { hasModelVersion } from '../../services/machine-learning/model-versions.ts';
import type { Cloud } from './cloud.ts';

/**
 * Removes what left the site for a version that will not be: the staged artifacts, their copies, and the receipt beside
 * them. Where the job has its version, that is what they are for, and nothing is removed. Absent is fine.
 */
export async function discardRelease(
  cloud: Cloud,
  { model, holder: { job } }: RegistrationWithdrawal,
): Promise<'discarded' | 'registered'> {
  if (await hasModelVersion(await cloud.workspace(), model, job)) return 'registered';
  const { stagingContainer, modelContainer } = cloud.file.release;
  const account = await cloud.release();
  await deleteBlobsBelow(account.container(stagingContainer), stagingPath(job, ''));
  // No slash at its end: the receipt lies beside the folder, under the same name.
  await deleteBlobsBelow(account.container(modelContainer), modelPath(model, job));
  return 'discarded';
}
