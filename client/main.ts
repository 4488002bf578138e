import { CommanderError } from 'commander';
import { program, usageText } from './commands/program.ts';
import { EXIT_CODE } from './exit-code.ts';

process.exitCode = await main(process.argv.slice(2));
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((written) => stream.write('', written))),
);
process.exit();

/** The `edge-train` command. Each verb's code is loaded only when it is called: `--help` must be quick. */
async function main(argv: string[]): Promise<number> {
  quietWhenReaderLeaves();
  let exitCode: number = EXIT_CODE.done;
  const json = argv.includes('--json');
  const edgeTrain = program((code) => (exitCode = code), { quiet: json });
  try {
    await edgeTrain.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODE.done;
    if (error instanceof CommanderError && !json) return EXIT_CODE.refused;
    const { reportError } = await import('./show/error.ts');
    if (!(error instanceof CommanderError)) return reportError(error, json);
    const { refused } = await import('./command-error.ts');
    const cause = error.code === 'commander.help' ? 'A command is missing.' : usageText(error.message);
    return reportError(refused(cause, [], 'See edge-train --help.'), json);
  }
}

/** `edge-train status … | head` is no error. Whoever has something to end in order hears of it as of a hang-up. */
function quietWhenReaderLeaves(): void {
  let left = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error; // EIO: the terminal is gone
      if (left) return;
      left = true;
      if (!process.emit('SIGHUP', 'SIGHUP')) process.exit(process.exitCode ?? EXIT_CODE.done);
    });
  }
}
