import { log, type WorkflowInterceptors } from '@temporalio/workflow';
import { ENCRYPT_IT, isRefusedPayload } from '../domain/payload-codec.ts';
import { failWith } from './failure.ts';

/**
 * Where the codec has refused a plaintext payload, the workflow fails (an update or a step: that one does) with words for
 * it, instead of failing its task over and over. A signal is dropped: whoever may send one must not be able to end a run.
 */
export const interceptors = (): WorkflowInterceptors => ({
  inbound: [
    {
      async execute(input, next) {
        refuse('the workflow’s input', input.args);
        return next(input);
      },
      async handleSignal(input, next) {
        if (input.args.some(isRefusedPayload))
          log.warn('a signal in plaintext was dropped', { signal: input.signalName });
        else await next(input);
      },
      async handleUpdate(input, next) {
        refuse(`the update ${input.name}`, input.args);
        return next(input);
      },
    },
  ],
  outbound: [
    {
      async scheduleActivity(input, next) {
        const result = await next(input);
        refuse(`the answer of the step ${input.activityType}`, [result]);
        return result;
      },
      async startChildWorkflowExecution(input, next) {
        const [started, ended] = await next(input);
        const checked = ended.then((result) => {
          refuse(`the result of the workflow ${input.workflowType}`, [result]);
          return result;
        });
        return [started, checked];
      },
    },
  ],
});

function refuse(what: string, values: readonly unknown[]): void {
  if (!values.some(isRefusedPayload)) return;
  throw failWith({
    class: 'policy',
    type: 'PlaintextRefused',
    cause: `Plaintext is refused here (codec.required), and ${what} came without encryption.`,
    nextStep: ENCRYPT_IT,
  });
}
