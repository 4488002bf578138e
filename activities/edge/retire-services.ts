import type { DeploymentPlan } from '../../domain/deployment.ts';
import { ServiceError } from '../../services/errors.ts';
import type { EdgeDependencies } from './dependencies.ts';

/** One service, which no front leads to; what is under way there ends first. Absent is fine. */
export async function retireService(edge: EdgeDependencies, service: string): Promise<void> {
  await edge.launcher.retire(service);
}

/** All services of a model but the one that serves: the version before, and what deployments left that died. */
export async function retireOthers(edge: EdgeDependencies, { front }: Pick<DeploymentPlan, 'front'>): Promise<void> {
  await edge.launcher.settle(front);
}

/** What a deployment left that is no more, unless traffic goes there. */
export async function retireUnlessRouted(edge: EdgeDependencies, service: string): Promise<void> {
  try {
    await edge.launcher.retire(service);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.type !== 'ServiceRouted') throw error;
  }
}
