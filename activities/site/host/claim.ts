import { HostClaim, type InstalledWorker } from '../../../domain/machine-config.ts';
import { ServiceError } from '../../../services/errors.ts';
import { canonicalJson } from '../../../services/signing.ts';
import { said } from './examine.ts';
import type { RootShell } from './root-shell.ts';

/** Root's own, on the host. */
const CLAIM_FILE = '/etc/edge-train/adopted.json';

export interface Found {
  readonly worker?: InstalledWorker | undefined;
  /** The worker's unit runs. */
  readonly active: boolean;
}

export const workerUnit = (digest: string): string => `edge-train-worker@${digest.slice(0, 12)}.service`;

/**
 * What is on the host already. A host that carries another's worker is left alone: two that lease it would train on it at once.
 * @throws ServiceError `HostTaken` (policy)
 */
export async function findClaim(root: RootShell, { site, host }: HostClaim, digest: string): Promise<Found> {
  const script = `
if [ -f ${CLAIM_FILE} ]; then printf 'edge-train:claim=%s\\n' "$(cat ${CLAIM_FILE})"
elif [ -e /etc/edge-train/machine.json ]; then echo edge-train:foreign=yes; fi
printf 'edge-train:active=%s\\n' "$(systemctl is-active ${workerUnit(digest)} </dev/null)"
`;
  const facts = said(await root('sh -s', { input: [script], seconds: 60 }));
  const text = facts.get('claim');
  const claim = text === undefined ? undefined : parsed(text);
  if (facts.get('foreign') === 'yes') throw taken(host, 'it carries a worker that was not put there by adopting it');
  if (claim && (claim.site !== site || claim.host !== host))
    throw taken(host, `it is the host ${claim.host} of the site ${claim.site}`);
  return { worker: claim?.worker, active: facts.get('active') === 'active' };
}

/** Lines for sh, as root: the file is whole or as before. */
export function writeClaim(claim: HostClaim): string {
  const document = Buffer.from(canonicalJson(claim)).toString('base64');
  return [
    `mkdir -p ${CLAIM_FILE.replace(/\/[^/]*$/, '')}`,
    `printf %s '${document}' | base64 -d >${CLAIM_FILE}.new`,
    `mv ${CLAIM_FILE}.new ${CLAIM_FILE}`,
  ].join('\n');
}

/** What nobody can read is as good as not there: it is installed anew. */
function parsed(text: string): HostClaim | undefined {
  try {
    return HostClaim.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function taken(host: string, why: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'HostTaken',
    cause: `The host ${host} belongs to another: ${why}.`,
    nextStep: `If the other no longer uses it, remove /etc/edge-train on the host as root and start the run again; else take hosts.${host} out of site.yml.`,
    retryable: false,
  });
}
