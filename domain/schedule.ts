import { z } from 'zod';

/** When a training starts by itself, and what happens when it cannot: the words of `edge-train schedule`. */

/** It stands in the id of each run that it starts. */
export const ScheduleName = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/,
    'a schedule’s name is 1 to 40 of a-z, 0-9 and -, with a letter or digit at both ends',
  );

export const OVERLAPS = ['skip', 'buffer-one', 'buffer-all', 'cancel-other', 'terminate-other', 'allow-all'] as const;
export type Overlap = (typeof OVERLAPS)[number];

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `90s`, `30m`, `12h` or `1d`, to seconds. */
const duration = (least: number, most: number, rule: string) =>
  z
    .string()
    .regex(/^[1-9]\d{0,7}[smhd]$/, rule)
    .transform((text) => Number(text.slice(0, -1)) * UNITS[text.slice(-1) as keyof typeof UNITS])
    .refine((seconds) => seconds >= least && seconds <= most, rule);

const Cron = z.string().superRefine((text, context) => {
  for (const message of cronFaults(text)) context.addIssue({ code: 'custom', message });
});

const TimeZone = z.string().refine(isTimeZone, 'a time zone is an IANA name such as Europe/Berlin');

export const ScheduleSettings = z
  .strictObject({
    cron: Cron.optional(),
    /** Counted from 1970-01-01T00:00Z, as Temporal does: `1d` is midnight UTC. */
    every: duration(60, 366 * UNITS.d, 'an interval is a number and s, m, h or d, from 60s to 366d').optional(),
    timeZone: TimeZone.optional(),
    overlap: z.enum(OVERLAPS, `must be one of ${OVERLAPS.join(', ')}`).default('skip'),
    /** How late a start may be that fell into an outage of Temporal. Never for ever. */
    catchupWindow: duration(
      10,
      30 * UNITS.d,
      'a catch-up window is a number and s, m, h or d, from 10s to 30d',
    ).prefault('1d'),
    pauseOnFailure: z.boolean().default(false),
    paused: z.boolean().default(false),
    note: z
      .string()
      .min(1, 'a note says something')
      .max(300, 'a note has at most 300 characters')
      .regex(/^\P{Cc}*$/u, 'a note has no control characters')
      .optional(),
  })
  .superRefine(({ cron, every, timeZone }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (cron === undefined && every === undefined) fault('cron', 'a schedule needs --cron or --every');
    if (cron !== undefined && every !== undefined) fault('every', 'cannot be given together with --cron');
    if (timeZone !== undefined && cron === undefined) fault('timeZone', 'is for --cron; --every counts in UTC');
  });
export type ScheduleSettings = z.infer<typeof ScheduleSettings>;

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of the month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  { name: 'day of the week', least: 0, most: 7, names: 'sun mon tue wed thu fri sat'.split(' ') },
];

/** Temporal reads a sixth field as a year where others read the first as seconds: so there are five, or it is refused. */
function cronFaults(text: string): string[] {
  const given = text.trim().split(/\s+/);
  if (/[^\w*/,\- \t]/.test(text) || given.length !== FIELDS.length) {
    const six = given.length === 6 || given.length === 7;
    return [
      'a cron expression has five fields: minute, hour, day of the month, month, day of the week' +
        (six ? '; seconds and years are refused, since programs disagree on which end they stand at' : ''),
    ];
  }
  return FIELDS.flatMap((field, i) => fieldFaults(field, given[i] ?? ''));
}

function fieldFaults({ name, least, most, names = [] }: Field, text: string): string[] {
  const number = (word: string): number => {
    if (/^\d{1,2}$/.test(word)) return Number(word);
    const named = names.indexOf(word.toLowerCase());
    return named < 0 ? NaN : named + least;
  };
  const holds = (part: string): boolean => {
    const [, from = '', to, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    if (step !== undefined && Number(step) < 1) return false;
    if (from === '*') return to === undefined;
    const [first, last] = [number(from), number(to ?? from)];
    return first >= least && last <= most && first <= last;
  };
  return text.split(',').every(holds) ? [] : [`its ${name} is none: ${least} to ${most}, *, a-b, a,b or */n`];
}

/** Offsets such as `+02:00` are no names, though JavaScript takes them. */
function isTimeZone(text: string): boolean {
  if (!/^[A-Za-z][\w+-]*(\/[A-Za-z][\w+-]*)*$/.test(text)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
