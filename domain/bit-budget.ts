import { z } from 'zod';
import type { CompletedJob } from './completed-job.ts';
import type { Release } from './release.ts';
import type { TrackingPolicy } from './tracking-policy.ts';

/**
 * How many bits a run has let out that a script could have chosen freely: an upper bound on what it can have told, whatever
 * no gate sees. Weights are counted whole, since nobody can say which of their bits the training needed.
 */
export const BitBudget = z.strictObject({
  files: z.int().min(0),
  fileNames: z.int().min(0),
  /** Values, steps and names; the time is not the script's. */
  metrics: z.int().min(0),
  parameters: z.int().min(0),
  all: z.int().min(0),
});
export type BitBudget = z.infer<typeof BitBudget>;

/** Of what was released and recorded, each number of a metric's history. A letter of a file's name is one of ASCII's; of a metric or parameter it is any. */
export function bitBudget(
  release: Pick<Release, 'artifacts' | 'verdicts'>,
  completed: Pick<CompletedJob, 'metrics' | 'parameters' | 'published'>,
  { metrics: { digits } }: TrackingPolicy,
): BitBudget {
  // How long a file was before it was written anew is told, and a script can choose it.
  const lengths = release.verdicts.filter(({ form }) => form?.written === 'anew').length * LENGTH_BITS;
  const files = sum(release.artifacts.map(({ bytes }) => bytes * 8)) + lengths;
  const fileNames = sum(release.artifacts.map(({ path }) => path.length * 8));
  const names = sum(metricNames(completed).map((name) => name.length * 16));
  // A point of a history says besides which of the names it bears; one that is sent again at the end is counted again.
  const points = completed.metrics.length + (completed.published?.points ?? 0);
  const chosen = completed.published ? Math.ceil(Math.log2(Math.max(1, metricNames(completed).length))) : 0;
  const metrics = names + points * (valueBits(digits) + 64 + chosen);
  const parameters = sum(
    Object.entries(completed.parameters).map(([name, value]) => (name.length + value.length) * 16),
  );
  return { files, fileNames, metrics, parameters, all: files + fileNames + metrics + parameters };
}

const LENGTH_BITS = 53;

/** Of every metric that left, at whatever time. */
export function metricNames({ metrics, published }: Pick<CompletedJob, 'metrics' | 'published'>): string[] {
  return [...new Set([...metrics.map(({ name }) => name), ...(published?.names ?? [])])].sort();
}

/** A number of so many significant digits, with the sign and exponent of a double. */
const valueBits = (digits: number): number => Math.min(64, 12 + Math.ceil(digits * Math.log2(10)));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
