import { setTimeout as delay } from 'node:timers/promises';
import type { VerifiedServingImage } from '../../../domain/cloud-deployment.ts';
import type { ServiceTest } from '../../../domain/deployment.ts';
import { ServiceError } from '../../../services/errors.ts';
import type { Answer } from '../../../services/machine-learning/scoring.ts';
import type { CloudDeployment } from '../../contract/endpoint.ts';
import { smokeTestFailed } from '../../smoke-test-failed.ts';
import type { Cloud } from '../cloud.ts';
import { openProbe, type Probe } from './probe.ts';

/** Azure's front may know a new deployment some time after it is made. */
const PATIENCE_MS = 120_000;
const POLL_MS = 1000;

/**
 * Asks the new version before anybody else does, for predictions of rows that are made up from its signature: nothing of the
 * site is sent. No row and no prediction is in a failure. @throws ServiceError `ServiceNotHealthy`, `SmokeTestFailed` (script)
 */
export async function testCloudDeployment(
  cloud: Cloud,
  request: CloudDeployment & Pick<VerifiedServingImage, 'description'>,
): Promise<ServiceTest & { address: string }> {
  const began = Date.now();
  const probe = await openProbe(cloud, request);
  const answer = await untilAnswered(cloud, probe, request.deployment);
  const startedInSeconds = Math.round((Date.now() - began) / 100) / 10;
  return { startedInSeconds, rows: predicted(probe, answer), address: probe.address };
}

async function untilAnswered({ step }: Cloud, probe: Probe, deployment: string): Promise<Answer> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const answer = await probe.ask(deployment);
    if (answer) return answer;
    if (Date.now() > deadline) throw notHealthy();
    step.progress();
    await delay(POLL_MS, undefined, step.abortSignal ? { signal: step.abortSignal } : {});
  }
}

/** How many predictions came; null where the model says nothing of its input, and 0 where it knows no made-up words. */
export function predicted({ rows }: Pick<Probe, 'rows'>, { modelStatus = 0, text }: Answer): number | null {
  if (!rows) return null;
  if (modelStatus === 400 && rows.hasText) return 0;
  if (modelStatus !== 200) throw failed(`it answered POST /score with ${modelStatus}`);
  const predictions = predictionsIn(text);
  if (!Array.isArray(predictions)) throw failed('its answer to POST /score is no list of predictions');
  if (predictions.length === rows.rows) return rows.rows;
  throw failed(`${predictions.length} predictions came for ${rows.rows} rows`);
}

/** A list, as Azure ML answers, or MLflow's object. */
function predictionsIn(text: string): unknown {
  try {
    const answer: unknown = JSON.parse(text);
    return (answer as { predictions?: unknown } | null)?.predictions ?? answer;
  } catch {
    return undefined;
  }
}

const notHealthy = () =>
  new ServiceError({
    class: 'script',
    type: 'ServiceNotHealthy',
    cause: `The new version does not serve: its deployment is made, and it gave no answer within ${PATIENCE_MS / 1000} s.`,
    nextStep: 'What served before goes on. `az ml online-deployment get-logs` says what its server did.',
    retryable: false,
  });

const failed = (why: string) =>
  smokeTestFailed(why, 'Compare the model with its signature (mlflow.models.infer_signature)');
