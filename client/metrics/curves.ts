import { JournalLine, type LoggedPoint } from '../../domain/metric-journal.ts';
import { follow, NOTHING_PUBLISHED, type MetricsCursor } from '../../domain/metric-stream.ts';

/** One metric's history. */
export interface Curve {
  readonly name: string;
  readonly points: readonly Omit<LoggedPoint, 'name' | 'source' | 'end'>[];
}

export interface Curves {
  readonly curves: readonly Curve[];
  /** `EXPERIMENT/RUN` of the script's last run, by which its files are found. */
  readonly run?: string;
}

/**
 * What the site's record of a run says, by metric, in order of the names. What a script that started again said a second
 * time is once in it, as in Azure ML. Lines that are none are left out: a power cut can tear one.
 */
export function curvesOf(text: string): Curves {
  const byName = new Map<string, Curve['points'][number][]>();
  let at: MetricsCursor = NOTHING_PUBLISHED;
  for (const line of text.split('\n')) {
    const logged = lineOf(line);
    // Another VM's: the job's run has the same name there, and its script has begun again.
    if (logged && 'journal' in logged) at = { ...at, source: '' };
    if (!logged || !('name' in logged)) continue;
    const { name, value, step, timestamp } = logged;
    const next = follow(at, logged);
    if (!next) continue;
    at = next;
    const points = byName.get(name) ?? [];
    byName.set(name, points);
    points.push({ value, step, timestamp });
  }
  const curves = [...byName].map(([name, points]) => ({ name, points }));
  const run = at.source.slice(0, at.source.lastIndexOf('/'));
  return { curves: curves.sort((a, b) => (a.name < b.name ? -1 : 1)), ...(run ? { run } : {}) };
}

/** What a curve is drawn over: its steps, or, where it has but one, how often it was logged. */
export function drawn({ points }: Curve): { x: number; y: number }[] {
  const [first] = points;
  const stepless = points.every(({ step }) => step === first?.step);
  return points
    .flatMap(({ step, value }, index) => (value === null ? [] : [{ x: stepless ? index : step, y: value }]))
    .sort((a, b) => a.x - b.x);
}

/** Six digits, as people read them; what would be a row of noughts has an exponent. */
export function numberText(value: number): string {
  const rounded = Number(value.toPrecision(6));
  const size = Math.abs(rounded);
  return size !== 0 && (size >= 1e7 || size < 1e-4) ? rounded.toExponential().replace('e+', 'e') : String(rounded);
}

function lineOf(text: string): JournalLine | undefined {
  try {
    return JournalLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
