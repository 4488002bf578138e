import type { Host } from '../../../domain/host.ts';
import { ServiceError } from '../../../services/errors.ts';
import type { SshEnd, SshSession } from '../../../services/ssh.ts';
import type { SiteDependencies } from '../dependencies.ts';
import { openRootShell, type RootShell, type RootWay } from './root-shell.ts';

const PROBE = `
say() { printf 'edge-train:%s=%s\\n' "$1" "$2"; }
say system "$(uname -s)"
say machine "$(uname -m)"
say user "$(id -u)"
say cores "$(nproc)"
say memoryMiB "$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)"
say systemd "$(systemctl --version 2>/dev/null </dev/null | awk 'NR == 1 { print $2 }')"
if [ -d /run/systemd/system ]; then say booted yes; fi
say python "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null)"
if sudo -k -n true >/dev/null 2>&1 </dev/null; then say sudo free; fi
`;

/**
 * Looks whether a host has what edge-train needs, and changes nothing. Returns a way to be root there.
 * @throws ServiceError `HostUnfit` (host), naming everything that is missing
 */
export async function examineHost(
  session: SshSession,
  dependencies: SiteDependencies,
  name: string,
  host: Host,
): Promise<RootShell> {
  const facts = said(await session.run('sh -s', { input: [PROBE], seconds: 60 }));
  const way = rootWay(facts, host);
  const root = way === undefined ? undefined : await openRootShell(session, dependencies, host, way);
  const isRoot = root !== undefined && /(^|\n)0\s*$/.test((await root('id -u', { seconds: 60 })).stdout);
  const missing = [...lacks(facts, host), ...(isRoot ? [] : [noRoot(host)])];
  if (root && missing.length === 0) return root;
  throw new ServiceError({
    class: 'host',
    type: 'HostUnfit',
    cause: `The host ${name} cannot take edge-train: it needs ${missing.join('; ')}.`,
    nextStep: `Install or allow on the host what is named, or correct hosts.${name} in site.yml; then start the run again.`,
    retryable: false,
  });
}

/** `edge-train:KEY=VALUE` lines: what a login shell's own files print stands between them. */
export function said({ stdout }: SshEnd): ReadonlyMap<string, string> {
  return new Map([...stdout.matchAll(/^edge-train:(\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]));
}

function rootWay(facts: ReadonlyMap<string, string>, host: Host): RootWay | undefined {
  if (facts.get('user') === '0') return 'root';
  if (facts.get('sudo') === 'free') return 'sudo';
  return host.password === undefined ? undefined : 'sudo with the password';
}

const noRoot = ({ username, password }: Host): string =>
  `root: log in as root, or let sudo make ${username} root ${password === undefined ? 'without a password (NOPASSWD: ALL)' : 'with its password'}`;

/** As the bundle is built: for this worker's own processor. */
const MACHINE = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch;
const LEAST_SYSTEMD = 245;

function lacks(facts: ReadonlyMap<string, string>, { cores, memoryMiB }: Host): string[] {
  const found = (key: string) => facts.get(key) || 'none';
  const number = (key: string) => Number(facts.get(key) || 0);
  const [major = 0, minor = 0] = (facts.get('python') ?? '').split('.').map(Number);
  const needs: [string, boolean, string][] = [
    ['Linux', facts.get('system') === 'Linux', found('system')],
    [`a processor of the kind ${MACHINE}`, facts.get('machine') === MACHINE, found('machine')],
    [`systemd ${LEAST_SYSTEMD} or later`, number('systemd') >= LEAST_SYSTEMD, found('systemd')],
    ['systemd as its first process', facts.get('booted') === 'yes', 'another'],
    ['Python 3.7 or later as python3', major === 3 && minor >= 7, found('python')],
    [`${cores} cores, as site.yml says`, number('cores') >= cores, found('cores')],
    [`${memoryMiB} MiB of memory, as site.yml says`, number('memoryMiB') >= memoryMiB, found('memoryMiB')],
  ];
  return needs.filter(([, holds]) => !holds).map(([need, , has]) => `${need} (it has ${has})`);
}
