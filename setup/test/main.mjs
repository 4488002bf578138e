import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { root, tools } from '../paths.mjs';
import { SetupProblem } from '../problem.mjs';
import { checks } from './checks.mjs';
import { dockerForTests } from './docker-for-tests.mjs';
import { findTests } from './find-tests.mjs';
import { runFiles } from './run-files.mjs';
import { beginRun } from './test-run.mjs';
import { Tally } from './tally.mjs';

/** A file that is still at work then is ended, and counts as failed: a hang must not eat CI's time. */
const unitLimit = 3 * 60_000;
const systemLimit = 15 * 60_000;
const wholeLimit = 80 * 60_000;
/**
 * They wait most of their time: for machines that boot, lines that are cut, scripts that train. One with a sandbox of its own
 * takes about half a core, so three keep two cores busy.
 */
const systemLanes = 3;

/**
 * `node setup/test/main.mjs all|unit|tools [FILES]`: runs the checks, the unit tests and the system tests, tells what happens,
 * takes away what the run made, and says last `tests: N passed, N failed`.
 * @param {string[]} argv
 */
async function main([which = 'all', ...only]) {
  const tally = new Tally((line) => console.log(line));
  const stop = stopSignal();
  const testRun = await beginRun(path.join(tools, 'test-runs'));
  /** @type {Docker} */
  const docker = { stop: async () => {} };
  try {
    await tests(which, only, tally, stop, docker);
  } catch (error) {
    tally.fail('the test run itself', error instanceof SetupProblem ? error.message : error);
  } finally {
    for (const line of await testRun.end()) console.log(line);
    await docker.stop();
  }
  return tally.finish();
}

/**
 * @param {string} which
 * @param {string[]} only
 * @param {Tally} tally
 * @param {AbortSignal} stop
 * @param {Docker} docker told how to stop the daemon, which is needed once more when the run is cleaned up
 */
async function tests(which, only, tally, stop, docker) {
  const { unit, system: ordinary, tools: long } = await findTests(root, only);
  const system = which === 'tools' ? long : ordinary;
  if (which === 'all' && only.length === 0) await checks(root, tally, stop);
  if (which !== 'tools' && unit.length > 0) {
    console.log(`\nUnit tests (${unit.length} files)`);
    await runFiles({ files: unit, together: true, limit: unitLimit, stop, tally, verbose: false });
  }
  if (which === 'unit' || system.length === 0) return;
  console.log(`\nSystem tests (${system.length} files, ${systemLanes} at a time)`);
  Object.assign(docker, await dockerForTests(tools));
  const waiting = longestFirst(system);
  const lane = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      await runFiles({ files: [file], together: false, limit: systemLimit, stop, tally, verbose: true });
    }
  };
  await Promise.all(Array.from({ length: systemLanes }, lane));
}

/** Those of the whole product take longest: begun last, one of them would end alone. @param {string[]} files */
function longestFirst(files) {
  const whole = (/** @type {string} */ file) => Number(file.startsWith(path.join(root, 'test', 'e2e')));
  return [...files].sort((a, b) => whole(b) - whole(a));
}

/** @typedef {{ stop: () => Promise<void> }} Docker */

/** Aborts on SIGINT, SIGTERM or SIGHUP, and when the whole time is up; a second signal ends the run without clean-up. */
function stopSignal() {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      console.log(`\n${signal}: the tests stop, and what they made is taken away.`);
      controller.abort(new Error(`stopped by ${signal}`));
    });
  }
  setTimeout(() => controller.abort(new Error('the time for the whole suite is up')), wholeLimit).unref();
  return controller.signal;
}

await mkdir(tools, { recursive: true });
// Some thousand programs are started, most of them from the same files: compiled code is kept, as bin/edge-train keeps it.
process.env.NODE_COMPILE_CACHE ??= path.join(tools, 'compile-cache');
process.exitCode = await main(process.argv.slice(2));
