import { DeployModelInput } from '../domain/deployment.ts';
import { parse, shown } from '../domain/validation.ts';
import { chooseSite } from './choose-site.ts';
import { refused } from './command-error.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { watchDeployment } from './deploy/watch-deployment.ts';
import { EXIT_CODE } from './exit-code.ts';
import { readModelReference, type ModelReference } from './files/model-reference.ts';
import type { StartedOutput } from './output.ts';
import { printJson } from './show/json.ts';
import { openProgress, silentProgress } from './show/progress.ts';
import { connectTemporal } from './temporal/connect.ts';
import { startDeployment } from './temporal/start-deployment.ts';
import { uiLink } from './temporal/ui-link.ts';

export interface DeployOptions {
  /** A site, or `cloud`. */
  readonly to?: string;
  readonly site?: string;
  readonly cloud?: boolean;
  readonly virtualMachine?: string;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly config?: string;
}

type Action = DeployModelInput['action'];

/** `edge-train deploy`, `rollback` and `undeploy`: starts the deployment and watches it to its end. */
export async function deploy(action: Action, given: string, options: DeployOptions): Promise<number> {
  const target = parseTarget(action, given);
  const folder = findConfig(options.config);
  const { site, to } = await place(folder, action, options);
  const input = checked({ site, to, action, ...target, virtualMachine: options.virtualMachine }, given);
  const { temporalUi } = await readClientFile(folder);
  const temporal = await connectTemporal(folder, site);
  const progress = options.json ? silentProgress : await openProgress();
  const started = await startDeployment(temporal, input);
  const { workflowId, runId } = started;
  const links = { workflowId, ...uiLink(temporalUi, temporal.namespace, workflowId, runId) };
  progress.say(`Deployment:  ${workflowId}${started.joined ? ' (it runs already; watching it)' : ''}`);
  if (options.detach) {
    if (options.json) printJson<StartedOutput>({ ok: true, ...started, ...links });
    else progress.say(`Look on with: edge-train watch ${workflowId}`);
    progress.end();
    return EXIT_CODE.done;
  }
  return watchDeployment({ temporal, started, links, progress, json: options.json ?? false });
}

/** In the cloud a model belongs to its site all the same: that is whose Temporal namespace carries it. */
async function place(
  folder: string,
  action: Action,
  { to, site, cloud }: DeployOptions,
): Promise<Pick<DeployModelInput, 'site' | 'to'>> {
  const nextStep = `See ${action} --help.`;
  if (cloud || to === 'cloud') return { to: 'cloud', site: await chooseSite(folder, site, { nextStep }) };
  if (to !== undefined && site !== undefined && to !== site)
    throw wrong([{ path: '--site', rule: 'is for --to cloud: which site trained the model', value: shown(site) }]);
  return { site: await chooseSite(folder, to ?? site, { option: to === undefined ? '--site' : '--to', nextStep }) };
}

/** What is to be deployed; the others go by what serves. */
function parseTarget(action: Action, given: string): ModelReference {
  const reference = readModelReference(given);
  if ('fault' in reference) throw wrong([reference.fault]);
  const { version, alias } = reference;
  if (action === 'deploy' || (version === undefined && alias === undefined)) return reference;
  const rule = `names no ${alias === undefined ? 'version' : 'alias'}: ${action} goes by what serves`;
  throw wrong([{ path: 'model', rule, value: shown(given) }]);
}

function checked(input: object, given: string): DeployModelInput {
  const defined = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  const parsed = parse(DeployModelInput, defined);
  if (parsed.ok) return parsed.value;
  const { virtualMachine } = input as { virtualMachine?: string };
  throw wrong(
    parsed.issues.map(({ path, rule }) =>
      path === 'virtualMachine'
        ? { path: '--virtual-machine', rule, value: shown(virtualMachine) }
        : { path, rule, value: shown(given) },
    ),
  );
}

const wrong = (faults: Parameters<typeof refused>[1]) =>
  refused(
    'The deployment is refused; nothing was started.',
    faults,
    'Correct what is named and run the command again.',
  );
