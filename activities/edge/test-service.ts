import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { differenceOf, SmokeTest, type DeploymentPlan, type ServiceTest } from '../../domain/deployment.ts';
import type { SealedGrant } from '../../domain/grant.ts';
import { openBlob, STACK_HUB_VERSION } from '../../services/blob-storage.ts';
import { ServiceError, toServiceError } from '../../services/errors.ts';
import { askService, isHealthy, serviceSocket, type ServicePlace } from './ask-service.ts';
import { breakableConnection, type EdgeDependencies } from './dependencies.ts';
import { openGrant } from './grants.ts';
import { smokeTestFailed } from '../smoke-test-failed.ts';

const POLL_MS = 200;
/** A server that ends so often at its start will not come up. */
const MOST_RESTARTS = 3;
const MAX_ROWS_BYTES = 16 * 2 ** 20;

/**
 * Asks the new version before anybody else does: waits until it is well, then lets it predict the rows that were recorded when
 * it was trained. No row and no prediction is in a failure. @throws ServiceError `ServiceNotHealthy`, `SmokeTestFailed` (script)
 */
export async function testService(
  edge: EdgeDependencies,
  { plan, grants }: { plan: DeploymentPlan; grants: readonly SealedGrant[] },
): Promise<ServiceTest> {
  const place = serviceSocket(edge, plan.job);
  const began = Date.now();
  await untilHealthy(edge, plan, place);
  const startedInSeconds = Math.round((Date.now() - began) / 100) / 10;
  if (grants.length === 0) return { startedInSeconds, rows: null };
  const { predictions, ...request } = await recordedRows(edge, grants);
  const answer = await predict(place, request);
  const difference = differenceOf(predictions, answer);
  if (difference !== undefined) throw otherwise(plan, difference);
  return { startedInSeconds, rows: predictions.length };
}

async function untilHealthy(edge: EdgeDependencies, plan: DeploymentPlan, place: ServicePlace): Promise<void> {
  const deadline = Date.now() + plan.startSeconds * 1000;
  const signal = Context.current().cancellationSignal;
  for (let polls = 0; ; polls++) {
    signal.throwIfAborted();
    if (await isHealthy(place)) return;
    if (polls % 5 === 0) {
      const { restarts, state } = await edge.launcher.serving(plan.job);
      if (state === 'absent' || restarts >= MOST_RESTARTS) throw notHealthy(plan, 'its server ended while it started');
    }
    if (Date.now() > deadline) throw notHealthy(plan, `it gave no healthy answer within ${plan.startSeconds} s`);
    await delay(POLL_MS, undefined, { signal });
  }
}

async function recordedRows(edge: EdgeDependencies, grants: readonly SealedGrant[]): Promise<SmokeTest> {
  const { url } = await openGrant('smoke-test', grants, edge.machineKey);
  const blob = openBlob(url, breakableConnection(url, edge, STACK_HUB_VERSION));
  let text: string;
  try {
    const { contentLength = 0 } = await blob.getProperties();
    if (contentLength > MAX_ROWS_BYTES) throw unreadable(`it has more than ${MAX_ROWS_BYTES} bytes`);
    text = (await blob.downloadToBuffer()).toString('utf8');
  } catch (error) {
    throw toServiceError(error, 'reading the recorded rows of the model on site');
  }
  try {
    const read = SmokeTest.safeParse(JSON.parse(text));
    if (read.success) return read.data;
  } catch {
    // said below
  }
  throw unreadable('it is no JSON object with a list `predictions`');
}

/** A list, as Azure ML answers, or MLflow's object; a script that answers with text means the JSON in it. */
async function predict(place: ServicePlace, request: object): Promise<unknown> {
  const { status, text } = await askService(place, '/score', {
    body: JSON.stringify(request),
    signal: Context.current().cancellationSignal,
  }).catch((error: unknown) => {
    Context.current().cancellationSignal.throwIfAborted();
    throw failed(`it gave POST /score no answer (${(error as NodeJS.ErrnoException).code ?? 'no answer in time'})`);
  });
  if (status !== 200) throw failed(`it answered POST /score with ${status}`);
  try {
    let answer: unknown = JSON.parse(text);
    if (typeof answer === 'string') answer = JSON.parse(answer);
    return (answer as { predictions?: unknown } | null)?.predictions ?? answer;
  } catch {
    throw failed('its answer to POST /score is no JSON');
  }
}

const notHealthy = ({ job }: DeploymentPlan, why: string) =>
  new ServiceError({
    class: 'script',
    type: 'ServiceNotHealthy',
    cause: `The new version does not serve: ${why}.`,
    nextStep: `What served before goes on. On the VM, journalctl -u edge-train-serve@${job} says why the server ended.`,
    retryable: false,
  });

const failed = (why: string) =>
  smokeTestFailed(why, 'Compare the model and its packages with what the training script recorded');

const otherwise = ({ version }: DeploymentPlan, difference: string) =>
  failed(`${difference} when it was trained${version === undefined ? '' : ` (version ${version})`}`);

const unreadable = (why: string) =>
  new ServiceError({
    class: 'script',
    type: 'SmokeTestUnreadable',
    cause: `The file that the training script left as model.smokeTest cannot be used: ${why}.`,
    nextStep: 'Let the script write {"input_data": …, "predictions": […]}, and train again.',
    retryable: false,
  });
