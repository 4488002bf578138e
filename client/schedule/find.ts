import type { ScheduleDescription, ScheduleHandle, ScheduleSummary } from '@temporalio/client';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { CommandError } from '../command-error.ts';
import { readClientFile } from '../config/client-file.ts';
import { findConfig } from '../config/find-config.ts';
import type { ScheduleListOutput, ScheduleOutput } from '../output.ts';
import { connectTemporal, type TemporalClient } from '../temporal/connect.ts';
import { serviceTrouble } from '../temporal/trouble.ts';
import { checkedName, toOverlap } from './settings.ts';

export interface ScheduleOptions {
  readonly site?: string;
  readonly json?: boolean;
  readonly config?: string;
}

export interface FoundSchedule {
  readonly temporal: TemporalClient;
  readonly handle: ScheduleHandle;
  readonly description: ScheduleDescription;
}

/** The schedule that a command names. @throws CommandError exit 2 where there is none, or it is not of edge-train */
export async function openSchedule(given: string, options: ScheduleOptions, doing: string): Promise<FoundSchedule> {
  const name = checkedName(given);
  const temporal = await openTemporal(options);
  const handle = temporal.client.schedule.getHandle(name);
  const description = await describe(temporal, handle, doing);
  if (!description || description.action.workflowType !== WORKFLOW_TYPE.trainModel)
    throw noSuchSchedule(name, temporal);
  return { temporal, handle, description };
}

export async function openTemporal({ site, config }: ScheduleOptions): Promise<TemporalClient> {
  const folder = findConfig(config);
  await readClientFile(folder);
  return connectTemporal(folder, site);
}

/** Undefined where there is none. @throws CommandError */
export async function describe(
  temporal: TemporalClient,
  handle: ScheduleHandle,
  doing: string,
): Promise<ScheduleDescription | undefined> {
  try {
    return await handle.describe();
  } catch (error) {
    if ((error as Error).name === 'ScheduleNotFoundError') return undefined;
    throw serviceTrouble(error, temporal, doing);
  }
}

type Row = ScheduleListOutput['schedules'][number];

/** What a listing knows of a schedule; what we wrote of it stands in its memo. */
export function toRow({
  scheduleId,
  memo,
  state,
  info,
}: Pick<ScheduleSummary, 'scheduleId' | 'memo' | 'state' | 'info'>): Row {
  const noted = (key: string) => (typeof memo?.[key] === 'string' ? { [key]: memo[key] } : {});
  return {
    name: scheduleId,
    ...noted('site'),
    ...noted('model'),
    ...noted('when'),
    paused: state.paused,
    ...(state.note ? { note: state.note } : {}),
    next: state.paused ? [] : info.nextActionTimes.slice(0, 5).map((time) => time.toISOString()),
  };
}

export function toOutput(description: ScheduleDescription): ScheduleOutput {
  const { action, policies, spec, info } = description;
  return {
    ok: true,
    ...toRow(description),
    workflowId: action.workflowId,
    timeZone: spec.timezone || 'UTC',
    overlap: toOverlap(policies.overlap),
    catchupSeconds: policies.catchupWindow / 1000,
    pauseOnFailure: policies.pauseOnFailure,
    recent: info.recentActions.map(({ scheduledAt, takenAt, action: { workflow } }) => ({
      workflowId: workflow.workflowId,
      scheduledAt: scheduledAt.toISOString(),
      takenAt: takenAt.toISOString(),
    })),
    skippedByOverlap: info.numActionsSkippedOverlap,
    missedCatchup: info.numActionsMissedCatchupWindow,
  };
}

function noSuchSchedule(name: string, { address, namespace }: TemporalClient): CommandError {
  return new CommandError(EXIT_CODE.refused, {
    class: 'input',
    type: 'NoSuchSchedule',
    cause: `There is no schedule ${name} of edge-train in the namespace ${namespace} of ${address}.`,
    nextStep: '`edge-train schedule list` names them. A site with a profile of its own needs --site.',
  });
}
