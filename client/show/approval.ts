import type { Artifact } from '../../domain/release.ts';
import type { RunStatus } from '../../domain/run-status.ts';
import { bytesText, count } from '../../domain/amount-text.ts';
import { printable } from './text.ts';

/** Every file that would leave the site, with its size and digest: what a decision is about. */
export function leaving(artifacts: readonly Artifact[]): string[] {
  const bytes = artifacts.reduce((sum, artifact) => sum + artifact.bytes, 0);
  return [
    `Would leave the site: ${count(artifacts.length, 'file')}, ${bytesText(bytes)}`,
    ...artifacts.map(({ path, bytes, sha256 }) => `  ${printable(path)} ${bytesText(bytes)} ${sha256.slice(0, 12)}`),
  ];
}

/** What a run waits for, and how it is given. */
export function awaited({ artifacts, release }: NonNullable<RunStatus['approval']>, workflowId: string): string[] {
  const how = `${workflowId} --reason TEXT --release ${release.slice(0, 12)}`;
  return [...leaving(artifacts), `Let it go:  edge-train approve ${how}`, `Keep it:    edge-train reject ${how}`];
}
