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
import { RegistrationRequest, type RegistrationAnswer } from '../domain/model-version.ts';
import { SIGNAL } from '../domain/signals.ts';
import { describeIssues, parse } from '../domain/validation.ts';
import { holderKey, type Holder } from '../domain/virtual-machine.ts';
import { toFailure } from './failure.ts';
import { cloudSteps } from './steps.ts';

export interface ModelStart {
  readonly name: string;
  /** Carried over by continue-as-new. */
  readonly waiting?: readonly RegistrationRequest[];
}

/**
 * One a model name: gives its versions, one at a time, first come, first served. It ends when nobody waits; a request
 * starts it again. What it must know is in Azure ML: a repeated request finds its version by the `job` tag.
 */
export async function model({ name, waiting = [] }: ModelStart): Promise<void> {
  const requests = new Map(waiting.map((request) => [holderKey(request.holder), request]));
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
  setHandler(defineQuery<string[]>('waiting'), () => [...requests.values()].map(({ holder }) => holder.workflowId), {
    description: 'The runs that wait for a version, in order.',
  });

  await condition(() => requests.size > 0, '1 minute');
  for (let next = first(requests); next; next = first(requests)) {
    if (workflowInfo().continueAsNewSuggested) {
      return continueAsNew<typeof model>({ name, waiting: [...requests.values()] });
    }
    const answer = await register(next);
    requests.delete(holderKey(next.holder));
    await tell(next.holder, answer);
  }
}

async function register(request: RegistrationRequest): Promise<RegistrationAnswer> {
  try {
    return { kind: 'registered', version: await cloudSteps().registerModel(request) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { kind: 'refused', failure: toFailure(error) };
  }
}

/** A run that has ended meanwhile needs no answer. */
async function tell(holder: Holder, answer: RegistrationAnswer): Promise<void> {
  const run = getExternalWorkflowHandle(holder.workflowId, holder.runId);
  try {
    await run.signal(SIGNAL.versionRegistered, answer, holder);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the run that asked has ended', { workflowId: holder.workflowId });
  }
}

const first = <T>(map: ReadonlyMap<string, T>): T | undefined => map.values().next().value;
