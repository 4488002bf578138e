import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../write-whole.ts';
import type { MachineSpec } from './contract.ts';

/** What is known of a machine while its container may be down. No password is in it. */
export interface MachineRecord {
  name: string;
  memoryMiB: number;
  cores: number;
  hostName: string;
  privateAddress: string;
  /** The power it was last told to have: `running` ones are started again after a power cut. */
  power: 'running' | 'stopped';
  /** The admin user is there. */
  provisioned: boolean;
}

/** `DIR/machines/NAME.json` */
export function readRecord(folder: string, name: string): MachineRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordFile(folder, name), 'utf8')) as MachineRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function readRecords(folder: string): MachineRecord[] {
  let files: string[] = [];
  try {
    files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return files.map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as MachineRecord);
}

export function writeRecord(folder: string, record: MachineRecord): void {
  writeWhole(recordFile(folder, record.name), JSON.stringify(record, null, 2));
}

export function removeRecord(folder: string, name: string): void {
  rmSync(recordFile(folder, name), { force: true });
}

/** The record of a machine to be made: it takes the lowest address that no other has, from .10 on. */
export function newRecord(folder: string, network: { subnet: string }, spec: MachineSpec): MachineRecord {
  const taken = new Set(readRecords(folder).map(({ privateAddress }) => privateAddress));
  const base = network.subnet.split('/')[0]?.split('.').slice(0, 3).join('.');
  for (let host = 10; host < 250; host++) {
    const privateAddress = `${base}.${host}`;
    if (taken.has(privateAddress)) continue;
    const { name, memoryMiB, cores, hostName } = spec;
    return { name, memoryMiB, cores, hostName, privateAddress, power: 'stopped', provisioned: false };
  }
  throw new Error(`the site's network ${network.subnet} has no address left for ${spec.name}: 240 machines are there`);
}

function recordFile(folder: string, name: string): string {
  return join(folder, `${name.toLowerCase()}.json`);
}
