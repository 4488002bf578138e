import type { Host } from '../../../domain/host.ts';
import type { SshEnd, SshRun, SshSession } from '../../../services/ssh.ts';
import type { SiteDependencies } from '../dependencies.ts';

/** Runs a command as root on a host. */
export type RootShell = (command: string, options: SshRun) => Promise<SshEnd>;

/** How the account becomes root: it is, sudo lets it, or sudo asks for the password that site.yml refers to. */
export type RootWay = 'root' | 'sudo' | 'sudo with the password';

export async function openRootShell(
  session: SshSession,
  { secrets }: SiteDependencies,
  host: Host,
  way: RootWay,
): Promise<RootShell> {
  if (way === 'root') return (command, options) => session.run(command, options);
  if (way === 'sudo') return (command, options) => session.run(`sudo -n ${command}`, options);
  const password = await secrets.resolve(host.password ?? '');
  // -k: it asks in any case, so that the first line never reaches the command.
  return (command, { input = [], seconds }) =>
    session.run(`sudo -k -S -p '' ${command}`, { input: withFirstLine(password, input), seconds });
}

async function* withFirstLine(line: string, rest: NonNullable<SshRun['input']>): AsyncGenerator<string | Uint8Array> {
  yield `${line}\n`;
  yield* rest;
}
