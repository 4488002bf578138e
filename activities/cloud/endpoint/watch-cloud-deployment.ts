import { setTimeout as delay } from 'node:timers/promises';
import type { VerifiedServingImage } from '../../../domain/cloud-deployment.ts';
import { ServiceError } from '../../../services/errors.ts';
import type { CloudDeployment } from '../../contract/endpoint.ts';
import type { Cloud } from '../cloud.ts';
import { openProbe, type Probe } from './probe.ts';

const POLL_MS = 1000;
/** One answer may be late, or lost on its way. */
const MOST_MISSED = 3;

/**
 * Asks the endpoint as everybody does, for the plan's probation: it must be this version that answers, and well.
 * @throws ServiceError `ServiceDied` (script)
 */
export async function watchCloudDeployment(
  cloud: Cloud,
  request: CloudDeployment & Pick<VerifiedServingImage, 'description'>,
): Promise<void> {
  const probe = await openProbe(cloud, request);
  const until = Date.now() + request.plan.probationSeconds * 1000;
  for (let missed = 0; ;) {
    cloud.step.progress();
    missed = (await isWell(probe, request.deployment)) ? 0 : missed + 1;
    if (missed >= MOST_MISSED) throw died();
    if (missed === 0 && Date.now() >= until) return;
    const { abortSignal } = cloud.step;
    await delay(POLL_MS, undefined, abortSignal ? { signal: abortSignal } : {});
  }
}

async function isWell(probe: Probe, deployment: string): Promise<boolean> {
  const answer = await probe.ask();
  if (!answer || (answer.deployment !== undefined && answer.deployment !== deployment)) return false;
  return !probe.rows || answer.modelStatus === 200 || (answer.modelStatus === 400 && probe.rows.hasText);
}

const died = () =>
  new ServiceError({
    class: 'script',
    type: 'ServiceDied',
    cause: 'The new version did not hold while it was watched: the endpoint gave no good answer any more.',
    nextStep:
      'Traffic is back where it was. `az ml online-deployment get-logs` said what its server did; train or deploy another version.',
    retryable: false,
  });
