import type { ScheduleHandle } from '@temporalio/client';
import { CLOUD_QUEUE, scheduledWorkflowId } from '../../domain/resource-names.ts';
import type { ScheduleSettings } from '../../domain/schedule.ts';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';
import type { TrainModelInput } from '../../domain/train-model-input.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { CommandError } from '../command-error.ts';
import { readClientFile } from '../config/client-file.ts';
import { findConfig } from '../config/find-config.ts';
import { readTraining } from '../files/read-training.ts';
import type { RunFlags } from '../files/wishes.ts';
import { packFolder, sendCode } from '../code/send.ts';
import type { ScheduleOutput } from '../output.ts';
import { printJson } from '../show/json.ts';
import { openProgress, silentProgress } from '../show/progress.ts';
import { connectTemporal, type TemporalClient } from '../temporal/connect.ts';
import { searchAttributes } from '../temporal/start-training.ts';
import { serviceTrouble } from '../temporal/trouble.ts';
import { describe, toOutput, type ScheduleOptions } from './find.ts';
import { checkedName, checkedSettings, toPolicy, type ScheduleFlags } from './settings.ts';
import { scheduleLines } from './tell.ts';

/**
 * `edge-train schedule create NAME FILE`: checks the training as `run` does, sends its code once, and makes a Temporal
 * schedule that starts it. What changes in the files later changes nothing of the schedule.
 */
export async function createSchedule(
  given: string,
  file: string,
  options: RunFlags & ScheduleFlags & ScheduleOptions,
): Promise<number> {
  const name = checkedName(given);
  const settings = checkedSettings(options);
  const training = await readTraining(file, options);
  await using code = await packFolder(training);
  const input = training.toInput(code?.asset);
  const folder = findConfig(options.config);
  const clientFile = await readClientFile(folder);
  const temporal = await connectTemporal(folder, input.site);
  const handle = temporal.client.schedule.getHandle(name);
  if (await describe(temporal, handle, NOT_MADE)) throw exists(name);
  const progress = options.json ? silentProgress : await openProgress();
  if (code) await sendCode(code, clientFile, progress);
  await make(temporal, name, settings, input);
  const output = await read(temporal, handle);
  if (options.json) printJson<ScheduleOutput>(output);
  else for (const line of scheduleLines(output)) progress.say(line);
  progress.end();
  return EXIT_CODE.done;
}

const NOT_MADE = 'The schedule was not made';

/** No execution timeout: it would skip every undo of a run. Temporal appends the time to the workflow's id. */
async function make(
  temporal: TemporalClient,
  name: string,
  settings: ScheduleSettings,
  input: TrainModelInput,
): Promise<void> {
  const { site, model } = input;
  const { overlap, catchupWindow, pauseOnFailure, paused, note } = settings;
  const memo = { site, model: model.name, schedule: name };
  try {
    await temporal.client.schedule.create({
      scheduleId: name,
      spec: spec(settings),
      action: {
        type: 'startWorkflow',
        workflowType: WORKFLOW_TYPE.trainModel,
        workflowId: scheduledWorkflowId(site, model.name, name),
        taskQueue: CLOUD_QUEUE,
        args: [input],
        memo,
        typedSearchAttributes: searchAttributes(input),
        staticSummary: `Train ${model.name} at ${site} (schedule ${name})`,
      },
      policies: { overlap: toPolicy(overlap), catchupWindow: catchupWindow * 1000, pauseOnFailure },
      state: { paused, ...(note === undefined ? {} : { note }) },
      memo: { ...memo, when: when(settings) },
      typedSearchAttributes: searchAttributes(input),
    });
  } catch (error) {
    if ((error as Error).name === 'ScheduleAlreadyRunning') throw exists(name);
    throw serviceTrouble(error, temporal, NOT_MADE);
  }
}

function spec({ cron, every, timeZone }: ScheduleSettings) {
  if (cron === undefined) return { intervals: [{ every: (every ?? 0) * 1000 }] };
  return { cronExpressions: [cron], timezone: timeZone ?? 'UTC' };
}

/** As a person reads it again: Temporal gives no cron expression back. */
function when({ cron, every = 0 }: ScheduleSettings): string {
  if (cron !== undefined) return `cron ${cron.trim().replace(/\s+/g, ' ')}`;
  const [unit, size] = (
    [
      ['d', 86_400],
      ['h', 3600],
      ['m', 60],
      ['s', 1],
    ] as const
  ).find(([, n]) => every % n === 0) ?? ['s', 1];
  return `every ${every / size}${unit}`;
}

async function read(temporal: TemporalClient, handle: ScheduleHandle): Promise<ScheduleOutput> {
  const made = await describe(temporal, handle, 'The schedule was made, but cannot be read');
  if (!made)
    throw serviceTrouble(new Error('it is gone already'), temporal, 'The schedule was made, but cannot be read');
  return toOutput(made);
}

function exists(name: string): CommandError {
  return new CommandError(EXIT_CODE.refused, {
    class: 'input',
    type: 'ScheduleExists',
    cause: `There is a schedule ${name} already; nothing was changed.`,
    nextStep: `Give another name, or remove it first: edge-train schedule delete ${name}`,
  });
}
