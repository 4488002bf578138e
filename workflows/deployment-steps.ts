import type { DeploymentPlan, ServingImage, WantedVersion } from '../domain/deployment.ts';
import type { Progress } from './status.ts';
import { cloudSteps, siteSteps, type UNDO_PATIENCE } from './steps.ts';

/** What deployments to a site and to the cloud do and say alike. */
interface Replaced {
  readonly version: number;
}

export const findImage = (plan: WantedVersion, progress: Progress): Promise<ServingImage> =>
  progress.step(
    'find',
    () => cloudSteps().findServingImage(plan),
    ({ version, image: { digest } }) => `version ${version}, image ${digest.slice(7, 19)}`,
  );

export const plannedText = (place: string, replaces: Replaced | undefined): string =>
  `${place}${replaces ? `, where version ${replaces.version} serves` : ', where no version serves yet'}`;

export const retiredText = (replaces: Replaced | undefined): string =>
  replaces ? `version ${replaces.version} is gone` : 'nothing served before';

/** Plans of a time when models listened on loopback only say nothing of it. */
export async function settleRule(
  plan: DeploymentPlan,
  serves: boolean,
  patience?: typeof UNDO_PATIENCE,
): Promise<void> {
  if (plan.listen !== undefined) await siteSteps(patience).settleServingRule({ plan, serves });
}
