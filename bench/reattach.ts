import { docker, startProduct, vmContainer, type Product } from '../test/e2e/product.ts';
import { Runs } from '../test/e2e/runs.ts';
import { until } from '../test/support/until.ts';
import { row, spread } from './table.ts';

/**
 * How long a script that trains has nobody after a `kill -9` of the VM's worker: from the kill, and from the moment at which
 * systemd has started the next worker, to that worker taking the step again. `npm run bench reattach [ROUNDS]`.
 */
async function main(rounds: number): Promise<void> {
  const product = await startProduct();
  const runs = await Runs.on(product);
  try {
    const run = await runs.start({ model: 'reattach', seconds: 30 + 20 * rounds, machine: 'reattach' });
    await run.trains(2);
    const times: { killed: number; back: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const at = Date.now();
      const unit = await docker(product.info, 'exec', await vmContainer(product), 'sh', '-c', KILL);
      const attempt = times.length + 2;
      const taken = await until('the step is taken again', async () => {
        const { raw } = await run.handle.describe();
        const step = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'runTrainingJob');
        const { seconds, nanos } = step?.lastStartedTime ?? {};
        return step?.attempt === attempt && step.state === 2 && Number(seconds) * 1000 + (nanos ?? 0) / 1e6;
      });
      times.push({ killed: taken - at, back: taken - (await startedAt(product, unit)) });
      await run.trains(10 * (round + 1));
    }
    await run.handle.result();
    console.log(`${rounds} rounds, seconds              min   median      max`);
    console.log(row('after the kill', spread(times.map(({ killed }) => killed / 1000))));
    console.log(row('after the worker is back', spread(times.map(({ back }) => back / 1000))));
  } finally {
    await runs.close();
    await product.close();
  }
}

const KILL = `unit=$(systemctl list-units --plain --no-legend 'edge-train-worker@*' | cut -d' ' -f1); systemctl kill -s KILL $unit; echo $unit`;

/** By the kernel's monotonic clock, which the VM shares with this process. */
async function startedAt(product: Product, unit: string): Promise<number> {
  const show = ['systemctl', 'show', '-p', 'ExecMainStartTimestampMonotonic', '--value', unit];
  const monotonic = Number(await docker(product.info, 'exec', await vmContainer(product), ...show)) / 1000;
  return Date.now() - (Number(process.hrtime.bigint()) / 1e6 - monotonic);
}

await main(Number(process.argv[2] ?? 5));
