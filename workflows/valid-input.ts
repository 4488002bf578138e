import { describeIssues, type Parsed } from '../domain/validation.ts';
import { failWith } from './failure.ts';
import { Progress } from './status.ts';

/**
 * In the first workflow task: an input from the Temporal UI or a schedule has passed no client.
 * @throws ApplicationFailure `InvalidInput`
 */
export function validInput<T>(input: Parsed<T>): T {
  if (input.ok) return input.value;
  const failure = {
    class: 'input',
    type: 'InvalidInput',
    cause: describeIssues(input.issues),
    nextStep: 'Correct what is named and start again; nothing was made and nothing was spent.',
  } as const;
  new Progress().fail(failure);
  throw failWith(failure, undefined, input.issues);
}
