import { z } from 'zod';
import type { CompletedJob } from './completed-job.ts';
import type { Release } from './release.ts';

/**
 * How many bits a run has let out that a script could have chosen freely: an upper bound on what it can have told, whatever
 * no gate sees. Weights are counted whole, since nobody can say which of their bits the training needed.
 */
export const BitBudget = z.strictObject({
  files: z.int().min(0),
  fileNames: z.int().min(0),
  /** Values with step and time, 64 bits each, and names. */
  metrics: z.int().min(0),
  parameters: z.int().min(0),
  all: z.int().min(0),
});
export type BitBudget = z.infer<typeof BitBudget>;

/** Of what was released and recorded. A letter of a file's name is one of ASCII's; of a metric or parameter it is any. */
export function bitBudget(
  release: Pick<Release, 'artifacts'>,
  completed: Pick<CompletedJob, 'metrics' | 'parameters'>,
): BitBudget {
  const files = sum(release.artifacts.map(({ bytes }) => bytes * 8));
  const fileNames = sum(release.artifacts.map(({ path }) => path.length * 8));
  const metrics = sum(completed.metrics.map(({ name }) => 3 * 64 + name.length * 16));
  const parameters = sum(
    Object.entries(completed.parameters).map(([name, value]) => (name.length + value.length) * 16),
  );
  return { files, fileNames, metrics, parameters, all: files + fileNames + metrics + parameters };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
