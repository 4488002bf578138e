import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { CloudFile } from '../domain/cloud-file.ts';
import { parse } from '../domain/validation.ts';
import { invalidInput, ServiceError } from './errors.ts';

/** Reads and checks `cloud.yml`, with the text of the certificate authority that it names. @throws ServiceError */
export async function readCloudFile(path: string): Promise<{ file: CloudFile; ca?: string }> {
  const text = await readText(path, 'cloud.yml');
  const parsed = parse(CloudFile, yaml(path, text));
  if (!parsed.ok)
    throw invalidInput(
      parsed.issues.map((issue) => ({ ...issue, path: `${path}: ${issue.path}` })),
      'policy',
    );
  const { caFile } = parsed.value.azure;
  if (caFile === undefined) return { file: parsed.value };
  return { file: parsed.value, ca: await readText(caFile, 'azure.caFile of cloud.yml') };
}

function yaml(path: string, text: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw unreadable(`${path} is not YAML: ${(error as Error).message.split('\n', 1)[0]}`);
  }
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(`${what} cannot be read at ${path} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
}

function unreadable(cause: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ConfigurationUnreadable',
    cause,
    nextStep: 'Correct the file on the cloud worker’s machine; it is read anew at each attempt.',
    retryable: false,
  });
}
