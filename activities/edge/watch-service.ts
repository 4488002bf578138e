import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { DeploymentPlan, RoutedModel } from '../../domain/deployment.ts';
import { ServiceError } from '../../services/errors.ts';
import { frontOf, isHealthy } from './ask-service.ts';
import type { EdgeDependencies } from './dependencies.ts';

const POLL_MS = 1000;
/** One answer may be late on a busy VM. */
const MOST_MISSED = 3;

/** Where a killed worker's watch goes on. */
interface Seen {
  readonly service: string;
  readonly invocation: string;
  readonly until: number;
}

/**
 * Watches the version that traffic goes to now, through its front, for the plan's probation. Restarts of its server count as
 * its end, those while this worker was away too. @throws ServiceError `ServiceDied` (script)
 */
export async function watchService(
  edge: EdgeDependencies,
  { plan, ...routed }: RoutedModel & { plan: DeploymentPlan },
): Promise<void> {
  const context = Context.current();
  const front = frontOf(routed);
  const seen = await began(edge, plan, context.info.heartbeatDetails as Seen | undefined);
  for (let missed = 0; ;) {
    context.heartbeat(seen);
    const { state, invocation } = await edge.launcher.serving(plan.job);
    if (state !== 'running' || invocation !== seen.invocation) throw died('its server ended');
    missed = (await isHealthy(front)) ? 0 : missed + 1;
    if (missed >= MOST_MISSED) throw died('it gave no healthy answer any more');
    if (missed === 0 && Date.now() >= seen.until) return;
    context.cancellationSignal.throwIfAborted();
    await delay(POLL_MS, undefined, { signal: context.cancellationSignal });
  }
}

async function began(edge: EdgeDependencies, plan: DeploymentPlan, before: Seen | undefined): Promise<Seen> {
  if (before?.service === plan.job) return before;
  const { invocation } = await edge.launcher.serving(plan.job);
  return { service: plan.job, invocation, until: Date.now() + plan.probationSeconds * 1000 };
}

const died = (why: string) =>
  new ServiceError({
    class: 'script',
    type: 'ServiceDied',
    cause: `The new version did not hold while it was watched: ${why}.`,
    nextStep:
      'Traffic is back where it was. Read the service’s journal on the VM, and train or deploy another version.',
    retryable: false,
  });
