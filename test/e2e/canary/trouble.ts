import type { Fault } from '../../../sandbox/server/faults.ts';
import { faultsOf } from '../faults.ts';
import type { Product } from '../product.ts';

/**
 * Where a credential is in use, the services fail, so that errors with it are made: `drop` twice, since the SDKs try twice.
 */
const FAULTS = [
  ['azure', 'POST /*/oauth2/v2.0/token', { status: 503, code: 'temporarily_unavailable' }],
  ['stack-hub', 'POST /adfs/oauth2/token/**', { status: 503, code: 'temporarily_unavailable' }],
  ['stack-hub', 'POST /**/listKeys', { status: 500, code: 'InternalServerError' }],
  ['stack-hub', 'PUT /**/extensions/*', { status: 500, code: 'InternalServerError' }],
  ['azure', 'PUT /**/computes/*', { status: 500, code: 'InternalServerError' }],
  ['release-blob', 'GET /*/edge-train-code/**', 'drop'],
  ['site-blob', 'GET /*/hospital/**', 'drop'],
  ['site-blob', 'PUT /*/edge-train-runs/runs/*/job.log', 'drop'],
  ['release-blob', 'PUT /*/edge-train-staging/staging/**', 'drop'],
  ['registry', 'POST /oauth2/token', { status: 503, code: 'UNAVAILABLE' }],
] as const;

export async function orderTrouble(product: Product): Promise<void> {
  for (const [front, route, action] of FAULTS)
    await faultsOf(product).order({ front, route, action, moment: 'before', count: action === 'drop' ? 2 : 1 });
}

/** What was ordered, and how often each has struck. */
export async function troubles({ info }: Product): Promise<Fault[]> {
  return (await (await fetch(`${info.admin}/faults`)).json()) as Fault[];
}
