import type { ClientFile } from '../../domain/client-file.ts';
import { refused } from '../command-error.ts';
import type { Training } from '../files/read-training.ts';
import type { Progress } from '../show/progress.ts';
import { bytesText, count } from '../../domain/amount-text.ts';
import { listFiles } from './list-files.ts';
import { packCode, type PackedCode } from './pack.ts';
import { uploadCode } from './upload.ts';

/** A training's code folder, packed; undefined where the job has none. @throws CommandError exit 2 */
export async function packFolder({ codeFolder, jobFile }: Training): Promise<PackedCode | undefined> {
  if (codeFolder === undefined) return undefined;
  const { files, faults } = await listFiles(codeFolder);
  if (faults.length === 0) return packCode(files);
  const named = faults.map((fault) => ({ file: jobFile, ...fault }));
  throw refused('The code folder is refused; nothing was started.', named, 'Correct it, or list files in .amlignore.');
}

/** Sends it where it is not there yet, and says so. */
export async function sendCode(code: PackedCode, clientFile: ClientFile, progress: Progress): Promise<void> {
  const { asset, unpackedBytes } = code;
  const size = `${count(asset.files, 'file')}, ${bytesText(unpackedBytes)}, packed ${bytesText(asset.bytes)}`;
  progress.say(`Code: ${size} (sha256 ${asset.digest.slice(0, 12)})`);
  const sent = await uploadCode(code, clientFile);
  progress.say(sent ? 'Code: sent' : 'Code: is there already, not sent again');
}
