import { availableParallelism } from 'node:os';
import path from 'node:path';
import { run } from 'node:test';
import { inspect } from 'node:util';
import { root } from '../paths.mjs';

/** How much of what a failing file wrote is shown. */
const shownOutput = 20_000;

/**
 * Runs test files, each in a process of its own, and counts what they report. A file that declares no test, a test that
 * was skipped, and whatever was still at work when the time was up count as failed.
 *
 * @param {{ files: string[], together: boolean, limit: number, stop: AbortSignal, tally: import('./tally.mjs').Tally,
 *   verbose: boolean }} options `limit` in ms for all of these files; `verbose` tells every test, not only every file
 */
export async function runFiles({ files, together, limit, stop, tally, verbose }) {
  const time = AbortSignal.timeout(limit);
  const signal = AbortSignal.any([stop, time]);
  const concurrency = together ? availableParallelism() : 1;
  /** @type {Map<string, FileState>} */
  const states = new Map(files.map((file) => [file, { begun: Date.now(), passed: 0, failed: 0, output: '' }]));
  for await (const event of run({ files, concurrency, signal })) {
    const data = /** @type {any} */ (event.data);
    const entry = entryFile(data);
    const state = states.get(entry);
    if (!state) continue;
    const file = path.relative(root, entry);
    if (event.type === 'test:stdout' || event.type === 'test:stderr') keepOutput(state, data.message);
    if (event.type === 'test:diagnostic') keepOutput(state, `${data.message}\n`);
    if (event.type === 'test:dequeue' && data.nesting === 0 && isWholeFile(data)) state.begun = Date.now();
    if (event.type === 'test:pass') passed(state, file, data, tally, verbose);
    if (event.type === 'test:fail') failed(state, file, data, tally, signal);
  }
  for (const [file, state] of states) finishFile(path.relative(root, file), state, tally, verbose);
}

/** @typedef {{ begun: number, passed: number, failed: number, output: string }} FileState */

/**
 * @param {FileState} state
 * @param {string} file
 * @param {any} data
 * @param {import('./tally.mjs').Tally} tally
 * @param {boolean} verbose
 */
function passed(state, file, data, tally, verbose) {
  if (data.details?.type === 'suite' || isWholeFile(data)) return;
  if (data.skip !== undefined || data.todo !== undefined) {
    state.failed += 1;
    tally.fail(`${file} > ${data.name}`, 'was skipped or put off; every test must run');
    return;
  }
  state.passed += 1;
  tally.pass(verbose ? `  ✔ ${file} > ${data.name}, ${seconds(data.details.duration_ms)}` : undefined);
}

/**
 * @param {FileState} state
 * @param {string} file
 * @param {any} data
 * @param {import('./tally.mjs').Tally} tally
 * @param {AbortSignal} signal
 */
function failed(state, file, data, tally, signal) {
  const error = data.details?.error;
  if (data.details?.type === 'suite' && error?.failureType === 'subtestsFailed') return;
  state.failed += 1;
  const aborted = signal.aborted ? `ended by the test run: ${signal.reason?.message ?? signal.reason}\n` : '';
  tally.fail(isWholeFile(data) ? file : `${file} > ${data.name}`, `${aborted}${reason(error)}`);
}

/**
 * @param {string} file
 * @param {FileState} state
 * @param {import('./tally.mjs').Tally} tally
 * @param {boolean} verbose
 */
function finishFile(file, state, tally, verbose) {
  if (state.passed + state.failed === 0) {
    state.failed += 1;
    tally.fail(file, 'declares no test, or was not run');
  }
  if (state.failed > 0 && state.output) tally.log(`  what ${file} wrote:\n${state.output.replace(/^/gm, '      | ')}`);
  const mark = state.failed > 0 ? '✖' : '✔';
  const took = verbose ? `, ${seconds(Date.now() - state.begun)}` : '';
  tally.log(`  ${mark} ${file}: ${state.passed} passed${state.failed ? `, ${state.failed} failed` : ''}${took}`);
}

/** Node reports a file like a test when it declares none, or when it fails outside of them. @param {any} data */
function isWholeFile(data) {
  return data.nesting === 0 && path.resolve(root, data.name) === entryFile(data);
}

/** The file that was run; a test may be declared in one that it imports. @param {any} data */
function entryFile(data) {
  return path.resolve(root, data?.entryFile ?? data?.file ?? '');
}

/** @param {FileState} state @param {string} text */
function keepOutput(state, text) {
  state.output = (state.output + text).slice(-shownOutput);
}

/** @param {any} error Node's wrapper; the cause is what the test threw */
function reason(error) {
  const cause = error?.cause ?? error;
  return typeof cause?.stack === 'string' ? cause.stack : inspect(cause); // anything may be thrown
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
