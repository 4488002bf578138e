import { EXIT_CODE } from '../exit-code.ts';
import type { ScheduleChangeOutput, ScheduleListOutput, ScheduleOutput } from '../output.ts';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';
import { printJson } from '../show/json.ts';
import { serviceTrouble } from '../temporal/trouble.ts';
import { openSchedule, openTemporal, toOutput, toRow, type FoundSchedule, type ScheduleOptions } from './find.ts';
import { checkedNote } from './settings.ts';
import { listLines, scheduleLines } from './tell.ts';

/** `edge-train schedule list`: those of edge-train, by name. */
export async function listSchedules(options: ScheduleOptions): Promise<number> {
  const temporal = await openTemporal(options);
  const schedules: ScheduleListOutput['schedules'] = [];
  try {
    for await (const summary of temporal.client.schedule.list())
      if (summary.action?.workflowType === WORKFLOW_TYPE.trainModel) schedules.push(toRow(summary));
  } catch (error) {
    throw serviceTrouble(error, temporal, 'Schedules cannot be listed');
  }
  schedules.sort((a, b) => (a.name < b.name ? -1 : 1));
  if (options.json) printJson<ScheduleListOutput>({ ok: true, schedules });
  else process.stdout.write(`${listLines(schedules).join('\n')}\n`);
  return EXIT_CODE.done;
}

/** `edge-train schedule describe NAME`. */
export async function describeSchedule(name: string, options: ScheduleOptions): Promise<number> {
  const { description } = await openSchedule(name, options, 'The schedule cannot be read');
  const output = toOutput(description);
  if (options.json) printJson<ScheduleOutput>(output);
  else process.stdout.write(`${scheduleLines(output).join('\n')}\n`);
  return EXIT_CODE.done;
}

/** `edge-train schedule pause NAME`: what runs goes on. Pausing twice is pausing once. */
export async function pauseSchedule(name: string, options: ScheduleOptions & { note?: string }): Promise<number> {
  const note = checkedNote(options.note) ?? 'paused by edge-train schedule pause';
  const done = `${name} is paused; what runs goes on.`;
  return change(name, options, { state: 'paused', done }, ({ handle }) => handle.pause(note));
}

/** `edge-train schedule resume NAME`: starts that were missed in the pause stay missed. */
export async function resumeSchedule(name: string, options: ScheduleOptions & { note?: string }): Promise<number> {
  const note = checkedNote(options.note) ?? 'resumed by edge-train schedule resume';
  const done = `${name} is active again.`;
  return change(name, options, { state: 'resumed', done }, ({ handle }) => handle.unpause(note));
}

/** `edge-train schedule delete NAME`: runs that it has started go on. */
export async function deleteSchedule(name: string, options: ScheduleOptions): Promise<number> {
  const done = `${name} is gone; runs that it has started go on.`;
  return change(name, options, { state: 'deleted', done }, ({ handle }) => handle.delete());
}

async function change(
  name: string,
  options: ScheduleOptions,
  { state, done }: { state: ScheduleChangeOutput['state']; done: string },
  deed: (found: FoundSchedule) => Promise<unknown>,
): Promise<number> {
  const doing = 'The schedule was not changed';
  const found = await openSchedule(name, options, doing);
  await deed(found).catch((error: unknown) => {
    throw serviceTrouble(error, found.temporal, doing);
  });
  if (options.json) printJson<ScheduleChangeOutput>({ ok: true, name, state });
  else process.stdout.write(`${done}\n`);
  return EXIT_CODE.done;
}
