import { codePath } from '../../domain/resource-names.ts';
import type { RecordedRun } from '../../domain/model-version.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { ComputeTarget, EnrolledMachine } from '../../domain/virtual-machine.ts';
import { ensureCodeVersion } from '../../services/machine-learning/code-version.ts';
import * as mlflow from '../../services/mlflow.ts';
import type { Cloud } from './cloud.ts';

export interface RecordRequest {
  readonly plan: TrainingPlan;
  readonly machine: EnrolledMachine;
  readonly computeTarget: ComputeTarget;
}

/** The run as a user of Azure ML expects to see it: experiment, name, tags, code, and where it trains. */
export async function recordRun(cloud: Cloud, request: RecordRequest): Promise<RecordedRun> {
  const { plan } = request;
  const workspace = await cloud.workspace();
  const code = await registerCode(cloud, workspace, plan);
  return mlflow.recordRun(await cloud.tracking(workspace), {
    experiment: plan.run.experiment,
    job: plan.job,
    name: plan.run.displayName,
    startTime: Date.now(),
    tags: runTags(request, code),
  });
}

async function registerCode(
  cloud: Cloud,
  workspace: Awaited<ReturnType<Cloud['workspace']>>,
  { code }: TrainingPlan,
): Promise<string | undefined> {
  if (!code) return undefined;
  const { blobEndpoint, codeContainer } = cloud.file.release;
  const codeUri = `${blobEndpoint.replace(/\/+$/, '')}/${codeContainer}/${codePath(code.digest)}`;
  return ensureCodeVersion(workspace, { digest: code.digest, codeUri });
}

/** The user's own tags first: none of them can take the place of ours. */
export function commonTags(plan: Pick<TrainingPlan, 'run' | 'site' | 'workflowId'>): Record<string, string> {
  return {
    ...plan.run.tags,
    'mlflow.user': 'edge-train',
    'mlflow.source.type': 'JOB',
    'mlflow.source.name': 'edge-train',
    ...(plan.run.description === undefined ? {} : { 'mlflow.note.content': plan.run.description }),
    site: plan.site,
    'edge-train.workflow': plan.workflowId,
  };
}

function runTags({ plan, machine, computeTarget }: RecordRequest, code: string | undefined): Record<string, string> {
  return {
    ...commonTags(plan),
    ...(plan.trial ? { 'mlflow.parentRunId': plan.trial.parentRun, 'edge-train.trial': `${plan.trial.number}` } : {}),
    'edge-train.virtualMachine': machine.name,
    'edge-train.virtualMachineSize': machine.size.name,
    'edge-train.computeTarget': computeTarget.name,
    'edge-train.computeTargetState': computeTarget.state,
    'edge-train.environment': plan.environment.name,
    ...(computeTarget.state === 'attached' ? { 'edge-train.computeTargetId': computeTarget.resourceId } : {}),
    ...(code === undefined ? {} : { 'edge-train.code': code }),
  };
}
