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
import { ModelChangeRequest, type ModelChangeAnswer } from '../domain/model-change.ts';
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
  readonly changes?: readonly ModelChangeRequest[];
}

/** What waits, by who asked. */
interface Desk {
  readonly requests: Map<string, RegistrationRequest>;
  readonly withdrawals: Map<string, RegistrationWithdrawal>;
  readonly changes: Map<string, ModelChangeRequest>;
}

/**
 * One a model name: gives its versions and moves its aliases, one at a time, first come, first served. It ends when nobody
 * waits; a request starts it again. What it must know is in Azure ML: a repeated request finds its version by the `job` tag.
 */
export async function model({ name, ...carried }: ModelStart): Promise<void> {
  const desk = deskOf(carried);
  const waiting = () => desk.requests.size + desk.withdrawals.size + desk.changes.size;
  listen(name, desk);

  await condition(() => waiting() > 0, '1 minute');
  while (waiting() > 0) {
    if (workflowInfo().continueAsNewSuggested) return continueAsNew<typeof model>({ name, ...left(desk) });
    await serveNext(desk);
  }
}

function deskOf({ waiting = [], withdrawn = [], changes = [] }: Omit<ModelStart, 'name'>): Desk {
  const byHolder = <T extends { readonly holder: Holder }>(all: readonly T[]) =>
    new Map(all.map((each) => [holderKey(each.holder), each]));
  return { requests: byHolder(waiting), withdrawals: byHolder(withdrawn), changes: byHolder(changes) };
}

const left = ({ requests, withdrawals, changes }: Desk): Omit<ModelStart, 'name'> => ({
  ...{ waiting: [...requests.values()], withdrawn: [...withdrawals.values()] },
  changes: [...changes.values()],
});

/** Who withdraws first, then who asks for a name, which is quick; a version takes as long as its bytes. */
async function serveNext({ requests, withdrawals, changes }: Desk): Promise<void> {
  const [gone, change, next] = [first(withdrawals), first(changes), first(requests)];
  if (gone) {
    requests.delete(holderKey(gone.holder));
    const answer = await discard(gone);
    withdrawals.delete(holderKey(gone.holder));
    await tell(gone.holder, SIGNAL.versionRegistered, answer);
  } else if (change) {
    const answer = await made(change);
    changes.delete(holderKey(change.holder));
    // A run whose image `latest` follows does not wait for it.
    if (change.change.action !== 'follow') await tell(change.holder, SIGNAL.modelChanged, answer);
    else if (answer.kind === 'refused') log.warn('latest was not moved', { ...answer.failure });
  } else if (next) {
    const answer = await register(next, withdrawals);
    requests.delete(holderKey(next.holder));
    if (answer) await tell(next.holder, SIGNAL.versionRegistered, answer);
  }
}

function listen(name: string, { requests, withdrawals, changes }: Desk): void {
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
  setHandler(
    defineSignal<[unknown]>(SIGNAL.requestChange),
    (value) => {
      const request = parse(ModelChangeRequest, value);
      if (!request.ok) log.warn('not a change', { issues: describeIssues(request.issues) });
      else if (request.value.change.model !== name) log.warn('a change of another model', { name });
      else changes.set(holderKey(request.value.holder), request.value);
    },
    {
      description:
        'From `changeModel`, and from a run whose image is there: move an alias. Asking twice is one request.',
    },
  );
  setHandler(defineQuery<string[]>('waiting'), () => [...requests.values()].map(({ holder }) => holder.workflowId), {
    description: 'The runs that wait for a version, in order.',
  });
}

async function made(request: ModelChangeRequest): Promise<ModelChangeAnswer> {
  try {
    return { kind: 'changed', result: await cloudSteps().changeModel(request) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { kind: 'refused', failure: toFailure(error) };
  }
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

/** Who has ended meanwhile needs no answer. */
async function tell(
  holder: Holder,
  signal: string,
  answer: RegistrationAnswer | WithdrawalAnswer | ModelChangeAnswer,
): Promise<void> {
  const run = getExternalWorkflowHandle(holder.workflowId, holder.runId);
  try {
    await run.signal(signal, answer, holder);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('who asked has ended', { workflowId: holder.workflowId });
  }
}

const first = <T>(map: ReadonlyMap<string, T>): T | undefined => map.values().next().value;
