import { EXIT_CODE } from './exit-code.ts';
import type { SandboxEndedOutput } from './output.ts';
import { printJson } from './show/json.ts';

/** `edge-train sandbox start|stop|status|reset`. */
export async function sandbox(
  action: 'start' | 'stop' | 'status' | 'reset',
  options: { state?: string; json?: boolean; codec?: boolean },
): Promise<number> {
  const { statePaths } = await import('./sandbox/state-paths.ts');
  const paths = statePaths(options.state);
  const json = options.json ?? false;
  const say = (text: string) => process.stderr.write(`${text}\n`);
  switch (action) {
    case 'start': {
      const { startSandbox } = await import('./sandbox/start.ts');
      const { tellStarted } = await import('./sandbox/tell.ts');
      tellStarted(await startSandbox(paths, say, options), paths, json);
      return EXIT_CODE.done;
    }
    case 'status': {
      const { sandboxStatus, tellStatus } = await import('./sandbox/status.ts');
      return tellStatus(await sandboxStatus(paths), json);
    }
    case 'stop': {
      const { stopSandbox } = await import('./sandbox/stop.ts');
      await stopSandbox(paths, say);
      if (json) printJson<SandboxEndedOutput>({ ok: true, state: 'stopped' });
      return EXIT_CODE.done;
    }
    case 'reset': {
      const { resetSandbox } = await import('./sandbox/stop.ts');
      await resetSandbox(paths, say);
      if (json) printJson<SandboxEndedOutput>({ ok: true, state: 'absent' });
      return EXIT_CODE.done;
    }
  }
}
