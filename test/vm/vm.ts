import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { MachineConfig } from '../../domain/machine-config.ts';
import { ReleasePolicy } from '../../domain/release.ts';
import { createMachines } from '../../sandbox/machines/machines.ts';
import { generateMachineKey } from '../../services/signing.ts';
import { buildBundle, type Bundle } from '../../workers/vm/bundle.ts';
import { installCommand } from '../../workers/vm/install-command.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
export const NO_ENVIRONMENT = '0'.repeat(64);

/** A Linux machine of a test's own: a container that systemd boots, with sshd, on a network without a way out. */
export interface TestHost {
  readonly gateway: string;
  readonly address: string;
  readonly container: string;
  /** Runs a program as root, with `input` on its standard input. */
  exec(
    command: string[],
    options?: { input?: string; user?: string },
  ): Promise<{ code: number; stdout: string; stderr: string }>;
  /** As `exec`, and a failure throws. */
  sh(script: string, options?: { user?: string }): Promise<string>;
  stop(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** The same with our worker on it. */
export interface TestMachine extends TestHost {
  readonly bundle: Bundle;
  readonly config: MachineConfig;
  /** Installs (again), with this configuration. */
  install(config: MachineConfig): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** Boots a VM and puts the bundle on it. `change` may put other endpoints into its configuration. */
export async function bootMachine(
  change: (config: MachineConfig, gateway: string) => MachineConfig | Promise<MachineConfig> = (config) => config,
): Promise<TestMachine> {
  const building = buildBundle({ outDir: join(root, '.tools', 'bundles') });
  const [built, booted] = await Promise.allSettled([building, bootHost()]);
  if (booted.status === 'rejected') throw booted.reason;
  const host = booted.value;
  try {
    if (built.status === 'rejected') throw built.reason;
    const bundle = built.value;
    const config = await change(configFor(bundle), host.gateway);
    const machine: TestMachine = {
      ...{ ...host, bundle, config },
      install: (next) => host.exec(['sh', '-c', `cd /root && sh -s`], { input: installCommand(next) }),
    };
    await run('docker', ['cp', bundle.path, `${host.container}:/root/${bundle.digest}.tar.gz`]);
    const installed = await machine.install(config);
    if (installed.code !== 0) throw new Error(`install failed: ${installed.stdout}${installed.stderr}`);
    return machine;
  } catch (error) {
    await host.remove();
    throw error;
  }
}

/** Boots a machine whose account `edgeadmin` logs in with a key, or with a password that sudo asks for, too. */
export async function bootHost(login: { sshPublicKey?: string; password?: string } = {}): Promise<TestHost> {
  const id = `t${randomBytes(3).toString('hex')}`;
  const stateDirectory = await mkdtemp(join(tmpdir(), 'edge-train-vm-'));
  const network = `edge-train-${id}`;
  const sha256 = (await readFile(join(root, '.tools/images/vm.tar.sha256'), 'utf8')).trim().split(/\s/)[0] ?? '';
  await run('docker', ['network', 'create', '--internal', network]);
  const inspected = JSON.parse((await run('docker', ['network', 'inspect', network])).stdout) as {
    IPAM: { Config: { Subnet: string; Gateway: string }[] };
  }[];
  const { Subnet: subnet = '', Gateway: given = '' } = inspected[0]?.IPAM.Config[0] ?? {};
  // Docker lets a test choose an address only where the subnet was given too.
  await run('docker', ['network', 'rm', network]);
  const gateway = given.split('/')[0] ?? '';
  await run('docker', ['network', 'create', '--internal', '--subnet', subnet, '--gateway', gateway, network]);
  const machines = createMachines({
    stateDirectory,
    stateId: id,
    docker: {},
    network: { name: network, subnet, gateway },
    image: { tar: join(root, '.tools/images/vm.tar'), sha256 },
    trust: ['/etc/ssl/certs/ca-certificates.crt'],
  });
  const container = `edge-train-${id}-vm`;
  const remove = async () => {
    await machines.remove('vm').catch(() => {});
    await run('docker', ['network', 'rm', network]).catch(() => {});
    const { stdout } = await run('docker', [
      'image',
      'ls',
      '-q',
      '--filter',
      `reference=edge-train-sandbox/vm:*-${id}-*`,
    ]);
    for (const image of stdout.split('\n').filter(Boolean))
      await run('docker', ['image', 'rm', '-f', image]).catch(() => {});
    await rm(stateDirectory, { recursive: true, force: true });
  };
  try {
    const { privateAddress: address } = await machines.boot({
      name: 'vm',
      memoryMiB: 2048,
      cores: 2,
      hostName: 'vm',
      adminUsername: 'edgeadmin',
      sshPublicKeys: login.sshPublicKey === undefined ? [] : [login.sshPublicKey],
      disablePassword: login.password === undefined,
      ...(login.password === undefined ? {} : { adminPassword: login.password }),
    });
    const exec: TestHost['exec'] = (command, options) => inContainer(container, command, options);
    return {
      ...{ gateway, address, container, exec, remove },
      async sh(script, options) {
        const { code, stdout, stderr } = await exec(['sh', '-c', script], options);
        if (code !== 0) throw new Error(`${script.slice(0, 200)}\nexit code ${code}\n${stdout}${stderr}`);
        return stdout;
      },
      stop: () => machines.stop('vm'),
      start: async () => void (await machines.start('vm')),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A configuration whose endpoints answer nobody: enough for all that needs no worker. */
function configFor(bundle: Bundle): MachineConfig {
  const { privateKey } = generateMachineKey();
  return {
    machine: 'vm',
    bundle: bundle.digest,
    queue: `edge-vm-${bundle.digest.slice(0, 12)}`,
    temporal: { address: '127.0.0.1:9', namespace: 'default', tls: false },
    uplink: 'http://127.0.0.1:9',
    packageIndex: 'https://127.0.0.1:9/simple',
    privateKey,
    policy: {
      site: 'test',
      maxSeconds: 3600,
      maxLogBytes: 100_000,
      maxImageBytes: 2 ** 30,
      cacheBytes: 4 * 2 ** 30,
      cacheDays: 30,
      trackingServer: true,
      release: ReleasePolicy.parse({ pickle: 'allow' }),
    },
    siteBlobEndpoints: [],
  };
}

function inContainer(
  container: string,
  command: string[],
  { input = '', user = 'root' }: { input?: string; user?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('docker', ['exec', '-i', '-u', user, container, ...command]);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code: code ?? -1, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
