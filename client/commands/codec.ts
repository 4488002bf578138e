import type { Command } from 'commander';
import { config, examples, type Done } from './options.ts';

/** What lets the Temporal UI show encrypted payloads. */
export function addCodecCommands(program: Command, done: Done): void {
  program
    .command('codec')
    .description('the codec server, through which the Temporal UI shows what is encrypted')
    .command('serve')
    .description('serve /encode and /decode until it is stopped, as `codec` and `codecServer` of client.yml say')
    .addOption(config())
    .addHelpText('after', examples('codec serve --config /etc/edge-train'))
    .action(async (options: { config?: string }) =>
      done(await (await import('../codec/serve.ts')).serveCodec(options)),
    );
}
