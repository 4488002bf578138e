import type { Release } from '../../domain/release.ts';
import { REASONS } from '../../domain/verdict.ts';
import { printable } from '../show/text.ts';

/** What the gate made of the model's files: what passed here may need an approver elsewhere. */
export function verdictLines({ verdicts }: Pick<Release, 'verdicts'>): string[] {
  const doubtful = verdicts.filter(({ verdict }) => verdict !== 'pass');
  if (doubtful.length === 0) return ['', 'The gate: each of the model’s files may leave.'];
  return [
    '',
    'The gate: the sandbox’s policy lets this model leave; another site may ask an approver for',
    ...doubtful.map(
      ({ path, reasons }) => `  ${printable(path)}: ${reasons.map((reason) => REASONS[reason].text).join('; ')}`,
    ),
  ];
}
