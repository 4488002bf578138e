import { z } from 'zod';
import { TrialParameters } from './sweep.ts';

/** A trial that has begun. */
export const TrialStatus = z.strictObject({
  number: z.int().min(1),
  workflowId: z.string(),
  /** `stopped`: by the sweep's `early_termination`. */
  state: z.enum(['running', 'done', 'failed', 'cancelled', 'stopped']),
  parameters: TrialParameters,
  /** The primary metric. */
  value: z.number().optional(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  detail: z.string().optional(),
});
export type TrialStatus = z.infer<typeof TrialStatus>;
