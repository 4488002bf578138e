import { count } from '../domain/amount-text.ts';
import { DeployModelResult } from '../domain/deployment.ts';
import type { RunStatus } from '../domain/run-status.ts';
import type { TrainModelResult } from '../domain/train-model-result.ts';
import { failed } from './command-error.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { deploymentLines } from './deploy/lines.ts';
import { EXIT_CODE } from './exit-code.ts';
import { exitCodeOf } from './run/watch-to-end.ts';
import type { StatusOutput } from './output.ts';
import { awaited } from './show/approval.ts';
import { reportError } from './show/error.ts';
import { printJson } from './show/json.ts';
import { colours } from './show/progress.ts';
import { stepLines } from './show/step-lines.ts';
import { summary, type RunLinks } from './show/summary.ts';
import { connectTemporal, type TemporalClient } from './temporal/connect.ts';
import { findRunOrDeployment } from './temporal/find-run.ts';
import { endedBadly, succeeded, succeededWith, type Outcome } from './temporal/outcome.ts';
import { checkedRunId } from './temporal/run-id.ts';
import { uiLink } from './temporal/ui-link.ts';
import { askPublished } from './temporal/published.ts';
import { askStatus } from './temporal/watch.ts';

/** `edge-train status RUN`: how a run stands. Exit 0 while it runs and when it succeeded, else as `run` would. */
export async function status(
  given: string,
  options: { site?: string; json?: boolean; config?: string },
): Promise<number> {
  const workflowId = checkedRunId(given);
  const folder = findConfig(options.config);
  const { temporalUi } = await readClientFile(folder);
  const temporal = await connectTemporal(folder, options.site);
  const { run, isDeployment } = await findRunOrDeployment(temporal, workflowId, 'The run’s status cannot be read');
  const { runId, running } = run;
  const handle = temporal.client.workflow.getHandle(workflowId, runId);
  const links = { workflowId, ...uiLink(temporalUi, temporal.namespace, workflowId, runId) };
  const [outcome, steps] = await Promise.all([
    running ? undefined : outcomeOf(isDeployment, () => handle.result()),
    askStatus(temporal, handle).then(
      (shown) => withPublished(temporal, shown),
      () => undefined,
    ),
  ]);
  if (options.json)
    printJson<StatusOutput>({ ok: ok(outcome), runId, ...links, state: 'running', ...steps, ...came(outcome) });
  else tell(steps, outcome, links);
  return exitCode(outcome);
}

/** While a script trains, the workflow that carries its numbers knows how many are in Azure ML. */
async function withPublished(temporal: TemporalClient, shown: RunStatus): Promise<RunStatus> {
  const trains = shown.steps.some(({ name, state }) => name === 'train' && state === 'running');
  if (!trains || shown.job === undefined || shown.published !== undefined) return shown;
  const published = await askPublished(temporal, shown.job);
  return published === undefined ? shown : { ...shown, published };
}

async function outcomeOf(isDeployment: boolean, result: () => Promise<unknown>): Promise<Ended> {
  try {
    return isDeployment ? succeededWith(DeployModelResult, await result()) : succeeded(await result());
  } catch (error) {
    const outcome = endedBadly(error);
    if (outcome) return outcome;
    throw error;
  }
}

type Ended = Outcome<TrainModelResult | DeployModelResult>;

/** A deployment's result has a name of its own. */
function came(outcome: Ended | undefined): Partial<StatusOutput> {
  if (outcome?.state !== 'succeeded') return outcome ?? {};
  const { state, result } = outcome;
  return 'action' in result ? { state, deployed: result } : { state, result };
}

const ok = (outcome: Ended | undefined): boolean => outcome === undefined || outcome.state === 'succeeded';

function exitCode(outcome: Ended | undefined): number {
  return outcome === undefined || outcome.state === 'succeeded' ? EXIT_CODE.done : exitCodeOf(outcome);
}

function tell(
  steps: RunStatus | undefined,
  outcome: Ended | undefined,
  links: { workflowId: string; ui?: string },
): void {
  const out = process.stdout;
  const columns = out.isTTY ? out.columns : 200;
  const lines = [
    `${links.workflowId}: ${outcome?.state ?? 'running'}`,
    ...(steps
      ? stepLines(steps, { now: Date.now(), columns, frame: 0, colour: colours(out) })
      : ['No worker answers on the queue edge-train, so the steps cannot be shown.']),
    ...(steps?.published === undefined ? [] : [`  ${count(steps.published, 'number')} of the script’s in Azure ML`]),
    ...(steps?.approval && !outcome ? ['', ...awaited(steps.approval, links.workflowId)] : []),
    ...(outcome?.state === 'succeeded' ? ['', ...said(outcome.result, links)] : links.ui ? [links.ui] : []),
  ];
  out.write(`${lines.join('\n')}\n`);
  if (outcome && outcome.state !== 'succeeded') reportError(failed(outcome.failure), false);
}

const said = (result: TrainModelResult | DeployModelResult, links: RunLinks): string[] =>
  'action' in result ? deploymentLines(result) : summary(result, links);
