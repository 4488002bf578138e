/** What every command ends with. */
export const EXIT_CODE = { done: 0, failed: 1, refused: 2, unreachable: 3, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE];
