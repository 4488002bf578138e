import type { Command } from 'commander';
import { config, examples, json, site, type Done } from './options.ts';

/** Models, their versions, and the names that move. */
export function addModelCommands(program: Command, done: Done): void {
  const models = program.command('models').description('models, their versions, and the names that move');

  models
    .command('promote')
    .description('let an alias name this version, in Azure ML and in the registry')
    .argument('<model:version>', 'the model, and its version')
    .option('--alias <name>', 'which alias', 'champion')
    .addOption(site('the site that the model belongs to; default: the only one of client.yml'))
    .addOption(json())
    .addOption(config())
    .addHelpText(
      'after',
      examples('models promote breast-cancer:3', 'models promote breast-cancer:4 --alias challenger'),
    )
    .action(async (model: string, options) =>
      done(await (await import('../models/promote.ts')).changeModel('promote', model, options)),
    );
}
