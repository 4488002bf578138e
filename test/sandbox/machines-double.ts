import { generateKeyPairSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import ssh2 from 'ssh2';
import type { ExtensionResult, ExtensionScript, Machines, MachineSpec } from '../../sandbox/machines/contract.ts';

/** Machines without Docker: what was asked of them is remembered; "their" sshd is one on loopback. */
export interface MachinesDouble extends Machines {
  specs: Map<string, MachineSpec>;
  power: Map<string, 'running' | 'stopped'>;
  scripts: ExtensionScript[];
  /** What the next extension answers. */
  result: ExtensionResult;
}

export function machinesDouble(): MachinesDouble {
  const [specs, power] = [new Map<string, MachineSpec>(), new Map<string, 'running' | 'stopped'>()];
  const privateAddress = '127.0.0.1';
  const double: MachinesDouble = {
    ...{ specs, power, scripts: [], result: { exitCode: 0, stdout: 'done', stderr: '' } },
    boot: async (spec) => {
      specs.set(spec.name, spec);
      power.set(spec.name, 'running');
      return { privateAddress };
    },
    describe: async (name) => ({ power: power.get(name) ?? 'absent', privateAddress }),
    start: async (name) => {
      power.set(name, 'running');
      return { privateAddress };
    },
    stop: async (name) => void power.set(name, 'stopped'),
    remove: async (name) => {
      power.delete(name);
    },
    runExtension: async (_, script) => {
      double.scripts.push(script);
      return double.result;
    },
  };
  return double;
}

/** An sshd on loopback that lets one user in by password. */
export async function sshServer(username: string, password: string): Promise<{ port: number; close(): Promise<void> }> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const server = new ssh2.Server({ hostKeys: [privateKey] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (context) => {
      if (context.method === 'password' && context.username === username && context.password === password)
        context.accept();
      else context.reject(['password']);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
