import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker, EXAMPLE, startProduct, vmContainer, type Product } from '../test/e2e/product.ts';
import { printFigures, timed } from './table.ts';

/**
 * A released model deployed on a warm VM: from the command's start to the first right prediction at the model's port, and to the
 * command's end, which is `probationSeconds` later; and how long the image's server alone takes from its start by hand to the same
 * prediction. In each round nothing of the model served before. `npm run bench deploy [ROUNDS]`.
 */
async function main(rounds: number): Promise<void> {
  const product = await startProduct();
  try {
    await product.train(join(EXAMPLE, 'training.yml'));
    const vm = await vmContainer(product);
    const first = await deployed(product, vm);
    console.log(`the image pulled and verified: right after ${first.right.toFixed(1)} s`);
    const samples: Sample[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await ok(product, 'undeploy', 'breast-cancer');
      samples.push({ ...(await deployed(product, vm)), alone: await restarted(product, vm) });
    }
    printFigures(`${samples.length} rounds, seconds`, samples, {
      'to the right prediction': ({ right }) => right,
      'to the command’s end': ({ command }) => command,
      'the server alone': ({ alone }) => alone,
      'deployment / alone': ({ right, alone }) => right / alone,
    });
  } finally {
    await product.close();
  }
}

interface Deployed {
  readonly right: number;
  readonly command: number;
}
type Sample = Deployed & { readonly alone: number };

async function deployed(product: Product, vm: string): Promise<Deployed> {
  const asking = timed(() => untilRight(product, vm));
  const command = await timed(() => ok(product, 'deploy', 'breast-cancer', '--to', 'demo'));
  return { right: (await asking).seconds, command: command.seconds };
}

/** The service that serves, stopped and started: no more than its server's own way up. */
async function restarted(product: Product, vm: string): Promise<number> {
  await docker(product.info, 'exec', vm, 'systemctl', 'restart', 'edge-train-serve@*.service');
  return (await timed(() => untilRight(product, vm))).seconds;
}

async function ok(product: Product, ...args: string[]): Promise<void> {
  const { code, stderr } = await product.edgeTrain(...args, '--json');
  if (code !== 0) throw new Error(stderr);
}

/** Asks on the VM itself, ten times a second. */
async function untilRight({ info }: Product, vm: string): Promise<void> {
  const [request, truth] = ['sample.json', 'sample-truth.json'].map((name) =>
    readFileSync(join(EXAMPLE, name), 'utf8'),
  );
  const ask = [
    'import json, time, urllib.request as r',
    `body, truth = ${JSON.stringify(request)}.encode(), json.loads(${JSON.stringify(truth)})`,
    'q = r.Request("http://127.0.0.1:8100/score", body, {"content-type": "application/json"})',
    'while True:',
    '    try:',
    '        if json.load(r.urlopen(q, timeout=20)) == truth: break',
    '    except OSError: pass',
    '    time.sleep(0.1)',
  ].join('\n');
  await docker(info, 'exec', vm, 'timeout', '300', 'python3', '-I', '-c', ask);
}

await main(Number(process.argv[2] ?? 5));
