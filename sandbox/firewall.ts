import { existsSync } from 'node:fs';
import { docker, type Docker } from './docker.ts';
import type { SiteNetwork } from './network.ts';
import { runProgram, type ProgramResult } from './run-program.ts';

/** How rules are set: as root directly, else by the daemon's own right through a short-lived container. */
export interface FirewallTools {
  on: Docker;
  /** An image that has `chroot`: the VM's. */
  image: string;
}

/**
 * What VMs reach on this machine: the given TCP ports of the gateway's address, and nothing else, whatever listens and
 * wherever (INPUT is what the kernel delivers here for any local address). Replies to connections made from here pass.
 * Idempotent; the chain is replaced as one.
 */
export async function shutGateway(tools: FirewallTools, network: SiteNetwork, ports: number[]): Promise<void> {
  const chain = chainName(network.bridge);
  const open = ports.map((port) => `-A ${chain} -d ${network.gateway}/32 -p tcp --dport ${port} -j ACCEPT`);
  const established = `-A ${chain} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`;
  await replaceChain(tools, 'iptables', network.bridge, [
    established,
    ...open,
    `-A ${chain} -j REJECT --reject-with icmp-admin-prohibited`,
  ]);
  // Bridges have a link-local IPv6 address of their own.
  if (existsSync('/proc/net/if_inet6'))
    await replaceChain(tools, 'ip6tables', network.bridge, [established, `-A ${chain} -j DROP`]);
}

/** Removes the chain and the jump to it. Absent is fine. */
export async function openGateway(tools: FirewallTools, bridge: string): Promise<void> {
  for (const program of ['iptables', 'ip6tables'] as const) {
    if (program === 'ip6tables' && !existsSync('/proc/net/if_inet6')) continue;
    const chain = chainName(bridge);
    if ((await run(tools, program, ['-w', '10', '-S', chain])).exitCode !== 0) continue;
    while ((await run(tools, program, ['-w', '10', '-D', 'INPUT', ...jump(bridge)])).exitCode === 0);
    await must(tools, program, ['-w', '10', '-F', chain]);
    await must(tools, program, ['-w', '10', '-X', chain]);
  }
}

export function chainName(bridge: string): string {
  return `EDGE-TRAIN-${bridge}`;
}

async function replaceChain(
  tools: FirewallTools,
  program: 'iptables' | 'ip6tables',
  bridge: string,
  rules: string[],
): Promise<void> {
  const text = ['*filter', `:${chainName(bridge)} - [0:0]`, ...rules, 'COMMIT', ''].join('\n');
  await must(tools, `${program}-restore`, ['--noflush', '-w', '10'], text);
  if ((await run(tools, program, ['-w', '10', '-C', 'INPUT', ...jump(bridge)])).exitCode !== 0) {
    await must(tools, program, ['-w', '10', '-I', 'INPUT', '1', ...jump(bridge)]);
  }
}

function jump(bridge: string): string[] {
  return ['-i', bridge, '-j', chainName(bridge)];
}

async function must(tools: FirewallTools, program: string, args: string[], input = ''): Promise<void> {
  const result = await run(tools, program, args, input);
  if (result.exitCode === 0) return;
  throw new Error(
    `the firewall rules that shut the site's network cannot be set: ${program} says: ${result.stderr.trim()}. ` +
      'Run as root, or as a user who may use Docker on a machine that has iptables',
  );
}

async function run({ on, image }: FirewallTools, program: string, args: string[], input = ''): Promise<ProgramResult> {
  if (process.getuid?.() === 0) return await runProgram(program, args, { input });
  // Whoever may use the Docker daemon may do this; the host's own iptables is used, so that the backend is the host's.
  const container = ['run', '--rm', '-i', '--network', 'host', '--cap-add', 'NET_ADMIN', '-v', '/:/host', image];
  try {
    const command = ['chroot', '/host', '/usr/bin/env', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', program, ...args];
    return { exitCode: 0, stdout: await docker(on, [...container, ...command], { input }), stderr: '' };
  } catch (error) {
    return { exitCode: 1, stdout: '', stderr: error instanceof Error ? error.message : String(error) };
  }
}
