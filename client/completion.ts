import type { Command } from 'commander';
import { bashCompletion } from './completion/bash.ts';
import { fishCompletion } from './completion/fish.ts';
import { completionTree } from './completion/tree.ts';
import { zshCompletion } from './completion/zsh.ts';
import { EXIT_CODE } from './exit-code.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** `edge-train completion SHELL`: a script that is made of the very commands that this program knows. */
export function completion(shell: keyof typeof SHELLS, program: Command): number {
  process.stdout.write(SHELLS[shell](completionTree(program)));
  return EXIT_CODE.done;
}
