import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { JobLimits } from '../../services/systemd.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { readPolicy } from './policy.ts';

/** Enough for a thread pool a core in each of several libraries; far below what would hurt the VM. */
export const TASKS = 1024;

/** What the plan asks for; the launcher refuses what is above the site's policy. */
export async function jobLimits(edge: EdgeDependencies, plan: TrainingPlan): Promise<JobLimits> {
  const policy = await readPolicy(edge);
  return {
    memoryBytes: plan.limits.memoryMiB * 2 ** 20,
    tasks: TASKS,
    seconds: plan.limits.seconds,
    logBytes: policy.maxLogBytes,
    sharedMemoryBytes: plan.limits.sharedMemoryMiB * 2 ** 20,
  };
}
