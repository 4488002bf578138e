import type { DeploymentPlan, RoutedModel } from '../../domain/deployment.ts';
import type { EdgeDependencies } from './dependencies.ts';

/** New connections go to the service from now on, at the model's one port; those under way end where they began. */
export async function routeService(
  edge: EdgeDependencies,
  { plan, service }: { plan: Pick<DeploymentPlan, 'front'>; service: string },
): Promise<RoutedModel> {
  return edge.launcher.route({ front: plan.front, service });
}

/** Nobody answers at the model's port any more; absent is fine. */
export async function unrouteModel(edge: EdgeDependencies, { front }: Pick<DeploymentPlan, 'front'>): Promise<void> {
  await edge.launcher.unroute(front);
}
