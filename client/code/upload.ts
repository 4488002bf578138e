import type { ClientFile } from '../../domain/client-file.ts';
import { codePath } from '../../domain/resource-names.ts';
import { findBlob, openContainer, putFileIfAbsent } from '../../services/blob-storage.ts';
import { createSecrets } from '../../services/secrets.ts';
import { unreachable } from '../command-error.ts';
import { readCa } from '../config/read-ca.ts';
import type { PackedCode } from './pack.ts';

/**
 * Puts the packed code into the code container under its digest; what is there is not sent again.
 * @returns whether it had to be sent. @throws CommandError, ServiceError
 */
export async function uploadCode(code: PackedCode, { code: target }: ClientFile): Promise<boolean> {
  const sas = await createSecrets({ environment: process.env }).resolve(target.sas);
  const ca = target.caFile === undefined ? undefined : await readCa(target.caFile, 'code.caFile');
  const container = openContainer(`${target.container}?${sas.replace(/^\?/, '')}`, { ca });
  const path = codePath(code.asset.digest);
  try {
    if (await findBlob(container, path)) return false;
    return await putFileIfAbsent(container, path, code.file);
  } catch (error) {
    if ((error as { class?: unknown }).class !== 'network') throw error;
    throw unreachable(
      `The code was not sent, and nothing was started: ${(error as Error).message}`,
      'Check code.container in client.yml and the way to it, and run the command again.',
    );
  }
}
