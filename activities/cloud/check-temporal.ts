import type { CheckRequest } from '../../domain/check.ts';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { mustRefuseStrangers } from '../../domain/temporal-server.ts';
import { ServiceError } from '../../services/errors.ts';
import { anonymousCalls, askTemporal, type TemporalFront } from '../ask-temporal.ts';
import { NotChecked, type CheckWork } from '../checks.ts';
import { versionText } from '../version-check.ts';
import type { Workflows } from './temporal.ts';

export interface CheckedFront extends TemporalFront {
  readonly showsCredential: boolean;
}

/** `temporal.api.enums.v1.IndexedValueType`. */
const KEYWORD = 2;

/** What the cloud worker sees of its Temporal server. */
export function temporalChecks(workflows: Workflows, front: CheckedFront, request: CheckRequest): CheckWork[] {
  return [
    { name: 'anonymous calls', look: () => refusesStrangers(front) },
    { name: 'search attributes', look: () => searchAttributes(workflows) },
    { name: 'versions', look: () => versions(workflows, request) },
  ];
}

/** A run that writes one which the namespace does not know stands still for ever. */
async function searchAttributes({ connection, options: { namespace } }: Workflows): Promise<string> {
  const { customAttributes } = await connection.operatorService
    .listSearchAttributes({ namespace })
    .catch(() => Promise.reject(new NotChecked(`not checked: the worker may not list those of ${namespace}`)));
  const names = Object.values(SEARCH_ATTRIBUTE);
  const missing = names.filter((name) => customAttributes?.[name] !== KEYWORD);
  if (missing.length === 0) return names.join(', ');
  throw new ServiceError({
    class: 'host',
    type: 'SearchAttributesMissing',
    cause: `The namespace ${namespace} does not know ${missing.join(', ')} as Keyword.`,
    nextStep: `Run: temporal operator search-attribute create --namespace ${namespace} ${missing.map((name) => `--name ${name} --type Keyword`).join(' ')}`,
    retryable: false,
  });
}

async function refusesStrangers(front: CheckedFront): Promise<string> {
  const { address, namespace, showsCredential } = front;
  if ((await askTemporal(front)) !== 'answers') return `${address} refuses them`;
  if (!mustRefuseStrangers(address, showsCredential)) return `let in, at this machine’s own ${address}`;
  throw anonymousCalls(address, namespace);
}

async function versions({ workflowService }: Workflows, request: CheckRequest): Promise<string> {
  const { serverVersion } = await workflowService.getSystemInfo({});
  return `${versionText(request)}, Temporal server ${serverVersion || 'unknown'}`;
}
