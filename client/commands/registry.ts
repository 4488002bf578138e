import type { Command } from 'commander';
import { config, examples, json, site, type Done } from './options.ts';

/** What is in the registry, beside what versions and aliases name. */
export function addRegistryCommands(program: Command, done: Done): void {
  program
    .command('registry')
    .description('the registry of models’ images')
    .command('gc')
    .description('remove images of a site’s models that no version, alias or deployment needs')
    .option('--dry-run', 'tell what would be removed, and remove nothing')
    .option('--model <name>', 'of this model only; default: all models of the site')
    .option('--older-than <hours>', 'what is younger stays, since a run may be making it', '72')
    .addOption(site('whose models; default: the only one of client.yml'))
    .addOption(json())
    .addOption(config())
    .addHelpText('after', examples('registry gc --dry-run', 'registry gc --model breast-cancer'))
    .action(async (options) => done(await (await import('../registry/clean.ts')).cleanRegistry(options)));
}
