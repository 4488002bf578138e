import { join } from 'node:path';
import { ClientFile } from '../../domain/client-file.ts';
import { parse } from '../../domain/validation.ts';
import { refused } from '../command-error.ts';
import { readYaml } from '../files/read-yaml.ts';

/** @throws CommandError exit 2 */
export async function readClientFile(folder: string): Promise<ClientFile> {
  const yaml = await readYaml(join(folder, 'client.yml'));
  const parsed = parse(ClientFile, yaml.value);
  if (parsed.ok) return parsed.value;
  throw refused('client.yml is not right.', yaml.faults(parsed.issues), 'Correct the file and run the command again.');
}
