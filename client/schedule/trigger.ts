import { setTimeout as wait } from 'node:timers/promises';
import type { ScheduleDescription } from '@temporalio/client';
import type { Overlap } from '../../domain/schedule.ts';
import { failed, type CommandError } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import type { ScheduleChangeOutput } from '../output.ts';
import { printJson } from '../show/json.ts';
import { serviceTrouble } from '../temporal/trouble.ts';
import { describe, openSchedule, type FoundSchedule, type ScheduleOptions } from './find.ts';
import { toPolicy } from './settings.ts';

type Change = Pick<ScheduleChangeOutput, 'state' | 'workflowId'>;

/**
 * `edge-train schedule trigger NAME`: one run now, also while the schedule is paused. The overlap is always said, since
 * Temporal's default for a trigger would let runs pile up. Exit 1 when nothing was started because a run goes on.
 */
export async function triggerSchedule(name: string, options: ScheduleOptions & { overlap: Overlap }): Promise<number> {
  const overlap = toPolicy(options.overlap);
  const doing = 'The schedule was not triggered';
  const found = await openSchedule(name, options, doing);
  try {
    await found.handle.trigger(overlap);
  } catch (error) {
    throw serviceTrouble(error, found.temporal, doing);
  }
  const came = await whatCame(found, name);
  if (options.json) printJson<ScheduleChangeOutput>({ ok: true, name, ...came });
  else if (came.state === 'waiting') process.stdout.write(`${name} starts when the run that goes on has ended.\n`);
  else process.stdout.write(`Started ${came.workflowId}\nLook on with: edge-train watch ${came.workflowId}\n`);
  return EXIT_CODE.done;
}

const PATIENCE_MS = 15_000;

/** The server takes a trigger and acts on it a moment later; only the schedule itself says what came of it. */
async function whatCame({ temporal, handle, description: before }: FoundSchedule, name: string): Promise<Change> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const now = await describe(temporal, handle, 'The schedule was triggered, but cannot be read');
    const started = now && newest(before, now);
    if (started) return { state: 'started', workflowId: started };
    if (now && now.info.numActionsSkippedOverlap > before.info.numActionsSkippedOverlap) throw skipped(name, now);
    if (now && buffered(now) > buffered(before)) return { state: 'waiting' };
    if (Date.now() > deadline) throw silent(name);
    await wait(100);
  }
}

function newest(before: ScheduleDescription, now: ScheduleDescription): string | undefined {
  const known = new Set(before.info.recentActions.map(({ action }) => action.workflow.firstExecutionRunId));
  const { action } =
    now.info.recentActions.findLast((each) => !known.has(each.action.workflow.firstExecutionRunId)) ?? {};
  return action?.workflow.workflowId;
}

const buffered = ({ raw }: ScheduleDescription): number => Number(raw.info?.bufferSize ?? 0);

function skipped(name: string, { info }: ScheduleDescription): CommandError {
  const running = info.runningActions[0]?.workflow.workflowId ?? 'a run of it';
  return failed({
    class: 'input',
    type: 'ScheduleSkipped',
    cause: `Nothing was started: ${running} goes on, and the overlap is skip.`,
    nextStep: `Wait for it, or say what to do: edge-train schedule trigger ${name} --overlap buffer-one`,
  });
}

function silent(name: string): CommandError {
  return failed({
    class: 'internal',
    type: 'ScheduleSilent',
    cause: `The schedule ${name} took the trigger, and started nothing within ${PATIENCE_MS / 1000} s.`,
    nextStep: `See what came of it: edge-train schedule describe ${name}`,
  });
}
