import type { JobId } from '../../domain/resource-names.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { retireUnlessRouted } from './retire-services.ts';

/** Stops the job if it runs, and removes all that it has on the VM; absent is fine. What was copied to the site stays. */
export async function cleanJob(edge: EdgeDependencies, job: JobId): Promise<void> {
  await edge.launcher.stop(job, 'clean');
  await edge.launcher.remove(job);
  // Where it was a deployment's, which died.
  await retireUnlessRouted(edge, job);
}
