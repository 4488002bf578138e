import { metricNames } from '../../domain/bit-budget.ts';
import type { LearnedMetrics } from '../../domain/learned-metrics.ts';
import type { Evidence } from '../../domain/model-version.ts';
import { trackingPolicy } from '../../domain/release.ts';
import { learnedMetricsPath } from '../../domain/resource-names.ts';
import { putIfAbsent, type BlobContainer } from '../../services/blob-storage.ts';
import { recipeDigest } from '../../services/release-decision.ts';
import { canonicalJson } from '../../services/signing.ts';
import type { SiteSession } from './site-session.ts';

/**
 * Where the site lets out learned names only: those that the first release of a recipe carried, which its receipt names too. Who
 * had to approve it has done so. Later releases change nothing; an operator who deletes the file has the next one learned.
 */
export async function learnMetrics({ site }: SiteSession, runs: BlobContainer, evidence: Evidence): Promise<void> {
  if (trackingPolicy(site.release).metrics.names !== 'learned') return;
  const { plan, completed } = evidence;
  const learned: LearnedMetrics = { job: plan.job, names: metricNames(completed) };
  await putIfAbsent(runs, learnedMetricsPath(recipeDigest(plan)), canonicalJson(learned), 'application/json');
}
