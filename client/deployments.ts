import { DeploymentList, type DeploymentRecord } from '../domain/deployment.ts';
import { chooseSite } from './choose-site.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { EXIT_CODE } from './exit-code.ts';
import type { DeploymentsOutput } from './output.ts';
import { printJson } from './show/json.ts';
import { table } from './show/table.ts';
import { askWorkflow } from './temporal/ask.ts';
import { connectTemporal } from './temporal/connect.ts';

/** `edge-train deployments list`: what serves, by the sites' own records. */
export async function listDeployments(options: { site?: string; json?: boolean; config?: string }): Promise<number> {
  const folder = findConfig(options.config);
  const named = options.site === undefined ? Object.keys((await readClientFile(folder)).sites) : [];
  const sites = named.length > 0 ? named : [await chooseSite(folder, options.site, { nextStep: NEXT })];
  const deployments: DeploymentRecord[] = [];
  for (const site of sites) deployments.push(...(await ask(folder, site)));
  if (options.json) printJson<DeploymentsOutput>({ ok: true, deployments });
  else tell(deployments);
  return EXIT_CODE.done;
}

const NEXT = 'Name the site: edge-train deployments list --site NAME.';

async function ask(folder: string, site: string): Promise<DeploymentRecord[]> {
  const { deployments } = await askWorkflow(await connectTemporal(folder, site), {
    ...{ workflow: 'listDeployments', input: { site }, answer: DeploymentList },
    ...{ id: `deployments-${site}`, summary: `What serves at ${site}`, patience: '2 minutes' },
    trouble: 'What serves cannot be read',
  });
  return deployments;
}

function tell(deployments: readonly DeploymentRecord[]): void {
  const rows = deployments.map(({ model, site, virtualMachine, port, current, previous }) => [
    model,
    String(current.version),
    site,
    virtualMachine,
    `http://127.0.0.1:${port}`,
    current.at.replace(/T(\d\d:\d\d):.*/, ' $1Z'),
    previous ? String(previous.version) : '-',
  ]);
  const lines = rows.length > 0 ? table(HEAD, rows) : ['Nothing serves.'];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const HEAD = ['MODEL', 'VERSION', 'SITE', 'VM', 'ADDRESS', 'SINCE', 'BEFORE'];
