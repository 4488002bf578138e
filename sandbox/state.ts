import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { choosePorts, type Ports } from './ports.ts';
import { writeWhole } from './write-whole.ts';
import type { PackageIndex } from './package-index.ts';

/** What a sandbox is made of for as long as its folder exists: made once, whole or not at all. `DIR/state.json`, 0600. */
export interface SandboxState {
  /** Ten hex digits from the folder's path: names what the sandbox makes outside of the folder. */
  id: string;
  ports: Ports;
  accounts: { site: { name: string; key: string }; release: { name: string; key: string } };
  stackHub: { subscription: string; clientId: string; clientSecret: string };
  azure: { tenant: string; subscription: string; clientId: string; clientSecret: string };
  /** A repository token of the registry, which may pull. */
  pullToken?: { name: string; password: string };
  temporal: { namespace: string; searchAttributes: string[] };
  /** HOST:PORT that the uplink lets through, over and above the sandbox's own. */
  allow: string[];
  /** Kept, so that the network can be made again as it was. */
  network?: { subnet: string; gateway: string };
  packageIndex?: PackageIndex;
}

/** Where things are in a state directory. */
export function statePaths(directory: string) {
  return {
    state: join(directory, 'state.json'),
    info: join(directory, 'sandbox.json'),
    programs: join(directory, 'programs.json'),
    ca: join(directory, 'ca.pem'),
    machines: join(directory, 'machines'),
    logs: join(directory, 'logs'),
    secrets: join(directory, 'secrets'),
    azurite: join(directory, 'azurite'),
    registry: join(directory, 'registry'),
    temporal: join(directory, 'temporal'),
    uplinkConfig: join(directory, 'uplink.json'),
    accessLog: join(directory, 'logs', 'uplink-access.log'),
  };
}

/** The folder under its one true name (made when absent), since names outside of it are derived from that. */
export function stateDirectory(given: string): string {
  mkdirSync(resolve(given), { recursive: true, mode: 0o700 });
  return realpathSync(resolve(given));
}

export function readState(directory: string): SandboxState | undefined {
  try {
    return JSON.parse(readFileSync(statePaths(directory).state, 'utf8')) as SandboxState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const problem = `${statePaths(directory).state} cannot be read (${String(error)})`;
    throw new Error(`${problem}; \`reset --state ${directory}\` makes room for a new sandbox`, { cause: error });
  }
}

export function writeState(directory: string, state: SandboxState): void {
  writeWhole(statePaths(directory).state, JSON.stringify(state, null, 2));
}

/** The state that is there, or a new one, written. */
export async function openState(directory: string): Promise<SandboxState> {
  const kept = readState(directory);
  if (kept?.pullToken) return kept;
  if (kept) {
    // One of an earlier version.
    const completed = { ...kept, pullToken: newPullToken() };
    writeState(directory, completed);
    return completed;
  }
  const id = stateId(directory);
  const state: SandboxState = {
    id,
    ports: await choosePorts(),
    accounts: {
      site: { name: `site${id}`, key: randomBytes(64).toString('base64') },
      release: { name: `release${id}`, key: randomBytes(64).toString('base64') },
    },
    stackHub: { subscription: randomUUID(), clientId: randomUUID(), clientSecret: secret() },
    azure: { tenant: randomUUID(), subscription: randomUUID(), clientId: randomUUID(), clientSecret: secret() },
    pullToken: newPullToken(),
    temporal: { namespace: 'default', searchAttributes: [] },
    allow: [],
  };
  writeState(directory, state);
  return state;
}

const newPullToken = () => ({ name: 'site', password: secret() });

export function stateId(directory: string): string {
  return createHash('sha256').update(directory).digest('hex').slice(0, 10);
}

function secret(): string {
  return randomBytes(30).toString('base64url');
}
