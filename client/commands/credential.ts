import type { Command } from 'commander';
import { collect, examples, type Done } from './options.ts';

const KEY = 'the key’s id, and the file of its private half: PEM or JWK, P-256 or RSA';

/** For who sets up a Temporal server with its JWT authorizer. Asks no server. */
export function addCredentialCommands(program: Command, done: Done): void {
  const credential = program
    .command('credential')
    .description('JWTs for a Temporal server with its own authorizer, for who sets it up');

  credential
    .command('key-set')
    .description('print the public halves of keys, as the server reads them (JWKS)')
    .requiredOption('--key <id=file>', `${KEY}; may be given again`, collect, [])
    .addHelpText('after', examples('credential key-set --key 2026-11=temporal-signing-key'))
    .action(async (options: { key: string[] }) => done(await (await import('../credential.ts')).printKeySet(options)));

  credential
    .command('issue')
    .description('print a JWT that may write in one namespace; VMs have theirs from the site worker')
    .requiredOption('--key <id=file>', KEY)
    .requiredOption('--namespace <name>', 'the site’s namespace')
    .requiredOption('--subject <name>', 'whose it is, as the server’s log says it')
    .option('--days <number>', 'how long it holds', '30')
    .addHelpText(
      'after',
      examples('credential issue --key 2026-11=temporal-signing-key --namespace hospital --subject ana'),
    )
    .action(async (options: { key: string; namespace: string; subject: string; days: string }) =>
      done(await (await import('../credential.ts')).issueCredential(options)),
    );
}
