import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Fingerprints } from '../activities/edge/gate/search/fingerprints.ts';
import { readInput } from '../activities/edge/gate/search/read-input.ts';
import { search } from '../activities/edge/gate/search/search.ts';
import { EXAMPLE } from '../test/e2e/product.ts';
import { row, spread } from './table.ts';

/**
 * How fast the release gate looks through what would leave, in MB of a file a second of processor time, with the example's
 * data as inputs. `npm run bench gate [TIMES]`.
 */
async function main(times: number): Promise<void> {
  const fingerprints = new Fingerprints();
  await readInput(fingerprints, join(EXAMPLE, 'data', 'wdbc.csv'), 1);
  fingerprints.seal();
  console.log(`${fingerprints.size} fingerprints; MB/s           min   median      max`);
  for (const [name, content] of FILES) {
    search(fingerprints, content);
    console.log(row(name, spread(Array.from({ length: times }, () => megabytesPerSecond(fingerprints, content)))));
  }
}

const SIZE = 8 * 2 ** 20;
const weights = (count: number) => Array.from({ length: count }, (_, index) => Math.sin(index * index) / 16);
const FILES: [string, Buffer][] = [
  ['random bytes', randomBytes(SIZE)],
  ['weights, float32', Buffer.from(Float32Array.from(weights(SIZE / 4)).buffer)],
  ['weights, float64', Buffer.from(Float64Array.from(weights(SIZE / 8)).buffer)],
  ['weights, JSON', Buffer.from(JSON.stringify(weights(SIZE / 20)))],
];

function megabytesPerSecond(fingerprints: Fingerprints, content: Buffer): number {
  const begun = process.cpuUsage();
  search(fingerprints, content);
  const { user, system } = process.cpuUsage(begun);
  return content.length / (user + system);
}

await main(Number(process.argv[2] ?? 5));
