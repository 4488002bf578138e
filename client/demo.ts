import { join } from 'node:path';
import { alone } from './demo/alone.ts';
import { demoSteps } from './demo/steps.ts';
import { EXIT_CODE } from './exit-code.ts';
import { forgetTemporalProfile } from './sandbox/own-temporal.ts';
import { ROOT, statePaths, type StatePaths } from './sandbox/state-paths.ts';

/** `npm start`: the example from end to end, then everything stops. What was made stays until `sandbox reset`. */
export async function demo({ keep = false, state }: { keep?: boolean; state?: string }): Promise<number> {
  forgetTemporalProfile();
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort(new Error('interrupted'));
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const paths = statePaths(state);
  try {
    const say = (text: string) => process.stdout.write(`${text}\n`);
    const exitCode = await alone(paths, say, interrupt.signal, () => fromEndToEnd(paths, keep, interrupt.signal));
    return exitCode ?? EXIT_CODE.interrupted;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Stopping is not interrupted: a second Ctrl-C, or a signal that comes by two ways, would leave things running. */
async function fromEndToEnd(paths: StatePaths, keep: boolean, signal: AbortSignal): Promise<number> {
  const steps = demoSteps(paths, join(ROOT, 'examples', 'breast-cancer'));
  const begun = Date.now();
  try {
    const info = await steps.start();
    const { exitCode, result } = await steps.train(signal);
    if (!result) return exitCode;
    await steps.predict(info, result, signal);
    if (keep) await steps.keepUp(info, result, signal);
    return EXIT_CODE.done;
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write('\nInterrupted. What had begun goes on at the next npm start.\n');
    return EXIT_CODE.interrupted;
  } finally {
    await steps.stop();
    await steps.tellUplink(begun, keep);
  }
}
