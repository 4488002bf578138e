import { availableParallelism, totalmem } from 'node:os';
import type { Docker } from '../docker.ts';

/** What `createMachines` needs; the supervisor's side writes it into `server.json`, the server hands it on. */
export interface MachinesConfig {
  stateDirectory: string;
  stateId: string;
  docker: Docker;
  network: { name: string; subnet: string; gateway: string };
  /** The VM's root file system and its SHA-256. */
  image: { tar: string; sha256: string };
  /** Certificates that the operator's image trusts: this machine's bundle, and the sandbox's CA. */
  trust: string[];
}

export function containerName(config: Pick<MachinesConfig, 'stateId'>, machine: string): string {
  return `edge-train-${config.stateId}-${machine.toLowerCase()}`;
}

/** A VM gets no more than this machine has. Returns what it gets, and says in `clipped` what it does not. */
export function clip(spec: { memoryMiB: number; cores: number }): {
  memoryMiB: number;
  cores: number;
  clipped?: string;
} {
  const memoryMiB = Math.min(spec.memoryMiB, Math.floor(totalmem() / 1024 / 1024));
  const cores = Math.min(spec.cores, availableParallelism());
  if (memoryMiB === spec.memoryMiB && cores === spec.cores) return { memoryMiB, cores };
  return {
    memoryMiB,
    cores,
    clipped: `${spec.cores} cores and ${spec.memoryMiB} MiB are clipped to ${cores} and ${memoryMiB}`,
  };
}
