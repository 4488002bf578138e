import type { Command } from 'commander';
import { config, examples, json, site, type Done } from './options.ts';

const WHAT = 'receipt.json, from the site’s run container or from beside the model (read offline), or a run';

/** Reading and checking receipts. Of a file both are done offline; of a run, Temporal is asked for it. */
export function addReceiptCommands(program: Command, done: Done): void {
  const receipt = program.command('receipt').description('what a run’s receipt says, and whether it holds');

  receipt
    .command('show')
    .description('what was trained on what, and what left; says nothing of the signature')
    .argument('<receipt>', WHAT)
    .addOption(site())
    .addOption(json())
    .addOption(config())
    .addHelpText('after', examples('receipt show receipt.json', 'receipt show train-demo-heart-0123456789ab'))
    .action(async (given: string, options) =>
      done(await (await import('../receipt/show.ts')).showReceipt(given, options)),
    );

  receipt
    .command('verify')
    .description(
      'check a receipt’s signature and form, and with --artifacts the files too; exit 1 where it does not hold',
    )
    .argument('<receipt>', WHAT)
    .requiredOption('--key <pemfile>', 'the site’s public key, SPKI PEM')
    .option('--artifacts <folder>', 'must hold exactly the files that the receipt names')
    .addOption(site())
    .addOption(json())
    .addOption(config())
    .addHelpText('after', examples('receipt verify receipt.json --key receipt.pub --artifacts model'))
    .action(async (given: string, options) =>
      done(await (await import('../receipt/verify.ts')).verifyReceiptFile(given, options)),
    );
}
