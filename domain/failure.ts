import { z } from 'zod';

/** Whose turn it is when a run fails. `internal` is ours. */
export const FailureClass = z.enum(['input', 'script', 'data', 'host', 'network', 'quota', 'policy', 'internal']);
export type FailureClass = z.infer<typeof FailureClass>;

/** A failure in the same words everywhere: the command, the Temporal UI and `--json`. Holds no output of a script. */
export const Failure = z.strictObject({
  class: FailureClass,
  /** A fixed word such as `InvalidInput`, `ScriptFailed`, `GrantExpired`: what code may decide on. */
  type: z.string(),
  cause: z.string(),
  nextStep: z.string(),
});
export type Failure = z.infer<typeof Failure>;
