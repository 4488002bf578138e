import type { Command } from 'commander';
import { examples, json, type Done } from './options.ts';

/** Reading and checking receipts; both need nothing but the files. */
export function addReceiptCommands(program: Command, done: Done): void {
  const receipt = program.command('receipt').description('what a run’s receipt says, and whether it holds; offline');

  receipt
    .command('show')
    .description('what was trained on what, and what left; says nothing of the signature')
    .argument('<file>', 'receipt.json, from the site’s run container or from beside the model')
    .addOption(json())
    .addHelpText('after', examples('receipt show receipt.json'))
    .action(async (file: string, options) =>
      done(await (await import('../receipt/show.ts')).showReceipt(file, options)),
    );

  receipt
    .command('verify')
    .description(
      'check a receipt’s signature and form, and with --artifacts the files too; exit 1 where it does not hold',
    )
    .argument('<file>', 'receipt.json, from the site’s run container or from beside the model')
    .requiredOption('--key <pemfile>', 'the site’s public key, SPKI PEM')
    .option('--artifacts <folder>', 'must hold exactly the files that the receipt names')
    .addOption(json())
    .addHelpText('after', examples('receipt verify receipt.json --key receipt.pub --artifacts model'))
    .action(async (file: string, options) =>
      done(await (await import('../receipt/verify.ts')).verifyReceiptFile(file, options)),
    );
}
