import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { unmountBelow } from '../unmount.mjs';
import { endProcesses, startTime } from './run-processes.mjs';
import { resetSandboxes } from './reset-sandboxes.mjs';

/**
 * What marks everything that a run makes: its processes carry the variable, its files lie in the folder.
 * @typedef {{ id: string, folder: string, pid: number, started: string }} RunRecord
 */

/** The variable that every process of a test run inherits. */
export const runVariable = 'EDGE_TRAIN_TEST_RUN';

/**
 * Begins a test run: takes away what killed runs left, then gives this one a temporary folder of its own (TMPDIR) and a
 * mark that all its processes inherit.
 * @param {string} records where runs are noted, so that the next one finds those that were killed
 * @returns {Promise<{ end: () => Promise<string[]> }>} `end` takes away all that the run made and tells what that was
 */
export async function beginRun(records) {
  await mkdir(records, { recursive: true });
  for (const line of await cleanDeadRuns(records)) console.log(line);
  const folder = await mkdtemp(path.join(tmpdir(), 'edge-train-test-'));
  const id = path.basename(folder);
  const before = { TMPDIR: process.env.TMPDIR, [runVariable]: process.env[runVariable] };
  const record = { id, folder, pid: process.pid, started: startTime(process.pid) ?? '' };
  const file = path.join(records, `${id}.json`);
  await writeFile(file, JSON.stringify(record));
  Object.assign(process.env, { TMPDIR: folder, [runVariable]: id });
  return {
    async end() {
      const told = await clean(record);
      restore(before);
      await rm(file, { force: true });
      return told;
    },
  };
}

/** @param {string} records */
async function cleanDeadRuns(records) {
  const told = [];
  for (const name of await readdir(records)) {
    const file = path.join(records, name);
    const record = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
    if (record?.folder && startTime(record.pid) === record.started) continue;
    if (record?.folder)
      told.push(...(await clean(record)).map((line) => `left by a test run that was killed: ${line}`));
    await rm(file, { force: true });
  }
  return told;
}

/**
 * @param {RunRecord} record
 * @returns {Promise<string[]>} what was found and taken away
 */
async function clean({ id, folder }) {
  const told = await resetSandboxes(folder);
  told.push(...(await endProcesses(runVariable, id)));
  told.push(...unmountBelow(folder).map((point) => `unmounted ${point}`));
  await rm(folder, { recursive: true, force: true });
  return told;
}

/** @param {Record<string, string | undefined>} variables */
function restore(variables) {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
