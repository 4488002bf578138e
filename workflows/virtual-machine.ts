import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { SIGNAL } from '../domain/signals.ts';
import type { MachinePlan } from '../domain/training-plan.ts';
import { describeIssues, parse } from '../domain/validation.ts';
import { LeaseRequest, LeaseReturn, type VirtualMachine } from '../domain/virtual-machine.ts';
import { CredentialRenewal } from './credential.ts';
import { LeaseDesk, type DeskState } from './lease-desk.ts';
import { toFailure } from './failure.ts';
import { awaitReturn, cleanJobs, serve } from './leasing.ts';
import { ATTACH_PATIENCE, cloudSteps, siteSteps } from './steps.ts';

type Known = VirtualMachine | undefined;

export interface VirtualMachineStart {
  readonly name: string;
  /** Carried over by continue-as-new. */
  readonly desk?: DeskState;
  readonly known?: VirtualMachine;
}

/**
 * One a VM: it alone makes, enrols, attaches, deallocates and deletes the VM, and leases it, one holder at a time.
 * It ends when nobody holds the VM, nobody waits, and the VM is at rest; a request starts it again.
 */
export async function virtualMachine({ name, desk: carried, known: before }: VirtualMachineStart): Promise<void> {
  const desk = new LeaseDesk(carried);
  const credential = new CredentialRenewal();
  let known = before;
  listen(name, desk);

  for (;;) {
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      return continueAsNew<typeof virtualMachine>({ name, desk: desk.state, ...(known ? { known } : {}) });
    }
    setCurrentDetails(describe(desk, known));
    if (desk.held) {
      known = await awaitReturn(desk, desk.held, known, credential);
    } else if (desk.uncleaned.length > 0 && known && !desk.next) {
      known = await cleaned(desk, known);
    } else if (desk.next) {
      known = await serve(desk, desk.next, known);
    } else if (desk.then) {
      known = await idle(desk, desk.then, known, credential);
      if (!desk.next) known = await rest(desk, desk.then);
    } else {
      await condition(allHandlersFinished);
      if (desk.isIdle) return;
    }
  }
}

function listen(name: string, desk: LeaseDesk): void {
  setHandler(
    defineSignal<[unknown]>(SIGNAL.requestLease),
    (value) => {
      const request = parse(LeaseRequest, value);
      if (!request.ok) log.warn('not a lease request', { issues: describeIssues(request.issues) });
      else if (request.value.machine.name !== name) log.warn('a request for another VM', { name });
      else desk.ask(request.value);
    },
    { description: 'From a run: lease me the VM. Asking twice is one request.' },
  );
  setHandler(
    defineSignal<[unknown]>(SIGNAL.returnLease),
    (value) => {
      // The activity that gives back sends the request as it got it, with the VM's name in it.
      const { machine: _, ...rest } = (value ?? {}) as Record<string, unknown>;
      const given = parse(LeaseReturn, rest);
      if (given.ok) desk.giveBack(given.value);
      else log.warn('not the return of a lease', { issues: describeIssues(given.issues) });
    },
    { description: 'From a run: I no longer need the VM. What is not held is fine.' },
  );
  setHandler(defineQuery<DeskState>('status'), () => desk.state, { description: 'Who holds the VM, and who waits.' });
}

/** Until somebody asks for the VM, or it was kept long enough for whoever comes next. */
async function idle(desk: LeaseDesk, plan: MachinePlan, known: Known, credential: CredentialRenewal): Promise<Known> {
  if (plan.after !== 'keep') return known;
  const end = Date.now() + plan.idleSeconds * 1000;
  for (let machine = known; ;) {
    const left = Math.max(0, end - Date.now());
    const wait = credential.within(machine, left);
    if ((await condition(() => desk.next !== undefined, wait)) || wait === left) return machine;
    if (credential.isDue(machine)) machine = await credential.renew(desk, machine);
  }
}

/** What cannot be cleaned now is cleaned before the next lease: until then nothing is known of the VM. */
async function cleaned(desk: LeaseDesk, known: VirtualMachine): Promise<VirtualMachine | undefined> {
  try {
    await cleanJobs(desk, known);
    return known;
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('a lost job could not be removed yet', { virtualMachine: known.name, cause: toFailure(error).cause });
    return undefined;
  }
}

/** A VM that cannot be put to rest costs room, not correctness: the next request finds it as it is. */
async function rest(desk: LeaseDesk, plan: MachinePlan): Promise<undefined> {
  const { name, after, attach, computeTarget } = plan;
  if (plan.host) {
    desk.atRest(false); // its power is the operator's
    return;
  }
  const gone = after === 'delete';
  try {
    if (gone && attach !== 'never') await cloudSteps(ATTACH_PATIENCE.require).detachComputeTarget(computeTarget);
    const rest = await (gone ? siteSteps().deleteVirtualMachine(name) : siteSteps().deallocateVirtualMachine(name));
    if (rest === 'serves') {
      log.info('the VM stays up, since a model serves there', { virtualMachine: name });
      desk.atRest(false);
      return;
    }
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.error('the VM could not be put to rest', { virtualMachine: name, after, cause: toFailure(error).cause });
  }
  desk.atRest(gone);
}

function describe(desk: LeaseDesk, known: VirtualMachine | undefined): string {
  const { held, waiting } = desk.state;
  return [
    held ? `Leased to \`${held.holder.workflowId}\`` : 'Free',
    waiting.length > 0 ? `Waiting: ${waiting.map(({ holder }) => `\`${holder.workflowId}\``).join(', ')}` : '',
    known ? `Last heard of with boot id \`${known.bootId}\`` : '',
  ]
    .filter((line) => line !== '')
    .join('\n\n');
}
