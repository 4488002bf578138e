import { condition, getExternalWorkflowHandle, isCancellation, log } from '@temporalio/workflow';
import { SIGNAL } from '../domain/signals.ts';
import type { Holder, LeaseAnswer, LeaseRequest, VirtualMachine } from '../domain/virtual-machine.ts';
import { Compensation } from './compensation.ts';
import type { CredentialRenewal } from './credential.ts';
import type { LeaseDesk } from './lease-desk.ts';
import { makeReady } from './make-ready.ts';
import { CLEAN_PATIENCE, cloudSteps, edgeSteps, HOLDER_WATCH } from './steps.ts';
import { whileWanted } from './while-wanted.ts';

type Known = VirtualMachine | undefined;

/** Makes the VM ready for the first that waits, and tells it. Returns the VM as it is known afterwards. */
export async function serve(desk: LeaseDesk, request: LeaseRequest, known: Known): Promise<Known> {
  desk.wanted(request);
  const undo = new Compensation();
  const outcome = await whileWanted(
    () => desk.waits(request.holder),
    () => made(desk, request, known, undo),
  );
  switch (outcome.kind) {
    case 'unwanted':
      await takeBack(desk, undo);
      return undefined;
    case 'failed':
      desk.refuse(request);
      await tell(request.holder, { kind: 'refused', failure: outcome.failure });
      await takeBack(desk, undo);
      return undefined;
    case 'ready': {
      const { value: machine } = outcome;
      desk.lease(request);
      const told = await tell(request.holder, { kind: 'leased', virtualMachine: machine });
      if (!told) desk.lost(request.holder, machine.created ? 'delete' : undefined);
      return machine;
    }
  }
}

/** While the VM is held: until it is given back, or its holder is found closed. A holder that asks again is answered. */
export async function awaitReturn(
  desk: LeaseDesk,
  held: LeaseRequest,
  known: Known,
  credential: CredentialRenewal,
): Promise<Known> {
  const { holder } = held;
  const seen = desk.arrivals;
  const changed = () => !desk.holds(holder) || desk.askedAgain || desk.arrivals > seen;
  await condition(changed, credential.within(known, desk.next ? HOLDER_WATCH.wanted : HOLDER_WATCH.unwanted));
  if (!desk.holds(holder)) return known;
  if (desk.takeAskedAgain()) return answerAgain(desk, desk.held ?? held, known);
  if (credential.isDue(known)) return await credential.renew(desk, known);
  if ((await describe(holder)) === 'closed') {
    log.warn('the holder is closed and gave nothing back', { workflowId: holder.workflowId });
    desk.lost(holder);
  }
  return known;
}

/** Stops and removes what lost holders left on the VM. Throws when the VM does not do it. */
export async function cleanJobs(desk: LeaseDesk, machine: VirtualMachine): Promise<void> {
  for (const job of desk.uncleaned) {
    await edgeSteps(machine.queue, { within: CLEAN_PATIENCE }).cleanJob(job);
    desk.cleaned(job);
  }
}

/** Its answer was lost, or the VM went silent under it and must be started again. */
async function answerAgain(desk: LeaseDesk, { holder, machine: plan }: LeaseRequest, known: Known): Promise<Known> {
  const outcome = await whileWanted(
    () => desk.holds(holder),
    () => makeReady(plan, known, new Compensation()),
  );
  if (outcome.kind === 'failed') await tell(holder, { kind: 'refused', failure: outcome.failure });
  if (outcome.kind !== 'ready') return undefined;
  const machine = { ...outcome.value, created: known?.created ?? outcome.value.created };
  if (!(await tell(holder, { kind: 'leased', virtualMachine: machine }))) desk.lost(holder);
  return machine;
}

async function made(desk: LeaseDesk, request: LeaseRequest, known: Known, undo: Compensation): Promise<VirtualMachine> {
  const machine = await makeReady(request.machine, known, undo);
  await cleanJobs(desk, machine);
  return machine;
}

/** What was made for nobody goes, unless another waits for it. */
async function takeBack(desk: LeaseDesk, undo: Compensation): Promise<void> {
  if (undo.isEmpty || desk.next) return;
  const left = await undo.undo(undefined);
  if (left.length === 0) desk.atRest(true);
}

/** Whether the answer arrived. A run that has ended cannot be told. */
async function tell(holder: Holder, answer: LeaseAnswer): Promise<boolean> {
  const run = getExternalWorkflowHandle(holder.workflowId, holder.runId);
  try {
    await run.signal(SIGNAL.leaseAnswered, answer, holder);
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the run that asked has ended', { workflowId: holder.workflowId });
    return false;
  }
}

/** In doubt a holder is open: its VM is not taken from under it. */
async function describe(holder: Holder): Promise<'open' | 'closed'> {
  try {
    return await cloudSteps(CLEAN_PATIENCE).describeHolder(holder);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return 'open';
  }
}
