import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { sandboxProcesses } from '../sandbox/supervisor/processes.ts';
import { EXAMPLE, ROOT, startProduct } from '../test/e2e/product.ts';
import { printFigures, timed } from './table.ts';

const exec = promisify(execFile);

/**
 * What lies idle, and how quick the command is: memory (PSS) of the Temporal server and the worker a minute after a run, and
 * `--help` and `status` beside a bare `node -e 0`, in turn. `npm run bench footprint [ROUNDS]`.
 */
async function main(rounds: number): Promise<void> {
  const product = await startProduct();
  try {
    const run = JSON.parse((await product.edgeTrain('run', join(EXAMPLE, 'training.yml'), '--json')).stdout) as {
      workflowId: string;
    };
    const worker = (JSON.parse(readFileSync(join(product.folder, 'worker.json'), 'utf8')) as { pid: number }).pid;
    const server = sandboxProcesses(join(product.folder, 'sandbox')).find(({ role }) => role === 'temporal')?.pid;
    await pause(60_000); // idle: what the run needed is given back
    const [ofServer, ofWorker] = [megabytes(server ?? 0), megabytes(worker)];
    console.log(`idle, MB: Temporal ${ofServer}, worker of both roles ${ofWorker}, together ${ofServer + ofWorker}`);

    const edgeTrain = join(ROOT, 'bin', 'edge-train');
    const env = { ...process.env, EDGE_TRAIN_CONFIG: product.folder };
    const seconds = (program: string, ...args: string[]) =>
      timed(() => exec(program, args, { env })).then((done) => done.seconds);
    const seen: { bare: number; help: number; status: number }[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const each = {
        bare: await seconds(process.execPath, '-e', '0'),
        help: await seconds(edgeTrain, '--help'),
        status: await seconds(edgeTrain, 'status', run.workflowId),
      };
      if (round >= 0) seen.push(each); // the first warms caches
    }
    printFigures(`${rounds} rounds, seconds`, seen, {
      'node -e 0': ({ bare }) => bare,
      '--help': ({ help }) => help,
      '--help / node -e 0': ({ help, bare }) => help / bare,
      status: ({ status }) => status,
    });
  } finally {
    await product.close();
  }
}

/** Proportional set size: shared pages count by their share. */
function megabytes(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  return Math.round(Number(kilobytes) / 1024);
}

await main(Number(process.argv[2] ?? 10));
