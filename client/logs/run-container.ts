import { openContainer, STACK_HUB_VERSION, type BlobContainer } from '../../services/blob-storage.ts';
import { createSecrets } from '../../services/secrets.ts';
import type { ClientFile } from '../../domain/client-file.ts';
import { readCa } from '../config/read-ca.ts';
import { refused } from '../command-error.ts';

/** The site's run container, by the user's own read SAS of client.yml. @throws CommandError exit 2, ServiceError */
export async function openRunContainer({ sites }: ClientFile, site: string): Promise<BlobContainer> {
  const path = `sites.${site}.runs`;
  const { runs, caFile } = (Object.hasOwn(sites, site) && sites[site]) || {};
  if (!runs) {
    const fault = { path, rule: 'is required: the container of the site’s runs, and a read SAS on it' };
    throw refused('client.yml does not say how this site’s logs are read.', [fault], NEXT);
  }
  const sas = await createSecrets({ environment: process.env }).resolve(runs.sas);
  const ca = caFile === undefined ? undefined : await readCa(caFile, `sites.${site}.caFile`);
  return openContainer(`${runs.container}?${sas.replace(/^\?/, '')}`, { ca, apiVersion: STACK_HUB_VERSION });
}

const NEXT = 'Ask the site’s operator for a SAS on the stored access policy for logs, and put it in client.yml.';
