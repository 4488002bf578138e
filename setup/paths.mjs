import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone's root. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** What set-up brings: programs, images, stamps. */
export const tools = path.join(root, '.tools');

/** The Node that everything but set-up itself runs on. */
export const node = path.join(tools, 'node', 'bin', 'node');

/**
 * The environment of everything that set-up starts: the clone's own Node comes first on PATH, and the folders where
 * Debian puts daemons are on it.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {NodeJS.ProcessEnv}
 */
export function programEnvironment(env = process.env) {
  const folders = [path.dirname(node), ...(env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return { ...env, PATH: [...new Set(folders.filter(Boolean))].join(':') };
}
