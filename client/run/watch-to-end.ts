import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { CommandError } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import type { EndedOutput, InterruptedOutput } from '../output.ts';
import { printJson } from '../show/json.ts';
import type { Progress } from '../show/progress.ts';
import { summary, type RunLinks } from '../show/summary.ts';
import type { TemporalClient } from '../temporal/connect.ts';
import type { EndedBadly, Outcome } from '../temporal/outcome.ts';
import type { StartedRun } from '../temporal/start-training.ts';
import { watch } from '../temporal/watch.ts';
import { untilInterrupted } from './until-interrupted.ts';

export interface Watching {
  readonly temporal: TemporalClient;
  readonly started: StartedRun;
  readonly links: RunLinks;
  readonly progress: Progress;
  readonly json: boolean;
}

export interface RunEnd {
  readonly exitCode: number;
  /** There when the run succeeded. */
  readonly result?: TrainModelResult;
}

/** Watches a run to its end and says what came of it. Ctrl-C ends the watching, never the run. */
export async function watchToEnd(watching: Watching): Promise<RunEnd> {
  const outcome = await untilInterrupted((signal) => watchUntil(watching, signal));
  return outcome === 'interrupted' ? tellInterrupted(watching) : outcome;
}

/** The same for a caller that has an interruption of its own: the signal's reason is thrown. */
export async function watchUntil(watching: Watching, signal: AbortSignal): Promise<RunEnd> {
  const { temporal, started, progress } = watching;
  const outcome = await watch(temporal, started, progress, signal).finally(() => progress.end());
  return tellOutcome(watching, outcome);
}

function tellOutcome({ started, links, progress, json }: Watching, outcome: Outcome): RunEnd {
  if (outcome.state !== 'succeeded') throw new CommandError(exitCodeOf(outcome), outcome.failure);
  if (json) {
    printJson<EndedOutput>({ ok: true, runId: started.runId, ...links, result: outcome.result });
  } else {
    progress.say('');
    for (const line of summary(outcome.result, links)) progress.say(line);
  }
  return { exitCode: EXIT_CODE.done, result: outcome.result };
}

/** A workflow refuses an input too: a site's policy is known only there. */
export function exitCodeOf(outcome: EndedBadly): 1 | 2 {
  return outcome.state === 'failed' && outcome.failure.type === 'InvalidInput' ? EXIT_CODE.refused : EXIT_CODE.failed;
}

function tellInterrupted({ started, json }: Watching): RunEnd {
  const { workflowId, runId } = started;
  if (json) printJson<InterruptedOutput>({ ok: false, exitCode: 130, workflowId, runId, running: true });
  else
    process.stderr.write(
      `\nInterrupted. The run goes on: ${workflowId}\nLook on with: edge-train watch ${workflowId}\n`,
    );
  return { exitCode: EXIT_CODE.interrupted };
}
