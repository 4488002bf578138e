import type { Command } from 'commander';
import { examples, json, type Done } from './options.ts';

/** Without a default, which would be as good as given. */
const again = (value: string, all?: string[]): string[] => [...(all ?? []), value];

/** Checking images before they are deployed. */
export function addImageCommands(program: Command, done: Done): void {
  program
    .command('image')
    .description('check what is said of a model’s image')
    .command('verify')
    .description(
      'check an image’s signature, provenance, SBOM and receipt, and that it holds exactly the model that left the site; exit 1 where it does not hold',
    )
    .argument('<image>', 'HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST')
    .requiredOption('--key <pemfile>', 'the public key that images are signed with; may be given again', again)
    .requiredOption('--receipt-key <pemfile>', 'a site’s public receipt key; may be given again', again)
    .option('--username <name>', 'for the registry; absent: anonymous')
    .option('--password <reference>', 'its password or token: env:NAME, file:/PATH')
    .option('--ca <pemfile>', 'the registry’s own certificate authority')
    .option('--no-model', 'do not fetch the model’s layer to compare its files')
    .addOption(json())
    .addHelpText(
      'after',
      examples('image verify hospital.azurecr.io/edge-train/heart:v3 --key image.pub --receipt-key receipt.pub'),
    )
    .action(async (given: string, options) =>
      done(await (await import('../image/verify.ts')).verifyImageCommand(given, options)),
    );
}
