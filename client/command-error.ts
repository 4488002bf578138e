import type { Failure } from '../domain/failure.ts';
import { EXIT_CODE, type ExitCode } from './exit-code.ts';

/** One fault of what the user gave: in which file and line, at which path, which rule it breaks. */
export interface Fault {
  readonly file?: string;
  readonly line?: number;
  readonly path: string;
  readonly rule: string;
  readonly value?: string;
}

/** What a command says when it does not do what it was asked: one cause, every fault, what to do next; never a stack. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  readonly failure: Failure;
  readonly faults: readonly Fault[];

  constructor(exitCode: ExitCode, failure: Failure, faults: readonly Fault[] = []) {
    super(failure.cause);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.failure = failure;
    this.faults = faults;
  }
}

/** Exit 2: nothing was done. */
export function refused(cause: string, faults: readonly Fault[], nextStep: string): CommandError {
  return new CommandError(EXIT_CODE.refused, { class: 'input', type: 'InvalidInput', cause, nextStep }, faults);
}

/** Exit 3. */
export function unreachable(cause: string, nextStep: string): CommandError {
  return new CommandError(EXIT_CODE.unreachable, { class: 'network', type: 'Unreachable', cause, nextStep });
}

/** Exit 1. */
export function failed(failure: Failure): CommandError {
  return new CommandError(EXIT_CODE.failed, failure);
}
