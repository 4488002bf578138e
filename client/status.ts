import type { RunStatus } from '../domain/run-status.ts';
import { reportError } from './show/error.ts';
import { failed } from './command-error.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { EXIT_CODE } from './exit-code.ts';
import { exitCodeOf } from './run/watch-to-end.ts';
import { colours } from './show/progress.ts';
import { stepLines } from './show/step-lines.ts';
import { summary } from './show/summary.ts';
import { connectTemporal, type TemporalClient } from './temporal/connect.ts';
import { endedBadly, succeeded, type Outcome } from './temporal/outcome.ts';
import { noSuchRun } from './temporal/start-training.ts';
import { serviceTrouble } from './temporal/trouble.ts';
import { uiLink } from './temporal/ui-link.ts';
import { askStatus } from './temporal/watch.ts';

/** `edge-train status RUN`: how a run stands. Exit 0 while it runs and when it succeeded, else as `run` would. */
export async function status(
  workflowId: string,
  options: { site?: string; json?: boolean; config?: string },
): Promise<number> {
  const folder = findConfig(options.config);
  const { temporalUi } = await readClientFile(folder);
  const temporal = await connectTemporal(folder, options.site);
  const handle = temporal.client.workflow.getHandle(workflowId);
  const { runId, running } = await describe(temporal, workflowId);
  const links = { workflowId, ...uiLink(temporalUi, temporal.namespace, workflowId, runId) };
  const outcome = running ? undefined : await outcomeOf(() => handle.result());
  const steps = await askStatus(temporal, handle).catch(() => undefined);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ok: ok(outcome), runId, ...links, ...steps, ...outcome })}\n`);
    return exitCode(outcome);
  }
  tell(steps, outcome, links);
  return exitCode(outcome);
}

async function describe(temporal: TemporalClient, workflowId: string): Promise<{ runId: string; running: boolean }> {
  try {
    const { runId, status } = await temporal.client.workflow.getHandle(workflowId).describe();
    return { runId, running: status.name === 'RUNNING' };
  } catch (error) {
    if ((error as Error).name === 'WorkflowNotFoundError') throw noSuchRun(workflowId, temporal);
    throw serviceTrouble(error, temporal, 'The run’s status cannot be read');
  }
}

async function outcomeOf(result: () => Promise<unknown>): Promise<Outcome> {
  try {
    return succeeded(await result());
  } catch (error) {
    const outcome = endedBadly(error);
    if (outcome) return outcome;
    throw error;
  }
}

const ok = (outcome: Outcome | undefined): boolean => outcome === undefined || outcome.state === 'succeeded';

function exitCode(outcome: Outcome | undefined): number {
  return outcome === undefined || outcome.state === 'succeeded' ? EXIT_CODE.done : exitCodeOf(outcome);
}

function tell(
  steps: RunStatus | undefined,
  outcome: Outcome | undefined,
  links: { workflowId: string; ui?: string },
): void {
  const out = process.stdout;
  const columns = out.isTTY ? out.columns : 200;
  const lines = [
    `${links.workflowId}: ${outcome?.state ?? 'running'}`,
    ...(steps
      ? stepLines(steps, { now: Date.now(), columns, frame: 0, colour: colours(out) })
      : ['No worker answers on the queue edge-train, so the steps cannot be shown.']),
    ...(outcome?.state === 'succeeded' ? ['', ...summary(outcome.result, links)] : links.ui ? [links.ui] : []),
  ];
  out.write(`${lines.join('\n')}\n`);
  if (outcome && outcome.state !== 'succeeded') reportError(failed(outcome.failure), false);
}
