import { SetupProblem } from './problem.mjs';

/**
 * Picks what is right for this machine out of a table by platform.
 * @template T
 * @param {Record<string, T>} table keys like `linux-x64`
 * @param {string} what
 * @param {string} [platform]
 * @returns {T}
 */
export function forPlatform(table, what, platform = `${process.platform}-${process.arch}`) {
  const entry = table[platform];
  if (entry) return entry;
  const known = Object.keys(table).join(', ');
  throw new SetupProblem(
    `${what} is brought for ${known}, this machine is ${platform}: run edge-train on one of those.`,
  );
}
