import { z } from 'zod';
import { DeployModelResult } from './deployment.ts';
import { Failure } from './failure.ts';
import { Artifact } from './release.ts';
import { Verdict } from './verdict.ts';
import { JobId, Sha256, SiteName } from './resource-names.ts';
import { Standing } from './statement.ts';
import { TrainModelResult } from './train-model-result.ts';
import { TrialStatus } from './trial-status.ts';

/** The steps that a person watches, in order; each is one arrow of the data's way. */
export const STEPS = [
  'plan',
  'lease',
  'record',
  'environment',
  'stage',
  'train',
  'inspect',
  'approve',
  'release',
  'receipt',
  'register',
  'image',
  'sign',
  'clean',
  'deploy',
] as const;
/** Of a trial: its parent releases the best one's model. */
export const TRIAL_STEPS = ['plan', 'lease', 'record', 'environment', 'stage', 'train', 'inspect', 'clean'] as const;
/** Of a sweep: the trials are workflows of their own; then the best one's model is brought back to a VM. */
export const SWEEP_STEPS = [
  ...(['plan', 'record', 'trials', 'approve', 'lease', 'environment', 'stage', 'inspect'] as const),
  ...(['release', 'receipt', 'register', 'image', 'sign', 'clean', 'deploy'] as const),
] as const;
/** Of a deployment. */
export const DEPLOY_STEPS = ['plan', 'find', 'lease', 'pull', 'start', 'test', 'switch', 'watch', 'retire'] as const;
/** The same in the cloud. */
export const CLOUD_DEPLOY_STEPS = ['plan', 'find', 'verify', 'start', 'test', 'switch', 'watch', 'retire'] as const;
export type StepName =
  (typeof STEPS)[number] | (typeof DEPLOY_STEPS)[number] | (typeof CLOUD_DEPLOY_STEPS)[number] | 'trials';

export const Step = z.strictObject({
  name: z.enum([...new Set([...STEPS, ...DEPLOY_STEPS, ...CLOUD_DEPLOY_STEPS]), 'trials']),
  /** `site`, `cloud` or the VM's name. */
  where: z.string(),
  state: z.enum(['waiting', 'running', 'done', 'failed', 'skipped']),
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
  /** One line for a person: what is being done, or what came of it. Never a path on site, never a script's output. */
  detail: z.string().optional(),
});
export type Step = z.infer<typeof Step>;

/** The answer to `trainModel`'s `status` query. */
export const RunStatus = z.strictObject({
  site: SiteName.optional(),
  model: z.string().optional(),
  job: JobId.optional(),
  virtualMachine: z.string().optional(),
  state: z.enum(['running', 'succeeded', 'failed', 'cancelled']),
  steps: z.array(Step),
  /** How many numbers of the script's have gone to Azure ML, while it trained. */
  published: z.int().min(0).optional(),
  /** Of a sweep, by number. */
  trials: z.array(TrialStatus).optional(),
  /** What waits for an approver's word: exactly these files, what the gate made of each, and the digest that a decision names. */
  approval: z
    .strictObject({
      release: Sha256,
      artifacts: z.array(Artifact).min(1),
      verdicts: z.array(Verdict),
      /** Where approval is asked for the first release only: what a decision says of later ones. */
      standing: Standing.optional(),
    })
    .optional(),
  result: TrainModelResult.optional(),
  /** Of a deployment. */
  deployed: DeployModelResult.optional(),
  failure: Failure.optional(),
});
export type RunStatus = z.infer<typeof RunStatus>;
