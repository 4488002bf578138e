import { join } from 'node:path';
import type { RunStatus } from '../domain/run-status.ts';
import { docker, EXAMPLE, startProduct, vmContainer, type Product } from '../test/e2e/product.ts';
import { printFigures, timed } from './table.ts';

/**
 * What a whole run costs above its bare script: the example on a warm VM with a cached environment, and the same script
 * with the same environment and data started by hand on the same VM, in turn. `npm run bench overhead [PAIRS]`.
 */
async function main(pairs: number): Promise<void> {
  const product = await startProduct();
  try {
    const cold = await timed(() => trainOnce(product));
    console.log(`first run, the VM made and the environment built: ${cold.seconds.toFixed(1)} s`);
    const vm = await vmContainer(product);
    await copyExample(product, vm);
    await bareScript(product, vm); // warms what the cage's runs have warmed
    const runs: (Run & { bare: number })[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const bare = await timed(() => bareScript(product, vm));
      runs.push({ ...(await trainOnce(product)), bare: bare.seconds });
    }
    report(runs);
  } finally {
    await product.close();
  }
}

interface Run {
  /** From the first step's start to the last one's end. */
  readonly whole: number;
  /** As the command's user waits. */
  readonly command: number;
  /** Of the script, by the cage's own clock. */
  readonly script: number;
  readonly steps: ReadonlyMap<string, number>;
}

async function trainOnce(product: Product): Promise<Run> {
  const ended = await timed(() => product.edgeTrain('run', join(EXAMPLE, 'training.yml'), '--json'));
  if (ended.value.code !== 0) throw new Error(ended.value.stderr);
  const { workflowId, result } = JSON.parse(ended.value.stdout) as {
    workflowId: string;
    result: { trainingSeconds: number };
  };
  const told = await product.edgeTrain('status', workflowId, '--json');
  const { steps } = JSON.parse(told.stdout) as RunStatus;
  const times = steps.map(
    ({ startedAt, endedAt }) => [Date.parse(startedAt ?? ''), Date.parse(endedAt ?? '')] as const,
  );
  return {
    whole: (Math.max(...times.map(([, to]) => to)) - Math.min(...times.map(([from]) => from))) / 1000,
    command: ended.seconds,
    script: result.trainingSeconds,
    steps: new Map(steps.map(({ name }, index) => [name, (times[index]![1] - times[index]![0]) / 1000])),
  };
}

async function copyExample({ info }: Product, vm: string): Promise<void> {
  await docker(info, 'exec', vm, 'mkdir', '-p', '/root/bare');
  for (const file of ['src/train.py', 'data/wdbc.csv'])
    await docker(info, 'cp', join(EXAMPLE, file), `${vm}:/root/bare/`);
}

/** No cage, no worker, no Temporal: the script as a person on the VM would start it. */
async function bareScript({ info }: Product, vm: string): Promise<void> {
  const command = [
    'cd /root/bare && rm -rf model predictions mlruns &&',
    'MLFLOW_TRACKING_URI=file:///root/bare/mlruns MLFLOW_ALLOW_FILE_STORE=true',
    '/var/lib/edge-train/environments/[1-9a-f]*/bin/python train.py',
    '--data wdbc.csv --regularization 1.0 --model model --predictions predictions',
  ].join(' ');
  await docker(info, 'exec', vm, 'bash', '-c', command);
}

function report(runs: readonly (Run & { bare: number })[]): void {
  printFigures(`${runs.length} pairs, seconds`, runs, {
    'bare script': ({ bare }) => bare,
    'script in the cage': ({ script }) => script,
    'whole run': ({ whole }) => whole,
    'the command': ({ command }) => command,
    'whole run above bare': ({ whole, bare }) => whole - bare,
    'whole run / bare': ({ whole, bare }) => whole / bare,
  });
  const steps = [...(runs[0]?.steps.keys() ?? [])];
  const above =
    (name: string) =>
    ({ steps, script }: Run) =>
      (steps.get(name) ?? NaN) - (name === 'train' ? script : 0);
  const figures = Object.fromEntries(steps.map((name) => [name, above(name)]));
  printFigures('where it goes (overlaps)', runs, figures);
}

await main(Number(process.argv[2] ?? 5));
