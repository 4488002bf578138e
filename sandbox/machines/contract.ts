/** What the ARM front asks of the machines behind it. `createMachines(config): Machines` in machines.ts implements it. */

export interface MachineSpec {
  name: string;
  memoryMiB: number;
  cores: number;
  hostName: string;
  adminUsername: string;
  adminPassword?: string;
  sshPublicKeys: string[];
  disablePassword: boolean;
}

export interface ExtensionScript {
  fileUris: string[];
  commandToExecute: string;
  environment?: Record<string, string>;
}

export interface ExtensionResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface Machines {
  /** Idempotent by name: a machine that is there is started when stopped, and described. */
  boot(spec: MachineSpec): Promise<{ privateAddress: string }>;
  describe(name: string): Promise<{ power: 'running' | 'stopped' | 'absent'; privateAddress?: string }>;
  start(name: string): Promise<{ privateAddress: string }>;
  stop(name: string): Promise<void>;
  /** Absent is fine. */
  remove(name: string): Promise<void>;
  /**
   * Like waagent's CustomScript 2.1: downloads into /var/lib/waagent/custom-script/download/0 and runs there as root
   * with sh; secrets go by stdin or files of mode 0600, never argv.
   */
  runExtension(name: string, script: ExtensionScript): Promise<ExtensionResult>;
}
