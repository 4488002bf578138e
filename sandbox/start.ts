import { daemonPlace, ensureDaemon } from './docker-daemon.ts';
import type { Docker } from './docker.ts';
import { shutGateway } from './firewall.ts';
import { writeInfo, type SandboxInfo } from './info.ts';
import { ensureBaseImage, ensureImage } from './machines/image.ts';
import { readRecords } from './machines/records.ts';
import { createMachines } from './machines/machines.ts';
import { ensureNetwork, type SiteNetwork } from './network.ts';
import { readPackageIndex } from './package-index.ts';
import { refuseTakenPorts } from './ports.ts';
import { configurePrograms, ownTargets } from './programs.ts';
import { waitForPrograms } from './readiness.ts';
import { seed, type Seed } from './seed.ts';
import { machinesConfig, writeServerConfig } from './server-config.ts';
import { openState, statePaths, writeState, type SandboxState } from './state.ts';
import { certificateNames, serverCertificate } from './server/certificate-authority.ts';
import { serverPaths } from './server/config.ts';
import { ensureSupervisor } from './supervisor/ensure-supervisor.ts';
import { withLock } from './supervisor/lock.ts';

import { findTools } from './tools.ts';

export interface StartOptions {
  directory: string;
  toolsFolder: string;
  seeds: Seed[];
  /** HOST:PORT that the uplink shall let through; kept for later starts. */
  allow: string[];
  namespace?: string;
  /** NAME=Type, as start-dev takes them; kept for later starts. */
  searchAttributes: string[];
  say: (text: string) => void;
}

/**
 * Brings the sandbox up from whatever state it is in: never started, stopped, running, or killed in the middle of
 * anything. Returns when all of it answers.
 */
export async function start(options: StartOptions): Promise<SandboxInfo> {
  const { directory, say } = options;
  const waiting = () => say('waits for another start, stop or reset of it to end');
  return await withLock(directory, waiting, async () => {
    const tools = findTools(options.toolsFolder);
    const { on, own } = await ensureDaemon(daemonPlace(options.toolsFolder), directory);
    say(own ? 'uses a Docker daemon of its own' : 'uses the Docker daemon that runs on this machine');
    const state = await settle(options);
    const network = await siteNetwork(on, directory, state);
    const image = await ensureBaseImage({ docker: on, image: tools.vmImage });
    await shutGateway({ on, image }, network, [state.ports.siteBlob, state.ports.uplink]);
    say(
      `the site is network ${network.subnet}: VMs reach its blobs and its uplink at ${network.gateway}, and nothing else`,
    );
    const machines = machinesConfig(directory, state, network, tools, on);
    const info = writeInfo(directory, writeServerConfig(directory, state, network, machines), state, on);
    // Before the programs start: Azurite speaks TLS with the same certificate as the fronts.
    await serverCertificate(serverPaths(directory), certificateNames(network.gateway));
    await ensureSupervisor(directory, configurePrograms(directory, state, tools, on, network.gateway));
    await waitForPrograms(directory, state, tools, network.gateway, say);
    await allowOnUplink(state);
    await ensureImage(machines);
    await startMachines(directory, machines, say);
    for (const one of options.seeds) say(await seed(directory, state, one));
    return info;
  });
}

/** The state, with what this start adds to it. */
async function settle(options: StartOptions): Promise<SandboxState> {
  const { directory, say } = options;
  const state = await openState(directory);
  state.allow = union(state.allow, options.allow);
  state.temporal.searchAttributes = union(state.temporal.searchAttributes, options.searchAttributes);
  if (options.namespace) state.temporal.namespace = options.namespace;
  if (!state.packageIndex) {
    const { index, problem } = await readPackageIndex();
    if (index) say(`VMs install packages from ${hostOf(index.url)}, as this machine's pip does`);
    if (problem) say(`warning: ${problem}; VMs may be unable to install packages until the next start`);
    if (!problem) state.packageIndex = index;
    writeState(directory, state);
    return index && problem ? { ...state, packageIndex: index } : state;
  }
  writeState(directory, state);
  return state;
}

/** Made as before where it was before; its addresses are kept. */
async function siteNetwork(on: Docker, directory: string, state: SandboxState): Promise<SiteNetwork> {
  const network = await ensureNetwork(on, directory, state);
  await refuseTakenPorts(directory, state.ports, network.gateway);
  if (!state.network) {
    state.network = { subnet: network.subnet, gateway: network.gateway };
    writeState(directory, state);
  }
  return network;
}

/** For an uplink that ran already: what this start allows is let through from now on. */
async function allowOnUplink({ ports, allow, packageIndex }: SandboxState): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${ports.uplinkControl}/uplink/allow`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ allow: [...ownTargets(ports), ...(packageIndex?.hosts ?? []), ...allow] }),
  });
  if (!answer.ok) throw new Error(`the uplink refused the allow-list: ${await answer.text()}`);
}

/** As after a power cut: machines that were on come up again. */
async function startMachines(directory: string, config: unknown, say: (text: string) => void): Promise<void> {
  const machines = createMachines(config);
  for (const { name, power } of readRecords(statePaths(directory).machines)) {
    if (power !== 'running' || (await machines.describe(name)).power !== 'stopped') continue;
    await machines.start(name);
    say(`VM ${name} is up again`);
  }
}

function union(one: string[], other: string[]): string[] {
  return [...new Set([...one, ...other])];
}

/** Without the credentials that an index URL may hold. */
function hostOf(url: string): string {
  return new URL(url).host;
}
