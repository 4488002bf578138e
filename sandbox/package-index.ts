import { join } from 'node:path';
import { runProgram } from './run-program.ts';

/** Where this machine's pip gets packages from; VMs use the same, through the uplink. */
export interface PackageIndex {
  url: string;
  /** HOST:PORT of the index and of the files that it links to. */
  hosts: string[];
}

/**
 * Reads pip's own configuration (files, PIP_* variables, else pip's default), asks that index for one project, and takes
 * the hosts of its links. `problem` says why the hosts may be incomplete; the caller asks again at the next start.
 */
export async function readPackageIndex(): Promise<{ index?: PackageIndex; problem?: string }> {
  try {
    const { exitCode, stdout, stderr } = await runProgram('python3', [join(import.meta.dirname, 'package-index.py')]);
    if (exitCode !== 0) return { problem: `pip does not tell its index: ${stderr.trim().split('\n').at(-1)}` };
    const answer = JSON.parse(stdout) as { url: string | null; hosts: string[]; problems: string[] };
    if (!answer.url) return { problem: 'pip is told to use no index (no-index)' };
    const problem =
      answer.problems.length > 0 ? `no answer from the package index ${answer.problems.join(', ')}` : undefined;
    return { index: { url: answer.url, hosts: answer.hosts }, problem };
  } catch (error) {
    return { problem: `pip cannot be asked for its index (${error instanceof Error ? error.message : String(error)})` };
  }
}
