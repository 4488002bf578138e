import { readFile } from 'node:fs/promises';
import { refused } from '../command-error.ts';

/** The PEM text of a file that client.yml names at `path`. @throws CommandError exit 2 */
export async function readCa(file: string, path: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => {
    const fault = { path, rule: `${file} cannot be read` };
    throw refused('client.yml is not right.', [fault], 'Correct client.yml and run the command again.');
  });
}
