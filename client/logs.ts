import { setTimeout as wait } from 'node:timers/promises';
import { siteRunPath, trialWorkflowId } from '../domain/resource-names.ts';
import { readRange } from '../services/blob-range.ts';
import { findBlob, type BlobContainer } from '../services/blob-storage.ts';
import { failed, type CommandError } from './command-error.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { EXIT_CODE } from './exit-code.ts';
import { logPrinter } from './logs/print-log.ts';
import { openRunContainer } from './logs/run-container.ts';
import type { LogsOutput } from './output.ts';
import { untilInterrupted } from './run/until-interrupted.ts';
import { printJson } from './show/json.ts';
import { connectTemporal, type TemporalClient } from './temporal/connect.ts';
import { findRunOrTrial, type FoundRun } from './temporal/find-run.ts';
import { jobOfRun } from './temporal/job-of-run.ts';
import { checkedRunId } from './temporal/run-id.ts';
import { siteOf } from './temporal/site-of-run.ts';

export interface LogsOptions {
  readonly follow?: boolean;
  readonly site?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** `edge-train logs RUN`: what the script said, from the site's own storage. It never passes through Temporal. */
export async function logs(given: string, options: LogsOptions): Promise<number> {
  const workflowId = checkedRunId(given);
  const folder = findConfig(options.config);
  const clientFile = await readClientFile(folder);
  const temporal = await connectTemporal(folder, options.site);
  const run = await findRunOrTrial(temporal, workflowId, 'The run’s log cannot be read');
  const site = siteOf(run, options.site);
  const container = await openRunContainer(clientFile, site);
  const job = await jobOfRun(temporal, run);
  const path = siteRunPath(job, 'job.log');

  if (options.json) {
    const found = await findBlob(container, path);
    if (!found) throw noLog(run);
    const { runId } = run;
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

interface Log {
  readonly container: BlobContainer;
  readonly path: string;
  readonly print: (bytes: Buffer) => Promise<void>;
}

/** Prints all that is there; returns where it ends, undefined where there is no log. */
async function printFrom({ container, path, print }: Log, offset: number): Promise<number | undefined> {
  for (let at = offset; ;) {
    const bytes = await readRange(container, path, at);
    if (!bytes || bytes.length === 0) return bytes && at;
    await print(bytes);
    at += bytes.length;
  }
}

const POLL_MS = 1000;

/** Until the run has ended and all that it said is printed: the log is whole before a run ends. */
async function follow(
  log: Log,
  { temporal, run, signal }: { temporal: TemporalClient; run: FoundRun; signal: AbortSignal },
): Promise<void> {
  let at = 0;
  let waiting = false;
  for (;;) {
    const { running } = await findRunOrTrial(temporal, run.workflowId, 'The run’s log cannot be followed', run.runId);
    const end = await printFrom(log, at);
    signal.throwIfAborted();
    if (!running) {
      if (end === undefined) throw noLog(run);
      return;
    }
    if (end === undefined && !waiting) {
      waiting = true;
      process.stderr.write('The script has said nothing yet; waiting for it.\n');
    }
    at = end ?? at;
    await wait(POLL_MS, undefined, { signal });
  }
}

function noLog({ workflowId, running }: FoundRun): CommandError {
  return failed({
    class: 'input',
    type: 'NoLog',
    cause: `${workflowId} has no log${running ? ' yet' : ''}: its script has not begun, or it is a sweep.`,
    nextStep: `${running ? 'Wait for it with --follow.' : `See why: edge-train status ${workflowId}.`} A sweep has a log for each trial: edge-train logs ${trialWorkflowId(workflowId, 1)}`,
  });
}
