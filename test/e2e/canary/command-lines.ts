import { readdirSync, readFileSync } from 'node:fs';
import { docker, vmContainer, type Product } from '../product.ts';
import type { Exhibit } from './exhibit.ts';

/** Any user of a machine can read these, so they are looked at many times a second while something runs. */
const EVERY_MS = 100;

/** Collects every command line that is seen on this machine, where the VM's processes are too, until it is told to stop. */
export function watchCommandLines(): { stop(): Exhibit[] } {
  const seen = new Map<string, string>();
  const look = () => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const line = commandLine(pid);
      if (line !== '' && !seen.has(line)) seen.set(line, `process ${pid}, ${line.split('\0', 1)[0]}`);
    }
  };
  look();
  const timer = setInterval(look, EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return [...seen].map(([line, name]) => ({ kind: 'command line', name, bytes: Buffer.from(line) }));
    },
  };
}

/** As the VM itself has them, wherever it runs. */
export async function commandLinesOfMachine(product: Product): Promise<Exhibit> {
  const all = 'cat /proc/[0-9]*/cmdline 2>/dev/null || true'; // one may end before it is read
  const lines = await docker(product.info, 'exec', await vmContainer(product), 'sh', '-c', all);
  return { kind: 'command line', name: 'the VM’s processes', bytes: Buffer.from(lines) };
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return ''; // it has ended
  }
}
