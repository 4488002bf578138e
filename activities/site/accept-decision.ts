import type { Inspection } from '../../domain/release.ts';
import { siteRunPath } from '../../domain/resource-names.ts';
import type { DecisionPredicate, Envelope } from '../../domain/statement.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { putIfAbsent, replaceText } from '../../services/blob-storage.ts';
import { decisionDigest, recipeDigest, requireOwnStanding, verifyDecision } from '../../services/release-decision.ts';
import { canonicalJson } from '../../services/signing.ts';
import type { SiteDependencies } from './dependencies.ts';
import { requirePlanFile, runContainer } from './plan-file.ts';
import { standingPath } from './standing-approval.ts';
import type { SiteSession } from './site-session.ts';

/**
 * Whether a decision on what was inspected is one of the site's approvers', by `site.yml` as it is now. It is kept in the site's
 * run container, named by its digest; accepting it again is harmless.
 * @throws ServiceError `ApprovalRefused`, `SignatureInvalid`, `PlanForged` (policy)
 */
export async function acceptDecision(
  session: SiteSession,
  dependencies: SiteDependencies,
  request: { plan: TrainingPlan; inspection: Inspection; envelope: Envelope },
): Promise<DecisionPredicate> {
  const { inspection, envelope } = request;
  const { plan } = await requirePlanFile(session, dependencies, request.plan);
  const { name: site, release: policy } = session.site;
  const about = { policy, site, job: plan.job, ...inspection, recipe: recipeDigest(plan) };
  const decision = verifyDecision(envelope, about);
  requireOwnStanding(decision, about);
  const path = siteRunPath(plan.job, 'decisions', `${decisionDigest(envelope)}.json`);
  const runs = await runContainer(session);
  await putIfAbsent(runs, path, canonicalJson(envelope), 'application/json');
  if (decision.standing && decision.decision === 'approve')
    await replaceText(runs, standingPath(decision.standing.recipe), canonicalJson(envelope), 'application/json');
  return decision;
}
