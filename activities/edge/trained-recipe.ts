import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '../../services/errors.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { jobFolder } from './output-files.ts';
import { writeWhole } from './write-whole.ts';

/** Writes down what this VM is about to train; before the job can start, and once. */
export async function recordRecipe(edge: EdgeDependencies, job: string, recipe: string): Promise<void> {
  await writeWhole(recipePath(edge, job), recipe);
}

/** @throws ServiceError `ApprovalRefused` (policy) where this VM has trained something else */
export async function requireTrained(edge: EdgeDependencies, job: string, recipe: string): Promise<void> {
  const trained = await readFile(recipePath(edge, job), 'utf8').catch(() => undefined);
  if (trained === recipe) return;
  throw new ServiceError({
    class: 'policy',
    type: 'ApprovalRefused',
    cause:
      'The decision does not count: it is on other code, or another command or environment, than this VM has trained.',
    nextStep: 'Start the run again. If this comes back, find out who wrote to the Temporal namespace.',
    retryable: false,
  });
}

const recipePath = ({ home }: EdgeDependencies, job: string): string => join(jobFolder(home, job), 'spec', 'recipe');
