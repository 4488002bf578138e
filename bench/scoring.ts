import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDaemon } from '../setup/docker-daemon.mjs';
import { modelFiles, startCloud } from '../test/cloud/cloud.ts';
import { keepVersion, serve, type Served } from '../test/cloud/serve-image.ts';
import { printFigures, timed } from './table.ts';

/** As many at once as a service's one worker is likely to be asked by. */
const CALLERS = 4;

/**
 * How many predictions a second a built image gives, and how long the slowest hundredth takes, against the same model under
 * the same server with the least entry script that will do; in turn. `npm run bench scoring [PAIRS] [REQUESTS]`.
 */
async function main(pairs: number, requests: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-train-bench-'));
  const daemon = await startDaemon(join(folder, 'daemon'));
  process.env['DOCKER_HOST'] = daemon.host;
  const cloud = await startCloud({ base: true });
  const served: Served[] = [];
  try {
    const files = [...(await modelFiles())];
    const request = { ...(await keepVersion(cloud, files, 1, 'bench')), repository: 'edge-train/bench' };
    const image = await cloud.activities.buildImage(request);
    const ours = await serve(cloud, image);
    const script = join(import.meta.dirname, 'bare_score.py');
    const bare = await serve(cloud, image, { mount: `${script}:/opt/edge-train/score.py:ro` });
    served.push(ours, bare);
    for (const each of served) await ask(each, requests); // warm
    const samples = [];
    for (let pair = 0; pair < pairs; pair += 1)
      samples.push({ bare: await ask(bare, requests), ours: await ask(ours, requests) });
    printFigures(`${pairs} of ${requests} requests`, samples, {
      'ours, a second': ({ ours }) => ours.rate,
      'bare, a second': ({ bare }) => bare.rate,
      'ours / bare': ({ ours, bare }) => ours.rate / bare.rate,
      'ours, p99 in ms': ({ ours }) => ours.p99,
      'bare, p99 in ms': ({ bare }) => bare.p99,
    });
  } finally {
    for (const each of served) await each.remove();
    await cloud.close();
    await daemon.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function ask(served: Served, requests: number): Promise<{ rate: number; p99: number }> {
  const body = { input_data: { columns: ['length', 'width', 'count'], data: [[2.5, 1.5, 3]] } };
  const times: number[] = [];
  const caller = async () => {
    while (times.length < requests) {
      const { value, seconds } = await timed(() => served.score(body));
      if (value.status !== 200) throw new Error(JSON.stringify(value));
      times.push(seconds);
    }
  };
  const { seconds } = await timed(() => Promise.all(Array.from({ length: CALLERS }, caller)));
  const sorted = times.sort((a, b) => a - b);
  return { rate: times.length / seconds, p99: (sorted[Math.floor(sorted.length * 0.99)] ?? NaN) * 1000 };
}

await main(Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 1000));
