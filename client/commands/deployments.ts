import { Option, type Command } from 'commander';
import { config, examples, json, site, type Done } from './options.ts';

/** Released models that serve at a site. */
export function addDeploymentCommands(program: Command, done: Done): void {
  program
    .command('deploy')
    .description(
      'let a released model serve on a VM of its site, or in the cloud; what serves before goes on until the new version holds',
    )
    .argument('<model[:version|@alias]>', 'the model, and its version or an alias; without one the newest')
    .requiredOption('--to <site|cloud>', 'the site at which it was trained, or an online endpoint of Azure ML')
    .addOption(site('with --to cloud: the site at which it was trained; default: the only one of client.yml'))
    .option('--virtual-machine <name>', 'on which VM or host; default: where it serves, else as site.yml has it')
    .option('--detach', 'start, and do not watch')
    .addOption(json('one JSON object at the end instead of progress'))
    .addOption(config())
    .addHelpText(
      'after',
      examples(
        'deploy breast-cancer@champion --to demo',
        'deploy breast-cancer:3 --to demo --detach',
        'deploy breast-cancer --to cloud',
      ),
    )
    .action(async (model: string, options) =>
      done(await (await import('../deploy.ts')).deploy('deploy', model, options)),
    );

  for (const [action, what] of [
    ['rollback', 'let the version serve that served before, by the same way'],
    ['undeploy', 'let no version of the model serve any more'],
  ] as const)
    program
      .command(action)
      .description(what)
      .argument('<model>', 'the model')
      .option('--to <site|cloud>', 'where it serves, as deploy was told; default: the only site of client.yml')
      .addOption(site('the same as --to SITE; for a model in the cloud: the site at which it was trained'))
      .addOption(new Option('--cloud', 'the same as --to cloud').conflicts('to'))
      .option('--detach', 'start, and do not watch')
      .addOption(json('one JSON object at the end instead of progress'))
      .addOption(config())
      .addHelpText('after', examples(`${action} breast-cancer`, `${action} breast-cancer --to cloud`))
      .action(async (model: string, options) =>
        done(await (await import('../deploy.ts')).deploy(action, model, options)),
      );

  const deployments = program.command('deployments').description('what serves at a site and in the cloud');
  deployments
    .command('list')
    .description('which version of which model serves, and where it is asked')
    .addOption(site('of this site only; default: all of client.yml'))
    .addOption(json())
    .addOption(config())
    .addHelpText('after', examples('deployments list'))
    .action(async (options) => done(await (await import('../deployments.ts')).listDeployments(options)));

  deployments
    .command('certificate')
    .description('whom to trust when a model is asked on site by https: a PEM')
    .argument('<model>', 'the model')
    .addOption(site('at which site; default: all of client.yml'))
    .addOption(config())
    .addHelpText('after', examples('deployments certificate breast-cancer > breast-cancer.pem'))
    .action(async (model: string, options) =>
      done(await (await import('../deploy/certificate.ts')).tellCertificate(model, options)),
    );

  deployments
    .command('key')
    .description('make a key with which a model is asked from another machine, and what site.yml says of it')
    .argument('<name>', 'whose it is: a-z, 0-9 and -')
    .addOption(json())
    .addHelpText('after', examples('deployments key ward-7'))
    .action(async (name: string, options) => done((await import('../deploy/key.ts')).makeKey(name, options)));
}
