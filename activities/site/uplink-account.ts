import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Evidence } from '../../domain/model-version.ts';
import type { UplinkAccount } from '../../domain/uplink-account.ts';
import { toServiceError } from '../../services/errors.ts';
import { sentThroughUplink } from '../../services/uplink-log.ts';
import { currentStep } from './current-step.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { readPrivateAddress } from './private-address.ts';
import type { SiteSession } from './site-session.ts';

/** How long a connection that has sent the last artifact may take to be closed and written down. */
const PATIENCE_MS = 10_000;

/**
 * What the uplink's own log says of the run's VM since its script began. Where an approver was waited for, that may hold another
 * run's bytes too: it is the most that this run can have sent. A log that cannot be read is told, and stops no run.
 */
export async function uplinkAccount(
  session: SiteSession,
  dependencies: SiteDependencies,
  evidence: Evidence,
): Promise<UplinkAccount> {
  const { uplinkLog } = session.site;
  if (uplinkLog === undefined) return { state: 'not configured' };
  try {
    const step = (dependencies.step ?? currentStep)();
    const client = await addressOf(session, step, evidence.machine.name);
    const from = evidence.completed.startedAt;
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const destinations = await sentThroughUplink(uplinkLog, client, Date.parse(from));
      if (holdsRelease(destinations, evidence) || Date.now() > deadline)
        return { state: 'read', client, from, until: new Date().toISOString(), destinations };
      step.heartbeat(undefined);
      await delay(200);
    }
  } catch (error) {
    return { state: 'unreadable', why: toServiceError(error, 'reading the uplink’s log').message };
  }
}

/** By the site's own records, not the workflow's word. */
async function addressOf(session: SiteSession, step: Step, machine: string): Promise<string> {
  const host = session.site.hosts[machine];
  if (host) return (await lookup(host.address)).address;
  return readPrivateAddress(await session.stackHub(), machine, step);
}

/** Whether the last artifact's connection is in the log already, where the log can tell. */
function holdsRelease(
  destinations: Extract<UplinkAccount, { state: 'read' }>['destinations'],
  { release }: Evidence,
): boolean {
  const { destination, bytes } = release;
  if (destination === undefined) return true;
  const { hostname, port } = new URL(destination);
  const there = destinations.find(({ to }) => to === `${hostname}:${port || 443}`);
  return there !== undefined && (there.sent ?? bytes) >= bytes;
}
