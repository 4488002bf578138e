import { isCancellation } from '@temporalio/workflow';
import {
  CheckRequest,
  CLOCK_TOLERANCE_MS,
  clockText,
  type Check,
  type CheckedMachine,
  type CloudChecks,
  type SiteChecks,
  type SiteReport,
} from '../domain/check.ts';
import { CLOUD_QUEUE, SITE_QUEUE } from '../domain/resource-names.ts';
import { describeIssues, parse } from '../domain/validation.ts';
import type { Hello } from '../domain/virtual-machine.ts';
import { failWith, isSilence, toFailure } from './failure.ts';
import { CHECK_SILENCE, checkSteps, edgeSteps } from './steps.ts';

/**
 * `doctor`'s: the cloud worker, the site worker and every VM that is up say what they see. Changes nothing; what is at fault
 * is in the result, and never fails the workflow. @throws ApplicationFailure `InvalidInput`
 */
export async function checkSite(given: unknown): Promise<SiteReport> {
  const request = validRequest(given);
  const cloud = await askCloud(request);
  const site = await askSite(request, cloud.release);
  const machines = await Promise.all(site.machines.map(greet));
  return { site: request.site, checks: [...cloud.checks, ...site.checks, keyPair(request, cloud, site), ...machines] };
}

function validRequest(given: unknown): CheckRequest {
  const request = parse(CheckRequest, given ?? {});
  if (request.ok) return request.value;
  const failure = {
    class: 'input',
    type: 'InvalidInput',
    cause: describeIssues(request.issues),
    nextStep: 'Correct what is named and start again.',
  } as const;
  throw failWith(failure, undefined, request.issues);
}

async function askCloud(request: CheckRequest): Promise<CloudChecks> {
  try {
    return await checkSteps().checkCloud(request);
  } catch (error) {
    return { checks: [workerFault(error, 'cloud', `no worker of the role cloud polls ${CLOUD_QUEUE}`)] };
  }
}

async function askSite(request: CheckRequest, release: string | undefined): Promise<SiteChecks> {
  try {
    return await checkSteps().checkSite({ ...request, ...(release === undefined ? {} : { release }) });
  } catch (error) {
    return { checks: [workerFault(error, 'site', `no worker of the role site polls ${SITE_QUEUE}`)], machines: [] };
  }
}

function workerFault(error: unknown, where: 'cloud' | 'site', silence: string): Check {
  if (isCancellation(error)) throw error;
  const check = { where, name: 'worker', state: 'fault' } as const;
  if (isSilence(error)) return { ...check, detail: silence, fix: `Start one with: edge-train worker --role ${where}` };
  const { cause, nextStep } = toFailure(error);
  return { ...check, detail: cause, fix: nextStep };
}

/** The two halves lie in two files of two people. */
function keyPair({ site }: CheckRequest, cloud: CloudChecks, { receiptKey }: SiteChecks): Check {
  const check = { where: 'site', name: 'receipt key pair' };
  if (cloud.receiptKey === undefined || receiptKey === undefined)
    return { ...check, state: 'unknown', detail: 'not checked: it needs both halves of the key' };
  if (cloud.receiptKey === receiptKey)
    return { ...check, state: 'ok', detail: 'cloud.yml believes what the site signs' };
  return {
    ...check,
    state: 'fault',
    detail: `sites.${site}.receiptPublicKey of cloud.yml is not the public half of receiptKey of site.yml: no receipt would be believed`,
    fix: `Put what this prints into cloud.yml, from the file that receiptKey of site.yml names: openssl pkey -in FILE -pubout`,
  };
}

/** Compared by the workflow's clock, which is the Temporal server's. */
async function greet(machine: CheckedMachine): Promise<Check> {
  const check = { where: machine.name, name: 'hello' };
  try {
    const hello = await edgeSteps(machine.queue, { silence: CHECK_SILENCE, within: '30 seconds' }).hello();
    return { ...check, ...judge(machine, hello) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { cause, nextStep } = toFailure(error);
    return { ...check, state: 'fault', detail: cause, fix: nextStep };
  }
}

function judge(
  { bundle: expected, current }: CheckedMachine,
  { clock, bundle }: Hello,
): Pick<Check, 'state' | 'detail' | 'fix'> {
  const ahead = Date.parse(clock) - Date.now();
  if (Math.abs(ahead) > CLOCK_TOLERANCE_MS)
    return {
      state: 'fault',
      detail: `the VM’s clock is ${clockText(ahead)} that of the Temporal server`,
      fix: 'Let the VM set its clock by NTP: grants are refused by a clock that is wrong.',
    };
  if (bundle !== expected)
    return {
      state: 'fault',
      detail: 'what answers for the VM has another bundle than the Stack Hub’s record says was put on it',
      fix: 'Find out who else listens on that VM’s queue; delete the VM and start again.',
    };
  const detail = `answers, bundle ${bundle.slice(0, 12)}, clock as the Temporal server’s`;
  return current
    ? { state: 'ok', detail }
    : { state: 'ok', detail, fix: 'Its bundle is not the newest: the next lease puts that on.' };
}
