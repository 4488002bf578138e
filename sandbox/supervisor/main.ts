import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { stateId, statePaths } from '../state.ts';
import { writeWhole } from '../write-whole.ts';
import { KeptAlive } from './keep-alive.ts';
import { LogFile } from './log-file.ts';
import type { Program, SupervisorStatus } from './program.ts';

/**
 * `node sandbox/supervisor/main.ts DIR`: keeps the programs of DIR/programs.json alive until SIGTERM, then stops them in
 * the reverse of their order. One at most for a directory.
 */
async function main(directory: string): Promise<void> {
  await claim(directory);
  const programs = JSON.parse(readFileSync(statePaths(directory).programs, 'utf8')) as Program[];
  const kept = programs.map(
    (program) =>
      new KeptAlive(program, directory, new LogFile(join(statePaths(directory).logs, `${program.name}.log`)), () =>
        writeStatus(directory, kept),
      ),
  );
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => void stop(kept));
  for (const one of kept) one.start();
}

/** The name lives in the kernel and goes with the process, so a killed supervisor leaves no lock behind. */
function claim(directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => reject(new Error(`a supervisor runs for ${directory} already (${error.message})`)));
    server.listen(`\0edge-train-supervisor-${stateId(directory)}`, () => resolve());
  });
}

function writeStatus(directory: string, kept: KeptAlive[]): void {
  const programs = Object.fromEntries((kept ?? []).map((one) => [one.program.name, one.status]));
  writeWhole(
    join(directory, 'supervisor.json'),
    JSON.stringify({ pid: process.pid, programs } satisfies SupervisorStatus),
  );
}

async function stop(kept: KeptAlive[]): Promise<void> {
  for (const one of [...kept].reverse()) await one.stop();
  process.exit(0);
}

await main(process.argv[2] ?? '');
