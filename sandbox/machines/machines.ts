import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker } from '../docker.ts';
import { containerName, type MachinesConfig } from './config.ts';
import { containerPower, createContainer, powerOff, powerOn, runInside } from './container.ts';
import type { ExtensionResult, ExtensionScript, Machines, MachineSpec } from './contract.ts';
import { ensureImage } from './image.ts';
import { newRecord, readRecord, removeRecord, writeRecord, type MachineRecord } from './records.ts';

const agent = join(import.meta.dirname, 'agent');
const provisionScript = readFileSync(join(agent, 'provision.py'), 'utf8');
const customScript = readFileSync(join(agent, 'custom_script.py'), 'utf8');
const customScriptPath = '/var/lib/waagent/custom-script/handler.py';
/** A little more than the script's own 90 minutes. */
const extensionDeadline = 95 * 60_000;

/**
 * Machines on the Docker daemon. What is known of them is on disk (`DIR/machines/`) and in Docker, so any process may ask;
 * operations on one machine are done one after the other within this process. `config` is `ServerConfig.machines`.
 */
export function createMachines(config: unknown): Machines {
  const given = config as MachinesConfig;
  const folder = join(given.stateDirectory, 'machines');
  const inOrder = turns();
  return {
    boot: (spec) => inOrder(spec.name, () => boot(given, folder, spec)),
    start: (name) => inOrder(name, () => start(given, folder, name)),
    stop: (name) => inOrder(name, () => stop(given, folder, name)),
    remove: (name) => inOrder(name, () => remove(given, folder, name)),
    describe: async (name) => ({
      power: await containerPower(given, name),
      privateAddress: readRecord(folder, name)?.privateAddress,
    }),
    runExtension: (name, script) => runExtension(given, name, script),
  };
}

async function boot(config: MachinesConfig, folder: string, spec: MachineSpec): Promise<{ privateAddress: string }> {
  const record = readRecord(folder, spec.name) ?? newRecord(folder, config.network, spec);
  writeRecord(folder, { ...record, power: 'running' }); // before the deed, so that the address is this machine's
  if ((await containerPower(config, spec.name)) === 'absent') {
    record.provisioned = false;
    await createContainer(config, record, await ensureImage(config));
  }
  await powerOn(config, record);
  if (!record.provisioned) await provision(config, spec);
  writeRecord(folder, { ...record, power: 'running', provisioned: true });
  return { privateAddress: record.privateAddress };
}

async function provision(config: MachinesConfig, spec: MachineSpec): Promise<void> {
  const { adminUsername: user, adminPassword: password, sshPublicKeys, disablePassword } = spec;
  const settings = { user, password, sshPublicKeys, disablePassword };
  await runInside(config, spec.name, ['python3', '-I', '-c', provisionScript], settings);
}

async function start(config: MachinesConfig, folder: string, name: string): Promise<{ privateAddress: string }> {
  const record = recordOf(folder, name);
  writeRecord(folder, { ...record, power: 'running' });
  await powerOn(config, record);
  return { privateAddress: record.privateAddress };
}

async function stop(config: MachinesConfig, folder: string, name: string): Promise<void> {
  writeRecord(folder, { ...recordOf(folder, name), power: 'stopped' });
  await powerOff(config, name);
}

async function remove(config: MachinesConfig, folder: string, name: string): Promise<void> {
  await docker(config.docker, ['rm', '-f', '-v', containerName(config, name)]).catch(async (error: unknown) => {
    if ((await containerPower(config, name)) !== 'absent') throw error;
  });
  removeRecord(folder, name);
}

/**
 * The same settings are run once only, as with waagent's sequence number: asked again (after a loss of this process, too)
 * it waits for that one's end, or returns its result at once.
 */
async function runExtension(config: MachinesConfig, name: string, script: ExtensionScript): Promise<ExtensionResult> {
  const id = createHash('sha256').update(JSON.stringify(script)).digest('hex').slice(0, 16);
  const install = `umask 077; mkdir -p "$(dirname ${customScriptPath})" && cat > ${customScriptPath}.$$ && mv ${customScriptPath}.$$ ${customScriptPath}`;
  await runInside(config, name, ['sh', '-c', install], customScript);
  await runInside(config, name, ['python3', '-I', customScriptPath, 'start'], { id, ...script });
  const result = await runInside(config, name, ['python3', '-I', customScriptPath, 'wait', id], '', extensionDeadline);
  return JSON.parse(result) as ExtensionResult;
}

function recordOf(folder: string, name: string): MachineRecord {
  const record = readRecord(folder, name);
  if (!record) throw new Error(`there is no machine ${name} in this sandbox`);
  return record;
}

/** One after the other for each name. */
function turns(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const turn = (last.get(name) ?? Promise.resolve()).catch(() => {}).then(work);
    last.set(name, turn);
    return turn;
  };
}
