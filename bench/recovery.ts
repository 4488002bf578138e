import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { docker, ROOT, startProduct, vmContainer, type Product } from '../test/e2e/product.ts';
import { until } from '../test/support/until.ts';
import { row, spread, timed } from './table.ts';

/**
 * From the end of a `kill -9` of the worker, 10 s into a 30 s training, to the finished run; the worker is started again
 * 5 s after the kill, as a supervisor would. The script itself has 20 s left. `npm run bench recovery [ROUNDS]`.
 */
async function main(rounds: number): Promise<void> {
  const product = await startProduct();
  try {
    const job = join(ROOT, 'test', 'e2e', 'slow-job', 'job.yml');
    const train = (model: string) => product.train(job, '--site', 'demo', '--model', model);
    console.log(`undisturbed, the VM made: ${(await timed(() => train('cold'))).seconds.toFixed(1)} s`);
    const undisturbed = await timed(() => train('warm'));
    const seconds: number[] = [];
    for (let round = 0; round < rounds; round += 1)
      seconds.push(await recovery(product, () => train(`round-${round}`)));
    console.log(`undisturbed, the VM warm: ${undisturbed.seconds.toFixed(1)} s`);
    console.log(`\n${rounds} rounds, seconds            min   median      max`);
    console.log(row('kill to finished run', spread(seconds)));
  } finally {
    await product.close();
  }
}

async function recovery(product: Product, train: () => Promise<unknown>): Promise<number> {
  const ending = train();
  ending.catch(() => undefined); // awaited below
  const vm = await vmContainer(product);
  const logs = 'cat /var/lib/edge-train/jobs/*/logs/job.log 2>/dev/null || true';
  await until('ten seconds of training', async () =>
    (await docker(product.info, 'exec', vm, 'sh', '-c', logs)).includes('second 10'),
  );
  const { pid } = JSON.parse(readFileSync(join(product.folder, 'worker.json'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGKILL');
  const killed = await timed(async () => {
    await pause(5000);
    await product.edgeTrain('sandbox', 'start', '--state', product.folder);
    await ending;
  });
  return killed.seconds;
}

await main(Number(process.argv[2] ?? 3));
