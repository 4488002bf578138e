import { join } from 'node:path';
import { demoSteps } from './demo/steps.ts';
import { EXIT_CODE } from './exit-code.ts';
import { ROOT, statePaths } from './sandbox/state-paths.ts';

/** `npm start`: the example from end to end, then everything stops. What was made stays until `sandbox reset`. */
export async function demo({ keep = false, state }: { keep?: boolean; state?: string }): Promise<number> {
  // The demo is for its own server, whatever profile its user has.
  for (const name of Object.keys(process.env)) if (name.startsWith('TEMPORAL_')) delete process.env[name];
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort(new Error('interrupted'));
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const steps = demoSteps(statePaths(state), join(ROOT, 'examples', 'breast-cancer'));
  const begun = Date.now();
  try {
    await steps.removeLeftovers();
    const info = await steps.start();
    interrupt.signal.throwIfAborted();
    const { exitCode, result } = await steps.train();
    interrupt.signal.throwIfAborted();
    if (!result) return exitCode;
    await steps.predict(info, result, interrupt.signal);
    if (keep) await steps.keepUp(info, result, interrupt.signal);
    return EXIT_CODE.done;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.stderr.write('\nInterrupted. What had begun goes on at the next npm start.\n');
    return EXIT_CODE.interrupted;
  } finally {
    await steps.stop();
    await steps.tellUplink(begun);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
