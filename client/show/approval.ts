import type { Examined } from '../../domain/release.ts';
import type { RunStatus } from '../../domain/run-status.ts';
import { bytesText, count } from '../../domain/amount-text.ts';
import { formText, REASONS } from '../../domain/verdict.ts';
import { printable } from './text.ts';

/** Every file that would leave the site, with its size, digest and what the gate is unsure of: what a decision is about. */
export function leaving({ artifacts, verdicts }: Examined): string[] {
  const bytes = artifacts.reduce((sum, artifact) => sum + artifact.bytes, 0);
  return [
    `Would leave the site: ${count(artifacts.length, 'file')}, ${bytesText(bytes)}`,
    ...artifacts.map(({ path, bytes, sha256 }) => {
      const verdict = verdicts.find((each) => each.path === path);
      const form = verdict ? formText(verdict, bytes) : '';
      return `  ${printable(path)} ${bytesText(bytes)} ${sha256.slice(0, 12)}${form === '' ? '' : `  ${form}`}`;
    }),
    ...[...new Set(verdicts.flatMap(({ reasons }) => reasons))].map((reason) => {
      const having = verdicts.filter(({ reasons }) => reasons.includes(reason)).map(({ path }) => printable(path));
      return `Look at ${having.join(', ')}: ${REASONS[reason].text}`;
    }),
  ];
}

/** What a run waits for, and how it is given. */
export function awaited(asked: NonNullable<RunStatus['approval']>, workflowId: string): string[] {
  const how = `${workflowId} --reason TEXT --release ${asked.release.slice(0, 12)}`;
  return [...leaving(asked), `Let it go:  edge-train approve ${how}`, `Keep it:    edge-train reject ${how}`];
}
