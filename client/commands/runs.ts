import { Option, type Command } from 'commander';
import { collect, config, examples, json, site, type Done } from './options.ts';

/** Starting runs, and everything that is done to one. */
export function addRunCommands(program: Command, done: Done): void {
  addTrainingOptions(
    program
      .command('run')
      .description('train: FILE is a training.yml, or an Azure ML command job with --site and --model')
      .argument('<file>', 'training.yml or an Azure ML CLI v2 command job'),
  )
    .addOption(
      new Option(
        '--print-input',
        'upload the code, print the JSON that starts the run in the Temporal UI, and stop',
      ).conflicts('detach'),
    )
    .option('--detach', 'start, and do not watch')
    .addOption(
      new Option(
        '--local',
        'for writing scripts: on a VM of the sandbox on this machine, with samples of the data; its log is shown, Ctrl-C cancels it',
      ).conflicts(['site', 'detach', 'printInput', 'after', 'deploy']),
    )
    .option('--sample <name=path>', 'with --local: a file or folder that is an input; may be given again', collect, [])
    .option('--outputs <dir>', 'with --local: where the script’s outputs are brought')
    .option('--state <dir>', 'with --local: where the sandbox’s state is; default: .edge-train in the clone')
    .addOption(json('one JSON object at the end instead of progress'))
    .addOption(config())
    .addHelpText(
      'after',
      examples(
        'run examples/breast-cancer/training.yml',
        'run job.yml --site demo --model heart --set inputs.rate=0.1',
        'run training.yml --detach --json',
        'run job.yml --local --sample data=./sample.csv --outputs ./out',
      ),
    )
    .action(async (file: string, options) =>
      done(
        await (options.local ? (await import('../local.ts')).runLocal : (await import('../run.ts')).run)(file, options),
      ),
    );

  program
    .command('list')
    .description('runs, those that go on first')
    .addOption(site('runs of this site; its Temporal profile, where it has one of its own'))
    .option('--model <name>', 'runs that train this model')
    .option('--status <status>', 'runs that stand so, in Azure ML’s words: Running, Completed, Failed …')
    .option('--limit <number>', 'how many at most, 1 to 1000', '20')
    .addOption(json())
    .addOption(config())
    .addHelpText('after', examples('list', 'list --site demo --model heart --status Failed --limit 5'))
    .action(async (options) => done(await (await import('../list.ts')).list(options)));

  onRun(program, 'status', 'how a run stands')
    .addOption(json())
    .addHelpText('after', examples('status train-demo-heart-0123456789ab'))
    .action(async (run: string, options) => done(await (await import('../status.ts')).status(run, options)));

  onRun(program, 'watch', 'watch a run to its end; Ctrl-C ends the watching, never the run')
    .addOption(json('one JSON object at the end instead of progress'))
    .addHelpText('after', examples('watch train-demo-heart-0123456789ab'))
    .action(async (run: string, options) => done(await (await import('../watch.ts')).watchRun(run, options)));

  onRun(program, 'logs', 'what a run’s script said, read from the site’s own storage')
    .option('--follow', 'go on until the run has ended')
    .addOption(json('where the log is, instead of its text').conflicts('follow'))
    .addHelpText('after', examples('logs train-demo-heart-0123456789ab --follow'))
    .action(async (run: string, options) => done(await (await import('../logs.ts')).logs(run, options)));

  onRun(program, 'metrics', 'what a run’s script has logged: curves in the terminal, or a report')
    .option('--html <file>', 'write a report that opens in any browser, without a network')
    .addOption(json())
    .addHelpText('after', examples('metrics train-demo-heart-0123456789ab --html report.html'))
    .action(async (run: string, options) => done(await (await import('../metrics.ts')).metrics(run, options)));

  onRun(program, 'cancel', 'cancel a run, and watch how it undoes what it made; exit 0 when it is cancelled')
    .option('--reason <text>', 'why, for the run’s history')
    .option('--detach', 'ask for it, and do not watch')
    .addOption(json('one JSON object at the end instead of progress'))
    .addHelpText('after', examples('cancel train-demo-heart-0123456789ab --reason "wrong data"'))
    .action(async (run: string, options) => done(await (await import('../cancel.ts')).cancel(run, options)));

  for (const [decision, what] of [
    ['approve', 'let a run’s model leave the site: shows what would leave, and signs for just that'],
    ['reject', 'keep a run’s model on site; the run ends as rejected'],
  ] as const)
    onRun(program, decision, what)
      .requiredOption('--reason <text>', 'why; it is signed, and stands in the receipt')
      .option('--release <digest>', 'only if it is this release that waits: its digest, or the head of it')
      .addOption(json())
      .addOption(
        new Option('--once', 'only this release, where the site would take the word for later ones too').hideHelp(
          decision === 'reject',
        ),
      )
      .addHelpText('after', examples(`${decision} train-demo-heart-0123456789ab --reason "reviewed with Dr. Sommer"`))
      .action(async (run: string, options) =>
        done(await (await import('../decide.ts')).decide(decision, run, options)),
      );
}

/** What `run` and `schedule create` make of a file. */
export function addTrainingOptions(command: Command): Command {
  return command
    .option('--site <name>', 'where to train (job files only)')
    .option('--model <name>', 'what the model is called (job files only)')
    .option('--model-path <output>', 'the output that is the model, or a folder below it (job files only)')
    .option('--input <name=store/path>', 'what an input is on site; may be given again', collect, [])
    .option('--set <path=value>', 'a field of the job file, its value as YAML; may be given again', collect, [])
    .addOption(new Option('--after <what>', 'what becomes of the VM').choices(['keep', 'deallocate', 'delete']))
    .addOption(
      new Option(
        '--deploy <where>',
        'let the new version serve when it is made: on a VM of the site, or in the cloud',
      ).choices(['site', 'cloud']),
    );
}

/** A command on one run. */
function onRun(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('<run>', 'workflow id, as `run` and `list` print it')
    .addOption(site())
    .addOption(config());
}
