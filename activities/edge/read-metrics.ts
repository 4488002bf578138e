import { setTimeout as delay } from 'node:timers/promises';
import type { MetricsTally } from '../../domain/metric-journal.ts';
import {
  tightest,
  timed,
  type MetricsBatch,
  type MetricsCursor,
  type StreamPolicy,
} from '../../domain/metric-stream.ts';
import type { EdgeActivities } from '../contract.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { trackingPolicies } from './learned-metrics.ts';
import { journalFile, journalHead, journalTail, readJournal } from './metric-journal.ts';
import { keepTally, Outlet, readTally } from './metric-outlet.ts';

type Request = Parameters<EdgeActivities['readMetrics']>[0];

/** How long nothing is waited for (ms). */
const LONG_POLL = 20_000;
const POLL = 250;
/** So long, points are gathered before they go (ms): the longer the older the job is. */
const GATHER = { least: 2_000, most: 60_000, ofAge: 1 / 100 };

/**
 * The points behind a cursor, as far as the site's own policy on this VM and the plan's let them leave; waits for some a
 * while. What it says can be asked again: the same points, but for the times. The limits are counted here and not in the
 * cursor, which is the workflow's word. An aborted wait says what there is.
 */
export async function readMetrics(
  edge: EdgeDependencies,
  { plan, after, ended }: Request,
  signal: AbortSignal,
): Promise<MetricsBatch> {
  const policy = tightest(await trackingPolicies(edge, plan));
  const asked = Date.now();
  let first: number | undefined;
  for (;;) {
    const read = await take(edge, plan.job, { policy, after, ended });
    const { batch, since, full } = read;
    if (batch.points.length > 0) first ??= Date.now();
    const wait = first === undefined ? asked + Math.max(LONG_POLL, gathering(since)) : first + gathering(since);
    if (full || batch.ended || ended || signal.aborted || Date.now() >= wait) {
      await keepTally(edge, plan.job, read.tally);
      return batch;
    }
    await delay(POLL, undefined, { signal }).catch(() => {});
  }
}

const gathering = (since: number): number =>
  Math.min(GATHER.most, Math.max(GATHER.least, (Date.now() - since) * GATHER.ofAge));

interface Read {
  readonly batch: MetricsBatch;
  readonly tally: MetricsTally;
  readonly since: number;
  /** It can hold no more. */
  readonly full: boolean;
}

async function take(
  edge: EdgeDependencies,
  job: string,
  { policy, after, ended }: { policy: StreamPolicy; after: MetricsCursor; ended: boolean },
): Promise<Read> {
  const file = journalFile(edge.home, job);
  const head = await journalHead(file);
  const tally = await readTally(edge, job);
  if (!head) return { batch: { points: [], after, withheld: 0, ended }, tally, since: Date.now(), full: false };
  const { size, over } = await journalTail(file);
  // On another VM the job's run has the same name, and its script has begun again.
  let cursor = head.journal === after.journal ? after : { ...after, journal: head.journal, offset: 0, source: '' };
  const { lines, offset, torn } = await readJournal(file, cursor.offset);
  const out = new Outlet(policy, tally, { since: head.at, over: over || ended });
  let at = lines.length === 0 ? offset : cursor.offset;
  for (const { line, end } of lines) {
    const next = 'name' in line ? out.pass(line, end, cursor) : cursor;
    if (!next) break;
    cursor = next;
    at = end;
    if (out.full) break;
  }
  const points = timed(out.points, after.time, Date.now());
  const time = points.at(-1)?.timestamp ?? after.time;
  // Without the mark of the end a torn line may be the last one: when nothing can be read, all has been.
  const drained = over ? at >= size : ended && lines.length === 0;
  const batch = { points, after: { ...cursor, offset: at, time }, withheld: out.withheld, ended: drained };
  const more = at === offset && offset + torn < size;
  return { batch, tally: out.tally, since: head.at, full: out.full || more };
}
