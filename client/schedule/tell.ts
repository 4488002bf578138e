import type { ScheduleListOutput, ScheduleOutput } from '../output.ts';
import { table } from '../show/table.ts';
import { durationText, printable } from '../show/text.ts';

export function scheduleLines(schedule: ScheduleOutput): string[] {
  const { name, site, model, when, timeZone, overlap, catchupSeconds, pauseOnFailure, paused, note } = schedule;
  const skipped = [
    ...(schedule.skippedByOverlap > 0 ? [`${schedule.skippedByOverlap} skipped, since one ran`] : []),
    ...(schedule.missedCatchup > 0 ? [`${schedule.missedCatchup} missed in outages`] : []),
  ];
  const rows: [string, string][] = [
    ['Schedule', `${name}${paused ? ' (paused)' : ''}`],
    ['Trains', `${model ?? '?'} at ${site ?? '?'}, as ${schedule.workflowId}-<time>`],
    ['When', `${when ?? 'see the Temporal UI'}, ${timeZone}`],
    ['Overlap', overlap],
    ['Catch-up', `starts missed in an outage, up to ${durationText(catchupSeconds * 1000)} late`],
    ...(pauseOnFailure ? [['Failure', 'pauses the schedule'] as [string, string]] : []),
    ...(note === undefined ? [] : [['Note', note] as [string, string]]),
    ...listed('Next', schedule.next),
    ...listed('Runs', schedule.recent.map(({ workflowId }) => workflowId).toReversed()),
    ...listed('Left out', skipped),
  ];
  return rows.map(([head, text]) => `${head.padEnd(10)}${printable(text)}`);
}

export function listLines(schedules: ScheduleListOutput['schedules']): string[] {
  if (schedules.length === 0) return ['No schedule.'];
  return table(
    ['NAME', 'SITE', 'MODEL', 'WHEN', 'STATE', 'NEXT'],
    schedules.map(({ name, site, model, when, paused, next }) => [
      name,
      site ?? '-',
      model ?? '-',
      when ?? '-',
      paused ? 'paused' : 'active',
      next[0] ?? '-',
    ]),
  );
}

function listed(head: string, lines: readonly string[]): [string, string][] {
  return lines.map((line, i) => [i === 0 ? head : '', line]);
}
