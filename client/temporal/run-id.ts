import { z } from 'zod';
import { parse } from '../../domain/validation.ts';
import { refused } from '../command-error.ts';

/** Temporal takes ids of up to 1,000 characters. */
const RunId = z
  .string()
  .min(1, 'a run is named by its workflow id')
  .max(1000, 'a workflow id has at most 1000 characters')
  .regex(/^[^\p{Cc}\p{Surrogate}\ufffd]*$/u, 'a workflow id has no control characters');

/** What a user gave as RUN. @throws CommandError exit 2, before anything is asked of Temporal */
export function checkedRunId(given: string): string {
  const parsed = parse(RunId, given);
  if (parsed.ok) return parsed.value;
  const faults = parsed.issues.map((issue) => ({ ...issue, path: 'RUN' }));
  throw refused('That is no run.', faults, 'Name a workflow id, as `edge-train run` and `edge-train list` print it.');
}
