import type { Reason } from '../../../domain/verdict.ts';

/** What a recogniser found: why a file is not one whole file of its format, and nothing else. */
export type Fault = Extract<
  Reason,
  'not-whole' | 'trailing-bytes' | 'archive' | 'too-large-to-read' | 'unknown-format'
>;
