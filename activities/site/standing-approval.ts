import type { Inspection } from '../../domain/release.ts';
import { DecisionEnvelope, type Envelope } from '../../domain/statement.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { readText } from '../../services/blob-storage.ts';
import { recipeDigest, requireApproval } from '../../services/release-decision.ts';
import type { SiteDependencies } from './dependencies.ts';
import { requirePlanFile, runContainer } from './plan-file.ts';
import type { SiteSession } from './site-session.ts';

/** Where the last word on a recipe lies, in the site's run container. Whoever writes there cannot sign it. */
export const standingPath = (recipe: string): string => `approvals/${recipe}.json`;

/**
 * An approver's word on an earlier release that holds for this one, by `site.yml` as it is now; null where somebody must be
 * asked. @throws ServiceError `PlanForged` (policy)
 */
export async function standingApproval(
  session: SiteSession,
  dependencies: SiteDependencies,
  request: { plan: TrainingPlan; inspection: Inspection },
): Promise<Envelope | null> {
  const { plan } = await requirePlanFile(session, dependencies, request.plan);
  const recipe = recipeDigest(plan);
  const envelope = parsed(await readText(await runContainer(session), standingPath(recipe)));
  if (!envelope) return null;
  const { name: site, release: policy } = session.site;
  try {
    return requireApproval(envelope, { policy, site, job: plan.job, ...request.inspection, recipe }) ? envelope : null;
  } catch {
    return null;
  }
}

function parsed(text: string | undefined): Envelope | undefined {
  try {
    return DecisionEnvelope.parse(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}
