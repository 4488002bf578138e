import type { Artifact } from '../../../domain/release.ts';
import { madeUpRows, type MadeUpRows } from '../../../domain/model-signature.ts';
import { modelPath } from '../../../domain/resource-names.ts';
import { toServiceError } from '../../../services/errors.ts';
import { endpointKey, findEndpoint } from '../../../services/machine-learning/online-endpoints.ts';
import { askEndpoint, type Answer } from '../../../services/machine-learning/scoring.ts';
import { readInputSignature } from '../../../services/serving-image/mlflow-model.ts';
import { readVerified } from '../../../services/verified-blob.ts';
import type { CloudDeployment } from '../../contract/endpoint.ts';
import type { Cloud } from '../cloud.ts';

/** What an endpoint is asked, again and again. */
export interface Probe {
  readonly address: string;
  /** Undefined: the model says nothing of its input. It is asked all the same, and any answer of its own is one. */
  readonly rows: MadeUpRows | undefined;
  /** `deployment`: this one; absent: as everybody asks. Undefined where the model gave no answer. */
  ask(deployment?: string): Promise<Answer | undefined>;
}

const NO_ROWS = { input_data: [] };

/** Reads the model's signature, and the endpoint's key, which stays in here. @throws ServiceError `ArtifactDiffers` (data) */
export async function openProbe(
  cloud: Cloud,
  { plan, found, description }: CloudDeployment & { readonly description: Artifact | null },
): Promise<Probe> {
  const workspace = await cloud.workspace();
  const { scoringUri = '' } = (await findEndpoint(workspace, plan.endpoint)) ?? {};
  const key = await endpointKey(workspace, plan.endpoint);
  const rows = description ? madeUpRows(await readSignature(cloud, plan.model, found.job, description)) : undefined;
  const { ca, step } = cloud;
  const trust = { ...(ca === undefined ? {} : { ca }), ...(step.abortSignal ? { abortSignal: step.abortSignal } : {}) };
  return {
    address: scoringUri,
    rows,
    ask: async (deployment) => {
      const asked = {
        scoringUri,
        key,
        body: rows?.body ?? NO_ROWS,
        ...(deployment === undefined ? {} : { deployment }),
      };
      try {
        const answer = await askEndpoint({ ...asked, ...trust });
        return answer.modelStatus === undefined ? undefined : answer;
      } catch (error) {
        step.abortSignal?.throwIfAborted();
        const failure = toServiceError(error, `asking the endpoint ${plan.endpoint}`);
        if (failure.retryable) return undefined;
        throw failure;
      }
    },
  };
}

async function readSignature(
  { file, release }: Cloud,
  model: string,
  job: string,
  artifact: Artifact,
): Promise<unknown> {
  const account = await release();
  const blob = account.container(file.release.modelContainer).getBlockBlobClient(modelPath(model, job, artifact.path));
  const chunks: Buffer[] = [];
  for await (const chunk of readVerified(blob, artifact)) chunks.push(chunk);
  return readInputSignature(Buffer.concat(chunks).toString('utf8'));
}
