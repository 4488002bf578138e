import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Unmounts what is mounted below a folder: its removal would reach into what is mounted. Nothing mounted is fine.
 * @param {string} folder
 * @returns {string[]} what was unmounted
 */
export function unmountBelow(folder) {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
    .filter((point) => point.startsWith(`${folder}/`))
    .reverse();
  for (const point of points) execFileSync('umount', ['--lazy', point]);
  return points;
}
