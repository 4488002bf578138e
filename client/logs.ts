import { siteRunPath, trialWorkflowId } from '../domain/resource-names.ts';
import { findBlob } from '../services/blob-storage.ts';
import { failed, type CommandError } from './command-error.ts';
import { EXIT_CODE } from './exit-code.ts';
import { followLog, printFrom, type Log } from './logs/follow-log.ts';
import { logPrinter } from './logs/print-log.ts';
import { openRunOnSite } from './logs/run-on-site.ts';
import type { LogsOutput } from './output.ts';
import { untilInterrupted } from './run/until-interrupted.ts';
import { printJson } from './show/json.ts';
import type { TemporalClient } from './temporal/connect.ts';
import { findRunOrTrial, type FoundRun } from './temporal/find-run.ts';

export interface LogsOptions {
  readonly follow?: boolean;
  readonly site?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** `edge-train logs RUN`: what the script said, from the site's own storage. It never passes through Temporal. */
export async function logs(given: string, options: LogsOptions): Promise<number> {
  const { temporal, run, site, container, job } = await openRunOnSite(given, options, 'The run’s log cannot be read');
  const { workflowId, runId } = run;
  const path = siteRunPath(job, 'job.log');

  if (options.json) {
    const found = await findBlob(container, path);
    if (!found) throw noLog(run);
    printJson<LogsOutput>({ ok: true, workflowId, runId, site, job, path, bytes: found.bytes });
    return EXIT_CODE.done;
  }
  const print = logPrinter(process.stdout);
  if (!options.follow) {
    if ((await printFrom({ container, path, print }, 0)) === undefined) throw noLog(run);
    return EXIT_CODE.done;
  }
  const ended = await untilInterrupted((signal) => follow({ container, path, print }, { temporal, run, signal }));
  return ended === 'interrupted' ? EXIT_CODE.interrupted : EXIT_CODE.done;
}

/** Until the run has ended and all that it said is printed. */
async function follow(
  log: Log,
  { temporal, run, signal }: { temporal: TemporalClient; run: FoundRun; signal: AbortSignal },
): Promise<void> {
  const { workflowId, runId } = run;
  const running = async () =>
    (await findRunOrTrial(temporal, workflowId, 'The run’s log cannot be followed', runId)).running;
  const waiting = () => process.stderr.write('The script has said nothing yet; waiting for it.\n');
  if ((await followLog(log, running, { signal, waiting })) === undefined) throw noLog({ ...run, running: false });
}

function noLog({ workflowId, running }: FoundRun): CommandError {
  return failed({
    class: 'input',
    type: 'NoLog',
    cause: `${workflowId} has no log${running ? ' yet' : ''}: its script has not begun, or it is a sweep.`,
    nextStep: `${running ? 'Wait for it with --follow.' : `See why: edge-train status ${workflowId}.`} A sweep has a log for each trial: edge-train logs ${trialWorkflowId(workflowId, 1)}`,
  });
}
