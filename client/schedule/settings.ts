import type { ScheduleOverlapPolicy } from '@temporalio/client';
import { OVERLAPS, ScheduleName, ScheduleSettings, type Overlap } from '../../domain/schedule.ts';
import { parse, shown } from '../../domain/validation.ts';
import { refused, type Fault } from '../command-error.ts';

/** The flags of `schedule create` that say when. */
export interface ScheduleFlags {
  readonly cron?: string;
  readonly every?: string;
  readonly timeZone?: string;
  readonly overlap?: string;
  readonly catchupWindow?: string;
  readonly pauseOnFailure?: boolean;
  readonly paused?: boolean;
  readonly note?: string;
}

/** @throws CommandError exit 2, with every fault of the flags */
export function checkedSettings(flags: ScheduleFlags): ScheduleSettings {
  const { cron, every, timeZone, overlap, catchupWindow, pauseOnFailure, paused, note } = flags;
  const given = { cron, every, timeZone, overlap, catchupWindow, pauseOnFailure, paused, note };
  const parsed = parse(ScheduleSettings, given);
  if (parsed.ok) return parsed.value;
  const faults = parsed.issues.map(({ path, ...issue }): Fault => {
    const value = (given as Record<string, unknown>)[path];
    return { ...issue, path: flagOf(path), ...(value === undefined ? {} : { value: shown(value) }) };
  });
  throw refused('The schedule is refused; nothing was made.', faults, NEXT);
}

/** @throws CommandError exit 2 */
export function checkedName(given: string): string {
  const parsed = parse(ScheduleName, given);
  if (parsed.ok) return parsed.value;
  const faults = parsed.issues.map((issue) => ({ ...issue, path: 'NAME' }));
  throw refused('That is no schedule.', faults, 'Schedules are listed by `edge-train schedule list`.');
}

/** @throws CommandError exit 2 */
export function checkedNote(given: string | undefined): string | undefined {
  const parsed = parse(ScheduleSettings.shape.note, given);
  if (parsed.ok) return parsed.value;
  const faults = parsed.issues.map((issue) => ({ ...issue, path: '--note' }));
  throw refused('The note is refused; nothing was done.', faults, NEXT);
}

const NEXT = 'Correct what is named and run the command again; see edge-train schedule create --help.';

export function toPolicy(overlap: Overlap): NonNullable<ScheduleOverlapPolicy> {
  return overlap.toUpperCase().replace('-', '_') as NonNullable<ScheduleOverlapPolicy>;
}

export function toOverlap(policy: ScheduleOverlapPolicy): Overlap {
  return OVERLAPS.find((each) => toPolicy(each) === policy) ?? 'skip';
}

const flagOf = (path: string): string => `--${path.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
