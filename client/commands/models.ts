import type { Command } from 'commander';
import { config, examples, json, site, type Done } from './options.ts';

const OWNER = 'the site that the model belongs to; default: the only one of client.yml';

/** Models, their versions, and the names that move. */
export function addModelCommands(program: Command, done: Done): void {
  const models = program.command('models').description('models, their versions, and the names that move');

  models
    .command('list')
    .description('each model with its newest version, its aliases and how many versions it has')
    .addOption(site('of this site only; default: all of client.yml'))
    .addOption(json())
    .addOption(config())
    .addHelpText('after', examples('models list'))
    .action(async (options) => done(await (await import('../models/list.ts')).listModels(options)));

  models
    .command('show')
    .description('the versions of a model; or of one version its tags, its image and where it comes from')
    .argument('<model[:version|@alias]>', 'the model, or one version of it')
    .addOption(site(OWNER))
    .addOption(json())
    .addOption(config())
    .addHelpText('after', examples('models show breast-cancer', 'models show breast-cancer@champion'))
    .action(async (model: string, options) =>
      done(await (await import('../models/show.ts')).showModel(model, options)),
    );

  models
    .command('promote')
    .description('let an alias name this version, in Azure ML and in the registry')
    .argument('<model:version>', 'the model, and its version')
    .option('--alias <name>', 'which alias', 'champion')
    .addOption(site(OWNER))
    .addOption(json())
    .addOption(config())
    .addHelpText(
      'after',
      examples('models promote breast-cancer:3', 'models promote breast-cancer:4 --alias challenger'),
    )
    .action(async (model: string, options) =>
      done(await (await import('../models/change.ts')).changeModel('promote', model, options)),
    );

  for (const [action, what] of [
    ['archive', 'take a version out of what is deployed; it keeps its number, its files and its image'],
    ['restore', 'put an archived version back'],
  ] as const)
    models
      .command(action)
      .description(what)
      .argument('<model:version>', 'the model, and its version')
      .addOption(site(OWNER))
      .addOption(json())
      .addOption(config())
      .addHelpText('after', examples(`models ${action} breast-cancer:3`))
      .action(async (model: string, options) =>
        done(await (await import('../models/change.ts')).changeModel(action, model, options)),
      );

  models
    .command('diff')
    .description('what two versions differ in: lineage, tags, parameters, metrics, files')
    .argument('<model[:version|@alias]>', 'the one')
    .argument('<model[:version|@alias]>', 'the other; of the same model :VERSION or @ALIAS is enough')
    .addOption(site(OWNER))
    .addOption(json())
    .addOption(config())
    .addHelpText(
      'after',
      examples('models diff breast-cancer:2 breast-cancer:3', 'models diff breast-cancer@champion :3'),
    )
    .action(async (one: string, other: string, options) =>
      done(await (await import('../models/diff.ts')).diffVersions([one, other], options)),
    );
}
