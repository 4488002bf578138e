import { shown } from '../../domain/validation.ts';
import { CommandError, type Fault } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { printable } from './text.ts';

/** Tells an error on stderr (with `--json`: as one object on stdout) and returns the exit code. Never a stack. */
export function reportError(error: unknown, json: boolean): number {
  const told = toCommandError(error);
  const { exitCode, failure, faults } = told;
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, exitCode, failure, faults })}\n`);
  else process.stderr.write(errorText(told));
  return exitCode;
}

/** One cause, every fault with its place and rule, and what to do next. */
export function errorText({ failure, faults }: CommandError): string {
  const lines = [
    `edge-train: ${printable(failure.cause)}`,
    ...faults.map((fault) => `  ${describeFault(fault)}`),
    `Next: ${printable(failure.nextStep)}`,
  ];
  return `${lines.join('\n')}\n`;
}

export function describeFault({ file, line, path, rule, value }: Fault): string {
  const where = [file === undefined ? '' : printable(file) + (line === undefined ? '' : `:${line}`), printable(path)];
  const was = value === undefined ? '' : ` (was ${value})`;
  return `${where.filter((part) => part !== '').join(': ')}: ${printable(rule)}${was}`;
}

/** Errors of services bring their own cause and next step; anything else is a fault of ours. */
export function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  const known = error as { class?: unknown; type?: unknown; nextStep?: unknown; message?: unknown };
  if (error instanceof Error && typeof known.class === 'string' && typeof known.nextStep === 'string') {
    return new CommandError(known.class === 'network' ? EXIT_CODE.unreachable : EXIT_CODE.failed, {
      class: known.class as never,
      type: String(known.type),
      cause: error.message,
      nextStep: known.nextStep,
    });
  }
  return new CommandError(EXIT_CODE.failed, {
    class: 'internal',
    type: 'Unexpected',
    cause: `Something unforeseen happened: ${shown(error instanceof Error ? error.message : String(error))}`,
    nextStep: 'This is likely a fault of edge-train: report it with what you ran.',
  });
}
