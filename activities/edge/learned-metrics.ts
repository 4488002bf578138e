import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LearnedMetrics } from '../../domain/learned-metrics.ts';
import { trackingPolicy } from '../../domain/release.ts';
import { learnedMetricsPath } from '../../domain/resource-names.ts';
import type { TrackingPolicy } from '../../domain/tracking-policy.ts';
import { withLearned } from '../../domain/tracking-policy.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { readText, type BlobContainer } from '../../services/blob-storage.ts';
import { recipeDigest } from '../../services/release-decision.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { jobFolder } from './output-files.ts';
import { readPolicy } from './policy.ts';
import { writeWhole } from './write-whole.ts';

const learnedFile = ({ home }: EdgeDependencies, job: string): string =>
  join(jobFolder(home, job), 'spec', 'learned-metrics.json');

/**
 * Before the first start of a job: the names that its recipe's first release carried, as the site worker wrote them down, and by
 * the recipe that this VM itself trains. What is learned meanwhile is for later jobs.
 */
export async function keepLearnedMetrics(edge: EdgeDependencies, plan: TrainingPlan, runs: BlobContainer) {
  const text = await readText(runs, learnedMetricsPath(recipeDigest(plan)));
  if (text !== undefined) await writeWhole(learnedFile(edge, plan.job), text);
}

/** What the VM's policy and the plan's say of metrics and parameters, with the names that were learned. */
export async function trackingPolicies(
  edge: EdgeDependencies,
  { job, release }: Pick<TrainingPlan, 'job' | 'release'>,
): Promise<TrackingPolicy[]> {
  const learned = await readLearned(edge, job);
  const policies = [(await readPolicy(edge)).release, release];
  return policies.map((policy) => withLearned(trackingPolicy(policy), learned));
}

async function readLearned(edge: EdgeDependencies, job: string): Promise<readonly string[] | undefined> {
  const text = await readFile(learnedFile(edge, job), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  // One that cannot be read lets nothing out.
  return text === undefined ? undefined : LearnedMetrics.catch({ job: '', names: [] }).parse(json(text)).names;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
