import { failed, type CommandError } from './command-error.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { EXIT_CODE } from './exit-code.ts';
import type { CancelOutput, InterruptedOutput } from './output.ts';
import { untilInterrupted } from './run/until-interrupted.ts';
import { printJson } from './show/json.ts';
import { openProgress, silentProgress, type Progress } from './show/progress.ts';
import { printable } from './show/text.ts';
import { connectTemporal, type TemporalClient } from './temporal/connect.ts';
import { findRunOrDeployment, type FoundRun } from './temporal/find-run.ts';
import { checkedReason } from './temporal/reason.ts';
import { checkedRunId } from './temporal/run-id.ts';
import { serviceTrouble } from './temporal/trouble.ts';
import { uiLink } from './temporal/ui-link.ts';
import { watchWith } from './temporal/watch.ts';

export interface CancelOptions {
  readonly reason?: string;
  readonly detach?: boolean;
  readonly site?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/**
 * `edge-train cancel RUN`: asks for cancellation, then watches how the run undoes what it made. Exit 0 when the run is
 * cancelled (also when it was before), 1 when it ended otherwise.
 */
export async function cancel(given: string, options: CancelOptions): Promise<number> {
  const workflowId = checkedRunId(given);
  const reason = options.reason === undefined ? '' : checkedReason(options.reason);
  const folder = findConfig(options.config);
  const { temporalUi } = await readClientFile(folder);
  const temporal = await connectTemporal(folder, options.site);
  const { run } = await findRunOrDeployment(temporal, workflowId, 'The run was not cancelled');
  const links = { workflowId, runId: run.runId, ...uiLink(temporalUi, temporal.namespace, workflowId, run.runId) };
  const json = options.json ?? false;

  if (!run.running && run.jobStatus !== 'Canceled') throw endedBefore(run);
  if (run.running) await requestCancel(temporal, run, reason);
  if (options.detach && run.running) {
    if (json) printJson<CancelOutput>({ ok: true, ...links, state: 'cancelling' });
    else process.stdout.write(`Cancelling ${workflowId}. Look on with: edge-train watch ${workflowId}\n`);
    return EXIT_CODE.done;
  }
  const progress = json ? silentProgress : await openProgress();
  if (run.running) progress.say(`Cancelling ${workflowId}: what it made is undone`);
  return await watchUndoing(temporal, links, progress, json);
}

/** The SDK's own call carries no reason; the server keeps it in the run's history. Asking twice is asking once. */
async function requestCancel(temporal: TemporalClient, { workflowId, runId }: FoundRun, reason: string): Promise<void> {
  const { client, namespace } = temporal;
  try {
    await client.workflowService.requestCancelWorkflowExecution({
      namespace,
      identity: client.options.identity,
      requestId: `cancel-${runId}`,
      workflowExecution: { workflowId, runId },
      reason,
    });
  } catch (error) {
    throw serviceTrouble(error, temporal, 'The run was not cancelled');
  }
}

async function watchUndoing(
  temporal: TemporalClient,
  links: { workflowId: string; runId: string; ui?: string },
  progress: Progress,
  json: boolean,
): Promise<number> {
  const outcome = await untilInterrupted((signal) => watchWith(ANY, temporal, links, progress, signal)).finally(() =>
    progress.end(),
  );
  if (outcome === 'interrupted') {
    const { workflowId, runId } = links;
    if (json) printJson<InterruptedOutput>({ ok: false, exitCode: 130, workflowId, runId, running: true });
    else process.stderr.write(`\nInterrupted. The cancellation goes on: edge-train watch ${workflowId}\n`);
    return EXIT_CODE.interrupted;
  }
  if (outcome.state === 'failed') throw failed(outcome.failure);
  if (outcome.state === 'succeeded') throw tooLate(links.workflowId);
  const { failure } = outcome;
  if (json) printJson<CancelOutput>({ ok: true, ...links, state: 'cancelled', failure });
  else progress.say(`Cancelled. ${printable(failure.cause)}\nNext: ${printable(failure.nextStep)}`);
  return EXIT_CODE.done;
}

/** What came of it is not told here. */
const ANY = (result: unknown) => ({ state: 'succeeded', result }) as const;

function endedBefore({ workflowId, jobStatus }: FoundRun): CommandError {
  return failed({
    class: 'input',
    type: 'AlreadyEnded',
    cause: `${workflowId} has ended (${jobStatus}), so nothing is left to cancel.`,
    nextStep: `See what came of it: edge-train status ${workflowId}`,
  });
}

function tooLate(workflowId: string): CommandError {
  return failed({
    class: 'input',
    type: 'AlreadyEnded',
    cause: `${workflowId} succeeded before it could be cancelled; what it made stays.`,
    nextStep: `See what it made: edge-train status ${workflowId}`,
  });
}
