import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { RunStatus } from '../domain/run-status.ts';
import { auditor } from '../test/e2e/auditor.ts';
import { docker, startProduct, vmContainer, type Product } from '../test/e2e/product.ts';
import { slowJob } from '../test/e2e/slow-job.ts';
import { printFigures, timed } from './table.ts';

const MIB = 2 ** 20;

/**
 * How long an input takes to be on the VM, against `curl` of the same blob on the same VM, in turn; and how much memory the
 * edge worker has used at most. `npm run bench staging [PAIRS] [MIB]`.
 */
async function main(pairs: number, mebibytes: number): Promise<void> {
  const product = await startProduct();
  try {
    await stage(product, await upload(product, 'first.bin', 1));
    const times: { staged: number; curl: number }[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const data = await upload(product, `${pair}.bin`, mebibytes);
      times.push({ curl: await curl(product, data), staged: await stage(product, data) });
    }
    printFigures(`${pairs} of ${mebibytes} MiB, seconds`, times, {
      curl: ({ curl }) => curl,
      staged: ({ staged }) => staged,
      'staged / curl': ({ staged, curl }) => staged / curl,
    });
    console.log(`the edge worker's memory at most: ${await peakMemory(product)}`);
  } finally {
    await product.close();
  }
}

async function upload(product: Product, name: string, mebibytes: number): Promise<string> {
  const data = `bench/${name}`;
  const piece = randomBytes(MIB);
  const pieces = function* () {
    for (let index = 0; index < mebibytes; index += 1) {
      piece.writeUInt32LE(index); // no two alike
      yield Buffer.from(piece);
    }
  };
  const blob = auditor(product).siteAccount().container('hospital').getBlockBlobClient(data);
  await blob.uploadStream(Readable.from(pieces()), 8 * MIB, 2);
  return data;
}

/** The time of the step that stages, as the run tells it. */
async function stage(product: Product, data: string): Promise<number> {
  using job = slowJob({ model: 'staging', machine: 'staging', size: 'Standard_DS2_v2', seconds: 0, data });
  const script = join(job.folder, 'src', 'slow.py');
  const text = readFileSync(script, 'utf8');
  writeFileSync(script, text.replace('len(pathlib.Path(data).read_text().splitlines())', '0'));
  const ended = await product.edgeTrain('run', job.file, '--json');
  if (ended.code !== 0) throw new Error(ended.stdout + ended.stderr);
  const { workflowId } = JSON.parse(ended.stdout) as { workflowId: string };
  const told = await product.edgeTrain('status', workflowId, '--json');
  const step = (JSON.parse(told.stdout) as RunStatus).steps.find(({ name }) => name === 'stage');
  return (Date.parse(step?.endedAt ?? '') - Date.parse(step?.startedAt ?? '')) / 1000;
}

async function curl(product: Product, blob: string): Promise<number> {
  const { url } = auditor(product).siteAccount().sas({ container: 'hospital', blob, permissions: 'r' });
  const vm = await vmContainer(product);
  const config = join(product.folder, 'curl.conf'); // a command line is seen by all
  writeFileSync(config, `url = "${url}"\noutput = "/var/lib/staging-bench"\nsilent\nfail\ninsecure\n`, { mode: 0o600 });
  await docker(product.info, 'cp', config, `${vm}:/root/curl.conf`);
  const fetched = await timed(() => docker(product.info, 'exec', vm, 'curl', '--config', '/root/curl.conf'));
  await docker(product.info, 'exec', vm, 'rm', '/var/lib/staging-bench', '/root/curl.conf');
  rmSync(config); // else a reset leaves the folder
  return fetched.seconds;
}

async function peakMemory(product: Product): Promise<string> {
  const find = 'grep VmHWM /proc/$(pgrep -of worker.cjs)/status';
  const told = await docker(product.info, 'exec', await vmContainer(product), 'sh', '-c', find);
  return told.replace(/^VmHWM:\s*/, '');
}

await main(Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 1024));
