import { ServingList } from '../domain/cloud-deployment.ts';
import { addressOf } from '../domain/deployment.ts';
import { chooseSite } from './choose-site.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { EXIT_CODE } from './exit-code.ts';
import type { DeploymentsOutput } from './output.ts';
import { printJson } from './show/json.ts';
import { table } from './show/table.ts';
import { askWorkflow } from './temporal/ask.ts';
import { connectTemporal } from './temporal/connect.ts';

type Serving = ServingList['deployments'][number];

/** `edge-train deployments list`: what serves, by the sites' own records and the endpoints'. */
export async function listDeployments(options: { site?: string; json?: boolean; config?: string }): Promise<number> {
  const deployments = await whatServes(options);
  if (options.json) printJson<DeploymentsOutput>({ ok: true, deployments });
  else tell(deployments);
  return EXIT_CODE.done;
}

/** At one site, or at all of `client.yml`. */
export async function whatServes(options: { site?: string; config?: string }): Promise<Serving[]> {
  const folder = findConfig(options.config);
  const named = options.site === undefined ? Object.keys((await readClientFile(folder)).sites) : [];
  const sites = named.length > 0 ? named : [await chooseSite(folder, options.site, { nextStep: NEXT })];
  const deployments: Serving[] = [];
  for (const site of sites) deployments.push(...(await ask(folder, site)));
  return deployments;
}

const NEXT = 'Name the site: --site NAME.';

async function ask(folder: string, site: string): Promise<Serving[]> {
  const { deployments } = await askWorkflow(await connectTemporal(folder, site), {
    ...{ workflow: 'listDeployments', input: { site }, answer: ServingList },
    ...{ id: `deployments-${site}`, summary: `What serves at ${site}`, patience: '2 minutes' },
    trouble: 'What serves cannot be read',
  });
  return deployments;
}

function tell(deployments: readonly Serving[]): void {
  const rows = deployments.map((each) => [
    ...[each.model, String(each.current.version), each.site],
    ...('to' in each ? ['cloud', each.address] : [each.virtualMachine, addressOf(each)]),
    each.current.at.replace(/T(\d\d:\d\d):.*/, ' $1Z'),
    each.previous ? String(each.previous.version) : '-',
  ]);
  const lines = rows.length > 0 ? table(HEAD, rows) : ['Nothing serves.'];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const HEAD = ['MODEL', 'VERSION', 'SITE', 'WHERE', 'ADDRESS', 'SINCE', 'BEFORE'];
