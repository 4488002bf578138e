import { Argument, type Command } from 'commander';
import { config, examples, json, site, type Done } from './options.ts';

/** What looks after a site, runs on this machine, or helps with this command. */
export function addLocalCommands(program: Command, done: Done): void {
  program
    .command('doctor')
    .description('look at endpoints, credentials, clocks, workers and versions of a site, and say what to do')
    .addOption(site('which one; may be left out where client.yml names only one'))
    .addOption(json())
    .addOption(config())
    .addHelpText('after', examples('doctor', 'doctor --site demo --json'))
    .action(async (options) => done(await (await import('../doctor.ts')).doctor(options)));

  program
    .command('worker')
    .description('run workers on this machine until they are stopped')
    .requiredOption('--role <roles>', 'cloud, site, or cloud,site')
    .option('--config <dir>', 'folder that holds cloud.yml and site.yml')
    .addHelpText('after', examples('worker --role cloud --config /etc/edge-train'))
    .action(async (options) => done(await (await import('../worker.ts')).worker(options)));

  program
    .command('sandbox')
    .description('Azure, Temporal and a worker on this machine: start, stop, status or reset')
    .addArgument(new Argument('<action>', 'what to do').choices(['start', 'stop', 'status', 'reset']))
    .option('--state <dir>', 'where its state is; default: .edge-train in the clone')
    .option('--codec', 'start: encrypt what is in Temporal, from now on until the reset')
    .addOption(json())
    .addHelpText('after', examples('sandbox start', 'sandbox status --json'))
    .action(async (action: 'start' | 'stop' | 'status' | 'reset', options) =>
      done(await (await import('../sandbox.ts')).sandbox(action, options)),
    );

  program
    .command('demo')
    .description('what `npm start` runs: sandbox, example, image, prediction')
    .option('--keep', 'leave everything up until Ctrl-C')
    .option('--state <dir>', 'where the state is; default: .edge-train in the clone')
    .addHelpText('after', examples('demo --keep'))
    .action(async (options) => done(await (await import('../demo.ts')).demo(options)));

  program
    .command('completion')
    .description('a script that completes edge-train’s commands in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(edge-train completion bash)
  $ edge-train completion fish > ~/.config/fish/completions/edge-train.fish`,
    )
    .action(async (shell: 'bash' | 'zsh' | 'fish') =>
      done((await import('../completion.ts')).completion(shell, program)),
    );
}
