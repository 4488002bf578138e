import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  RegistrationRequest,
  RegistrationWithdrawal,
  type RegistrationAnswer,
  type WithdrawalAnswer,
} from '../domain/model-version.ts';
import { SIGNAL } from '../domain/signals.ts';
import { describeIssues, parse } from '../domain/validation.ts';
import { holderKey, type Holder } from '../domain/virtual-machine.ts';
import { toFailure } from './failure.ts';
import { cloudSteps, UNDO_PATIENCE } from './steps.ts';
import { whileWanted } from './while-wanted.ts';

export interface ModelStart {
  readonly name: string;
  /** Carried over by continue-as-new. */
  readonly waiting?: readonly RegistrationRequest[];
  readonly withdrawn?: readonly RegistrationWithdrawal[];
}

/**
 * One a model name: gives its versions, one at a time, first come, first served. It ends when nobody waits; a request
 * starts it again. What it must know is in Azure ML: a repeated request finds its version by the `job` tag.
 */
export async function model({ name, waiting = [], withdrawn = [] }: ModelStart): Promise<void> {
  const requests = new Map(waiting.map((request) => [holderKey(request.holder), request]));
  const withdrawals = new Map(withdrawn.map((withdrawal) => [holderKey(withdrawal.holder), withdrawal]));
  listen(name, requests, withdrawals);

  await condition(() => requests.size + withdrawals.size > 0, '1 minute');
  while (requests.size + withdrawals.size > 0) {
    if (workflowInfo().continueAsNewSuggested) {
      const [waiting, withdrawn] = [[...requests.values()], [...withdrawals.values()]];
      return continueAsNew<typeof model>({ name, waiting, withdrawn });
    }
    const [gone, next] = [first(withdrawals), first(requests)];
    if (gone) {
      requests.delete(holderKey(gone.holder));
      const answer = await discard(gone);
      withdrawals.delete(holderKey(gone.holder));
      await tell(gone.holder, answer);
    } else if (next) {
      const answer = await register(next, withdrawals);
      requests.delete(holderKey(next.holder));
      if (answer) await tell(next.holder, answer);
    }
  }
}

function listen(
  name: string,
  requests: Map<string, RegistrationRequest>,
  withdrawals: Map<string, RegistrationWithdrawal>,
): void {
  setHandler(
    defineSignal<[unknown]>(SIGNAL.requestRegistration),
    (value) => {
      const request = parse(RegistrationRequest, value);
      if (!request.ok) log.warn('not a registration request', { issues: describeIssues(request.issues) });
      else if (request.value.evidence.plan.model.name !== name) log.warn('a request for another model', { name });
      else requests.set(holderKey(request.value.holder), request.value);
    },
    { description: 'From a run: give my model a version. Asking twice is one request.' },
  );
  setHandler(
    defineSignal<[unknown]>(SIGNAL.withdrawRegistration),
    (value) => {
      const withdrawal = parse(RegistrationWithdrawal, value);
      if (!withdrawal.ok) log.warn('not a withdrawal', { issues: describeIssues(withdrawal.issues) });
      else if (withdrawal.value.model !== name) log.warn('a withdrawal of another model', { name });
      else withdrawals.set(holderKey(withdrawal.value.holder), withdrawal.value);
    },
    { description: 'From a run that ends: no version, please. One that has been made stays.' },
  );
  setHandler(defineQuery<string[]>('waiting'), () => [...requests.values()].map(({ holder }) => holder.workflowId), {
    description: 'The runs that wait for a version, in order.',
  });
}

/** No answer where the run has withdrawn meanwhile: that is answered instead. */
async function register(
  request: RegistrationRequest,
  withdrawals: ReadonlyMap<string, unknown>,
): Promise<RegistrationAnswer | undefined> {
  const outcome = await whileWanted(
    () => !withdrawals.has(holderKey(request.holder)),
    () => cloudSteps().registerModel(request),
  );
  switch (outcome.kind) {
    case 'ready':
      return { kind: 'registered', version: outcome.value };
    case 'failed':
      return { kind: 'refused', failure: outcome.failure };
    case 'unwanted':
      return undefined;
  }
}

async function discard(withdrawal: RegistrationWithdrawal): Promise<WithdrawalAnswer> {
  try {
    const found = await cloudSteps(UNDO_PATIENCE).discardRelease(withdrawal);
    return { kind: found === 'registered' ? 'kept' : 'withdrawn' };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { kind: 'refused', failure: toFailure(error) };
  }
}

/** A run that has ended meanwhile needs no answer. */
async function tell(holder: Holder, answer: RegistrationAnswer | WithdrawalAnswer): Promise<void> {
  const run = getExternalWorkflowHandle(holder.workflowId, holder.runId);
  try {
    await run.signal(SIGNAL.versionRegistered, answer, holder);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the run that asked has ended', { workflowId: holder.workflowId });
  }
}

const first = <T>(map: ReadonlyMap<string, T>): T | undefined => map.values().next().value;
