import type { PreparedEnvironment } from '../../domain/completed-job.ts';
import { ReleasePolicy } from '../../domain/release.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';

export const NO_ENVIRONMENT = '0'.repeat(64);

export const environment: PreparedEnvironment = {
  digest: NO_ENVIRONMENT,
  lock: NO_ENVIRONMENT,
  python: '3.11',
  packages: [],
  cached: true,
};

/** A plan that needs no code, no data and no packages. */
export function planFor(job: string, command: string, seconds = 120): TrainingPlan {
  return {
    job,
    site: 'test',
    workflowId: 'test',
    siteFile: '1'.repeat(64),
    virtualMachine: {
      site: 'test',
      name: 'vm',
      size: { name: 'Standard_DS1_v2', cores: 1, memoryMiB: 2048 },
      after: 'keep',
      onLoss: 'restart',
      attach: 'never',
      idleSeconds: 60,
      computeTarget: 'vm',
    },
    command,
    environmentVariables: { TEST: 'yes' },
    environment: { name: 'none', python: '3.11', requirements: ['none'], digest: NO_ENVIRONMENT },
    inputs: [],
    outputs: [{ name: 'model', type: 'custom_model' }],
    limits: { seconds, memoryMiB: 256, sharedMemoryMiB: 0 },
    run: { experiment: 'test', displayName: 'test', tags: {} },
    model: { name: 'm', output: 'model', path: '', type: 'custom_model', tags: {} },
    image: { repository: 'edge-train/m' },
    release: ReleasePolicy.parse({ pickle: 'allow' }),
  };
}
