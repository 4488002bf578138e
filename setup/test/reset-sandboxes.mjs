import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { node, root } from '../paths.mjs';
import { run } from '../process.mjs';

/** The files by which a sandbox's state folder is known. */
const marks = ['state.json', 'sandbox.json', 'programs.json'];

/**
 * Resets every sandbox whose state lies in a folder, then removes containers and networks that still carry its label.
 * @param {string} folder
 * @returns {Promise<string[]>} what was found and taken away
 */
export async function resetSandboxes(folder) {
  const told = [];
  for (const state of await stateFolders(folder)) {
    const reset = run(node, ['sandbox/main.ts', 'reset', '--state', state], { cwd: root });
    told.push(
      await reset.then(
        () => `reset the sandbox in ${state}`,
        (error) => `the sandbox in ${state} could not be reset: ${error.message}`,
      ),
    );
  }
  return [...told, ...(await removeLabelled(folder))];
}

/** @param {string} folder */
async function stateFolders(folder) {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true });
  const found = entries.filter((entry) => marks.includes(path.basename(entry)));
  return [...new Set(found.map((entry) => path.dirname(path.join(folder, entry))))];
}

/**
 * The sandbox labels what it makes with `edge-train.state=FOLDER`.
 * @param {string} folder
 */
async function removeLabelled(folder) {
  const told = [];
  for (const [kind, list, remove] of /** @type {[string, string[], string[]][]} */ ([
    ['container', ['ps', '--all'], ['rm', '--force', '--volumes']],
    ['network', ['network', 'ls'], ['network', 'rm']],
  ])) {
    const format = ['--filter', 'label=edge-train.state', '--format', '{{.ID}} {{.Label "edge-train.state"}}'];
    const listed = await run('docker', [...list, ...format]).catch(() => '');
    for (const line of listed.split('\n')) {
      const [id = '', state = ''] = line.split(' ');
      if (!state.startsWith(`${folder}/`)) continue;
      await run('docker', [...remove, id]).catch(() => '');
      told.push(`removed ${kind} ${id} of ${state}`);
    }
  }
  return told;
}
