import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { CLOCK_TOLERANCE_MS, clockText, SiteReport, type Check } from '../../domain/check.ts';
import { CLOUD_QUEUE } from '../../domain/resource-names.ts';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';
import { VERSION } from '../../domain/version.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { failed, type CommandError } from '../command-error.ts';
import { toCommandError } from '../show/error.ts';
import { connectTemporal, type TemporalClient } from '../temporal/connect.ts';
import { endedBadly } from '../temporal/outcome.ts';
import { requireReadable } from '../temporal/payload-codecs.ts';
import { serviceTrouble } from '../temporal/trouble.ts';
import { strangersCheck } from './strangers-check.ts';
import { check, faultOf } from './local-checks.ts';

/** The workflow's own steps end before this. */
const PATIENCE_MS = 180_000;
/** A worker that is there takes a workflow at once. */
const SILENCE_MS = 6_000;
/** Started, and its first task scheduled. */
const UNTOUCHED_EVENTS = 2;

interface Found {
  readonly reached: boolean;
  readonly checks: Check[];
}

/** Temporal as this user reaches it; then what the workers see. */
export async function temporalChecks(folder: string, site: string): Promise<Found> {
  let temporal: TemporalClient | undefined;
  const reach = await check('Temporal', async () => {
    temporal = await connectTemporal(folder, site);
    const { serverVersion } = await temporal.client.workflowService.getSystemInfo({});
    return `${temporal.address}, server ${serverVersion}; this command is edge-train ${VERSION}, Node ${process.versions.node}`;
  });
  if (!temporal) return { reached: false, checks: [reach] };
  const strangers = await strangersCheck(temporal);
  const namespace = await namespaceCheck(temporal);
  if (namespace.state !== 'ok') return { reached: true, checks: [reach, strangers, namespace] };
  const { reached, checks } = await askWorkers(temporal, site);
  return { reached, checks: [reach, strangers, namespace, ...checks] };
}

function namespaceCheck(temporal: TemporalClient): Promise<Check> {
  const { client, namespace } = temporal;
  return check('namespace', async () => {
    try {
      await client.withDeadline(Date.now() + 10_000, () => client.workflowService.describeNamespace({ namespace }));
      return namespace;
    } catch (error) {
      throw serviceTrouble(error, temporal, 'The namespace cannot be read');
    }
  });
}

async function askWorkers(temporal: TemporalClient, site: string): Promise<Found> {
  const { client } = temporal;
  try {
    const asked = Date.now();
    const handle = await client.workflow.start(WORKFLOW_TYPE.checkSite, {
      workflowId: `check-${site}-${randomUUID().slice(0, 8)}`,
      taskQueue: CLOUD_QUEUE,
      args: [{ site, version: VERSION }],
      // Whoever gives up leaves nothing behind.
      workflowExecutionTimeout: PATIENCE_MS,
      staticSummary: `Doctor: ${site}`,
    });
    const clock = clockCheck((asked + Date.now()) / 2, (await handle.describe()).startTime.getTime());
    const answer = await Promise.race([handle.result(), silence(() => handle.describe())]);
    if (answer !== 'silent')
      return {
        reached: true,
        checks: [clock, ...SiteReport.parse(requireReadable(answer, 'What the workers say')).checks],
      };
    await handle.terminate('edge-train doctor: no worker').catch(() => undefined);
    return { reached: true, checks: [clock, noWorker()] };
  } catch (error) {
    const trouble = told(error, temporal);
    return { reached: trouble.exitCode !== EXIT_CODE.unreachable, checks: [faultOf('workers', trouble)] };
  }
}

/** Resolves when nobody has taken the workflow in time; never when someone has. */
async function silence(describe: () => Promise<{ historyLength: number }>): Promise<'silent'> {
  await wait(SILENCE_MS);
  const { historyLength } = await describe();
  return historyLength <= UNTOUCHED_EVENTS ? 'silent' : new Promise<never>(() => undefined);
}

function noWorker(): Check {
  return {
    where: 'cloud',
    name: 'worker',
    state: 'fault',
    detail: `no worker of the role cloud polls ${CLOUD_QUEUE}, so that neither it nor the site’s could be asked`,
    fix: 'Start one with: edge-train worker --role cloud',
  };
}

function clockCheck(here: number, there: number): Check {
  const ahead = here - there;
  const check = { where: 'client', name: 'clock' };
  if (Math.abs(ahead) <= CLOCK_TOLERANCE_MS) return { ...check, state: 'ok', detail: 'as the Temporal server’s' };
  const detail = `this machine’s clock is ${clockText(ahead)} that of the Temporal server`;
  return { ...check, state: 'fault', detail, fix: 'Set both clocks by NTP: timedatectl set-ntp true.' };
}

function told(error: unknown, temporal: TemporalClient): CommandError {
  const outcome = endedBadly(error);
  if (outcome) return failed(outcome.failure);
  const known = toCommandError(error);
  return known.exitCode !== EXIT_CODE.failed || known.failure.type !== 'Unexpected'
    ? known
    : serviceTrouble(error, temporal, 'The workers could not be asked');
}
