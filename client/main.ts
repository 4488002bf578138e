import { Command, CommanderError, Option } from 'commander';
import { EXIT_CODE } from './exit-code.ts';

const EXIT_CODES = `
Exit codes: 0 done, 1 failed or cancelled, 2 refused input, 3 cannot reach a service,
130 interrupted (interrupting never stops a run).`;

process.exitCode = await main(process.argv.slice(2));
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((written) => stream.write('', written))),
);
process.exit();

/** The `edge-train` command. Each verb's code is loaded only when it is called: `--help` must be quick. */
async function main(argv: string[]): Promise<number> {
  quietWhenReaderLeaves();
  let exitCode: number = EXIT_CODE.done;
  const program = edgeTrain((code) => (exitCode = code));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODE.done : EXIT_CODE.refused;
    const { reportError } = await import('./show/error.ts');
    return reportError(error, argv.includes('--json'));
  }
}

function edgeTrain(done: (exitCode: number) => void): Command {
  const program = new Command('edge-train')
    .description('Train Azure Machine Learning jobs where the data lives.')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(`edge-train: ${text.replace(/^error: /, '')}`) })
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES);
  const config = () => new Option('--config <dir>', 'folder that holds client.yml').env('EDGE_TRAIN_CONFIG');

  program
    .command('run')
    .description('train: FILE is a training.yml, or an Azure ML command job with --site and --model')
    .argument('<file>', 'training.yml or an Azure ML CLI v2 command job')
    .option('--site <name>', 'where to train (job files only)')
    .option('--model <name>', 'what the model is called (job files only)')
    .option('--model-path <output>', 'the output that is the model, or a folder below it (job files only)')
    .option('--input <name=store/path>', 'what an input is on site; may be given again', collect, [])
    .addOption(new Option('--after <what>', 'what becomes of the VM').choices(['keep', 'deallocate', 'delete']))
    .option('--print-input', 'upload the code, print the JSON that starts the run in the Temporal UI, and stop')
    .option('--detach', 'start, and do not watch')
    .option('--json', 'one JSON object at the end instead of progress')
    .addOption(config())
    .action(async (file: string, options) => done(await (await import('./run.ts')).run(file, options)));

  program
    .command('status')
    .description('how a run stands')
    .argument('<run>', 'workflow id, as `run` prints it')
    .option('--site <name>', 'the site’s Temporal profile, where it has one of its own')
    .option('--json', 'one JSON object')
    .addOption(config())
    .action(async (run: string, options) => done(await (await import('./status.ts')).status(run, options)));

  program
    .command('worker')
    .description('run workers on this machine until they are stopped')
    .requiredOption('--role <roles>', 'cloud, site, or cloud,site')
    .option('--config <dir>', 'folder that holds cloud.yml and site.yml')
    .action(async (options) => done(await (await import('./worker.ts')).worker(options)));

  program
    .command('sandbox')
    .description('Azure, Temporal and a worker on this machine: start, stop, status or reset')
    .argument('<action>', 'start, stop, status or reset')
    .option('--state <dir>', 'where its state is; default: .edge-train in the clone')
    .option('--json', 'one JSON object')
    .action(async (action: string, options) => done(await (await import('./sandbox.ts')).sandbox(action, options)));

  program
    .command('demo')
    .description('what `npm start` runs: sandbox, example, image, prediction')
    .option('--keep', 'leave everything up until Ctrl-C')
    .option('--state <dir>', 'where the state is; default: .edge-train in the clone')
    .action(async (options) => done(await (await import('./demo.ts')).demo(options)));

  return program;
}

function collect(value: string, all: string[]): string[] {
  return [...all, value];
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
