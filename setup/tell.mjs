import { SetupProblem } from './problem.mjs';

/**
 * Tells why set-up failed, and picks the exit code: 3 when a person has to do something first, else 1.
 * @param {unknown} error
 */
export function tell(error) {
  if (error instanceof SetupProblem) {
    console.error(`edge-train: ${error.message}`);
    return 3;
  }
  console.error(`edge-train: set-up failed: ${error instanceof Error ? error.message : error}`);
  return 1;
}
