import type { DeploymentPlan, ServingImage } from '../../domain/deployment.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { plannedImage } from './pull-serving-image.ts';
import { verifyKept } from './verify-image.ts';

/** Starts the new version beside what serves: nobody is led to it yet. `before`: the service that the front leads to, if any. */
export async function startService(
  edge: EdgeDependencies,
  { plan, image }: { plan: DeploymentPlan; image: ServingImage['image'] },
): Promise<{ before: string | null }> {
  const planned = plannedImage(image);
  await verifyKept(edge, planned);
  const { routed } = await edge.launcher.serve({
    service: plan.job,
    front: plan.front,
    image: planned.digest,
    memoryBytes: plan.memoryMiB * 2 ** 20,
  });
  return { before: routed };
}
