import { styleText } from 'node:util';
import type { Check } from '../../domain/check.ts';
import type { DoctorReport } from '../doctor.ts';
import { colours } from '../show/progress.ts';
import { count } from '../../domain/amount-text.ts';
import { printable } from '../show/text.ts';

const MARKS = { ok: ['✓', 'green'], fault: ['✗', 'red'], unknown: ['?', 'yellow'] } as const;

/** A line a check, what to do below it, and how many faults there are; or one JSON object. */
export function tellChecks(report: DoctorReport, json: boolean): void {
  const out = process.stdout;
  if (json) return void out.write(`${JSON.stringify(report)}\n`);
  for (const line of checkLines(report, colours(out))) out.write(`${line}\n`);
}

export function checkLines({ site, checks }: DoctorReport, colour = false): string[] {
  const [whereWidth, nameWidth] = [widest(checks, 'where'), widest(checks, 'name')];
  const faults = checks.filter(({ state }) => state === 'fault').length;
  const lines = checks.flatMap((check) => {
    const [mark, style] = MARKS[check.state];
    const columns = [check.where.padEnd(whereWidth), check.name.padEnd(nameWidth), check.detail].map(printable);
    const shown = colour ? styleText(style, mark, { validateStream: false }) : mark;
    const fix =
      check.fix === undefined ? [] : [`    ${check.state === 'fault' ? 'Fix' : 'Note'}: ${printable(check.fix)}`];
    return [`${shown} ${columns.join('  ')}`, ...fix];
  });
  return [...lines, faults === 0 ? `All is well at ${site}.` : `${count(faults, 'fault')} at ${site}.`];
}

const widest = (checks: readonly Check[], key: 'where' | 'name'): number =>
  Math.max(0, ...checks.map((check) => check[key].length));
