import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metric } from '../../domain/completed-job.ts';
import { MetricsTally, type LoggedPoint } from '../../domain/metric-journal.ts';
import { allowance, allowedPoint, follow, type MetricsCursor, type StreamPolicy } from '../../domain/metric-stream.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { jobFolder } from './output-files.ts';
import { writeWhole } from './write-whole.ts';

/** What one batch holds at most: Azure ML takes 1000 points at once, and a history is to stay small. */
const MOST = { points: 1000, bytes: 128 * 2 ** 10 };

const tallyFile = (edge: EdgeDependencies, job: string): string =>
  join(jobFolder(edge.home, job), 'spec', 'metrics-tally.json');

export async function readTally(edge: EdgeDependencies, job: string): Promise<MetricsTally> {
  const text = await readFile(tallyFile(edge, job), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return text === undefined ? { offset: 0, points: 0, names: [] } : MetricsTally.parse(JSON.parse(text));
}

/** Before what it counts is said. */
export async function keepTally(edge: EdgeDependencies, job: string, tally: MetricsTally): Promise<void> {
  if (tally.offset > 0) await writeWhole(tallyFile(edge, job), JSON.stringify(tally));
}

/** Lets points out, one after the other, until a batch is full or the rate's limit is reached. */
export class Outlet {
  readonly points: Omit<Metric, 'timestamp'>[] = [];
  /** How many were kept on site. */
  withheld = 0;
  readonly #policy: StreamPolicy;
  readonly #allowed: number;
  readonly #over: boolean;
  readonly #names: Set<string>;
  #counted: { offset: number; points: number };
  #bytes = 0;

  /** `since`: when the script began; `over`: it has ended, so that nothing can wait any more. */
  constructor(policy: StreamPolicy, tally: MetricsTally, { since, over }: { since: number; over: boolean }) {
    this.#policy = policy;
    this.#counted = tally;
    this.#names = new Set(tally.names);
    this.#over = over;
    this.#allowed = allowance(policy, since, Date.now());
  }

  get full(): boolean {
    return this.points.length >= MOST.points || this.#bytes >= MOST.bytes;
  }

  get tally(): MetricsTally {
    return { ...this.#counted, names: [...this.#names] };
  }

  /** The cursor behind this line, which ends at `end`; undefined where it must wait. */
  pass(line: LoggedPoint, end: number, cursor: MetricsCursor): MetricsCursor | undefined {
    const next = follow(cursor, line);
    if (!next) return cursor;
    const point = allowedPoint(line, this.#policy, this.#names);
    const standing = point ? this.#count(end) : 'stays';
    if (standing === 'waits') return undefined;
    if (!point || standing === 'stays') {
      this.withheld++;
      return cursor;
    }
    this.#names.add(point.name);
    this.points.push(point);
    this.#bytes += point.name.length + 80;
    return next;
  }

  #count(end: number): 'leaves' | 'waits' | 'stays' {
    const { offset, points } = this.#counted;
    if (end <= offset) return 'leaves';
    if (points >= this.#policy.points) return 'stays';
    if (points >= this.#allowed && !this.#over) return 'waits';
    // Where the script has ended, the first that is too many is the last that is looked at: none may leave later.
    const stays = points >= this.#allowed;
    this.#counted = stays ? { offset, points: this.#policy.points } : { offset: end, points: points + 1 };
    return stays ? 'stays' : 'leaves';
  }
}
