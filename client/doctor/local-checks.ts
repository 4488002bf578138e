import { readFile } from 'node:fs/promises';
import type { Check } from '../../domain/check.ts';
import type { ClientFile } from '../../domain/client-file.ts';
import { codePath } from '../../domain/resource-names.ts';
import { findBlob, openContainer } from '../../services/blob-storage.ts';
import { tryPayloadKeys } from '../../services/payload-codec.ts';
import { createSecrets } from '../../services/secrets.ts';
import { readClientFile } from '../config/client-file.ts';
import { codecSettings } from '../temporal/payload-codecs.ts';
import { describeFault, toCommandError } from '../show/error.ts';

/** A SAS that ends within this is renewed now, not in the middle of a run. */
const SAS_DAYS = 7;
const DAY_MS = 86_400_000;

/** client.yml, and what it names. */
export async function localChecks(folder: string, site: string): Promise<Check[]> {
  let clientFile: ClientFile | undefined;
  const file = await check('client.yml', async () => {
    clientFile = await readClientFile(folder);
    return `read from ${folder}`;
  });
  if (!clientFile) return [file];
  const { code } = clientFile;
  const settings = codecSettings(clientFile, site);
  return [
    file,
    await check('code container', () => tryCodeContainer(code)),
    await check('encryption', () => tryPayloadKeys(settings, createSecrets({ environment: process.env }))),
  ];
}

type Seen = string | { readonly detail: string; readonly advice?: string };

/** One check; whatever goes wrong is its fault. */
export async function check(name: string, look: () => Promise<Seen>): Promise<Check> {
  try {
    const seen = await look();
    if (typeof seen === 'string') return { where: 'client', name, state: 'ok', detail: seen };
    const { detail, advice } = seen;
    return { where: 'client', name, state: 'ok', detail, ...(advice === undefined ? {} : { fix: advice }) };
  } catch (error) {
    return faultOf(name, error);
  }
}

export function faultOf(name: string, error: unknown): Check {
  const { failure, faults } = toCommandError(error);
  const detail = [failure.cause, ...faults.map(describeFault)].join(' ');
  return { where: 'client', name, state: 'fault', detail, fix: failure.nextStep };
}

/** Asks for a blob that is not there: the answer says whether the SAS is taken. */
async function tryCodeContainer(code: ClientFile['code']): Promise<string> {
  const sas = (await createSecrets({ environment: process.env }).resolve(code.sas)).replace(/^\?/, '');
  const ca = code.caFile === undefined ? undefined : await readFile(code.caFile, 'utf8');
  await findBlob(openContainer(`${code.container}?${sas}`, { ca }), codePath('0'.repeat(64)));
  const expiry = new URLSearchParams(sas).get('se');
  if (expiry === null) return `${code.container} takes the SAS, whose end its access policy says`;
  const days = Math.floor((Date.parse(expiry) - Date.now()) / DAY_MS);
  if (days >= SAS_DAYS) return `${code.container} takes the SAS, for ${days} more days`;
  throw Object.assign(new Error(`The SAS of ${code.container} ends in ${days} days.`), {
    class: 'policy',
    type: 'SasExpiring',
    nextStep: 'Ask the operator for a new SAS, and put it where code.sas of client.yml says.',
  });
}
