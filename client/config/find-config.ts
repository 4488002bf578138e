import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { refused } from '../command-error.ts';

/**
 * The folder that holds client.yml: the one that was named (`--config`, EDGE_TRAIN_CONFIG), else the nearest
 * `.edge-train/` upward from here, else `~/.config/edge-train`.
 * @throws CommandError exit 2
 */
export function findConfig(named: string | undefined, from = process.cwd(), home = homedir()): string {
  if (named !== undefined) {
    const folder = resolve(from, named);
    if (existsSync(join(folder, 'client.yml'))) return folder;
    const fault = { path: '--config', rule: `has no client.yml in ${folder}` };
    throw refused('The configuration is not there.', [fault], NEXT);
  }
  const found = candidates(from, home).find((folder) => existsSync(join(folder, 'client.yml')));
  if (found) return found;
  const rule = 'was looked for in .edge-train/ here and in the folders above, and in ~/.config/edge-train';
  throw refused('There is no configuration.', [{ path: 'client.yml', rule }], NEXT);
}

function candidates(from: string, home: string): string[] {
  const upward: string[] = [];
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    upward.push(join(folder, '.edge-train'));
    if (dirname(folder) === folder) break;
  }
  return [...upward, join(home, '.config', 'edge-train')];
}

const NEXT = 'Run `edge-train sandbox start` to try edge-train on this machine, or name your folder with --config.';
