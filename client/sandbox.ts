import { EXIT_CODE } from './exit-code.ts';

/** `edge-train sandbox start|stop|status|reset`. */
export async function sandbox(
  action: 'start' | 'stop' | 'status' | 'reset',
  options: { state?: string; json?: boolean },
): Promise<number> {
  const { statePaths } = await import('./sandbox/state-paths.ts');
  const paths = statePaths(options.state);
  const json = options.json ?? false;
  const say = (text: string) => process.stderr.write(`${text}\n`);
  switch (action) {
    case 'start': {
      const { startSandbox } = await import('./sandbox/start.ts');
      const { tellStarted } = await import('./sandbox/tell.ts');
      tellStarted(await startSandbox(paths, say), paths, json);
      return EXIT_CODE.done;
    }
    case 'status': {
      const { sandboxStatus, tellStatus } = await import('./sandbox/status.ts');
      return tellStatus(await sandboxStatus(paths), json);
    }
    case 'stop': {
      const { stopSandbox } = await import('./sandbox/stop.ts');
      await stopSandbox(paths, say);
      if (json) process.stdout.write(`${JSON.stringify({ ok: true, state: 'stopped' })}\n`);
      return EXIT_CODE.done;
    }
    case 'reset': {
      const { resetSandbox } = await import('./sandbox/stop.ts');
      await resetSandbox(paths, say);
      if (json) process.stdout.write(`${JSON.stringify({ ok: true, state: 'absent' })}\n`);
      return EXIT_CODE.done;
    }
  }
}
