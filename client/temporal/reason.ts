import { DecisionPredicate } from '../../domain/statement.ts';
import { parse } from '../../domain/validation.ts';
import { refused } from '../command-error.ts';

/** What was given as --reason. @throws CommandError exit 2, before anything is asked of Temporal */
export function checkedReason(given: string): string {
  const parsed = parse(DecisionPredicate.shape.reason, given);
  if (parsed.ok) return parsed.value;
  const faults = parsed.issues.map((issue) => ({ ...issue, path: '--reason' }));
  throw refused(
    'The reason is refused; nothing was done.',
    faults,
    'Give a reason of 1 to 1000 characters, in one line.',
  );
}
