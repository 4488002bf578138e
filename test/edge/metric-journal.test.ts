import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import type { EdgeDependencies } from '../../activities/edge/dependencies.ts';
import { journalFile, MetricJournal } from '../../activities/edge/metric-journal.ts';
import { readTrackedRun } from '../../activities/edge/mlflow-store.ts';
import { readMetrics } from '../../activities/edge/read-metrics.ts';
import { NOTHING_PUBLISHED, type MetricsBatch, type MetricsCursor } from '../../domain/metric-stream.ts';
import { ReleasePolicy } from '../../domain/release.ts';

const base = await mkdtemp(join(tmpdir(), 'edge-train-journal-'));
after(() => rm(base, { recursive: true }));

const JOB = 'a'.repeat(20);
let home: string;
let store: string;
let loose: ReturnType<typeof ReleasePolicy.parse>;

beforeEach(async () => {
  home = await mkdtemp(join(base, 'home-'));
  store = join(home, 'mlruns');
  loose = ReleasePolicy.parse({});
  await mkdir(join(home, 'jobs', JOB, 'spec'), { recursive: true });
  await policy({});
});

/** What root wrote on this VM. */
const policy = (metrics: object): Promise<void> =>
  writeFile(
    join(home, 'policy.json'),
    JSON.stringify({
      ...{ site: 'demo', maxSeconds: 1, maxLogBytes: 1, maxImageBytes: 1, cacheBytes: 1, cacheDays: 1 },
      release: { tracking: { metrics } },
    }),
  );

/** Appends to a metric's file as MLflow's client does. */
async function logs(run: string, name: string, lines: string, { start = 1, nested = false } = {}): Promise<void> {
  const folder = join(store, '0', run);
  await mkdir(dirname(join(folder, 'metrics', name)), { recursive: true });
  await writeFile(join(folder, 'meta.yaml'), `run_id: ${run}\nstart_time: ${start}\n`);
  if (nested) {
    await mkdir(join(folder, 'tags'), { recursive: true });
    await writeFile(join(folder, 'tags', 'mlflow.parentRunId'), 'parent');
  }
  await appendFile(join(folder, 'metrics', name), lines);
}

const journal = (own?: string) => new MetricJournal(journalFile(home, JOB), store, own);
const read = (cursor: MetricsCursor = NOTHING_PUBLISHED, ended = true): Promise<MetricsBatch> => {
  const edge = { home, policyFile: join(home, 'policy.json') } as EdgeDependencies;
  const request = { plan: { job: JOB, release: loose }, after: cursor, ended };
  return readMetrics(edge, request, new AbortController().signal);
};
const said = ({ points }: MetricsBatch) => points.map(({ name, step, value }) => `${name} ${step} ${value}`);

test('points leave once, in the order in which they were logged; a line that is being written waits', async () => {
  const kept = journal();
  await logs('r', 'loss', '100 0.9 0\n300 0.5 1\n500 0.');
  await logs('r', 'val/auc', '200 0.7 0\n');
  await logs('child', 'loss', '1 9 9\n', { start: 9, nested: true });
  await kept.look(1);
  const first = await read();
  assert.deepEqual(said(first), ['loss 0 0.9', 'val/auc 0 0.7', 'loss 1 0.5']);
  const times = first.points.map(({ timestamp }) => timestamp);
  assert.deepEqual(times, [...new Set(times)].sort(), 'times of the VM, each its own');
  assert.ok(times.every((time) => Math.abs(time - Date.now()) < 60_000));
  await logs('r', 'loss', '25 2\n');
  await kept.look(1);
  await kept.end(1);
  const second = await read(first.after, false);
  assert.deepEqual(said(second), ['loss 2 0.25']);
  assert.equal(second.ended, true);
  assert.ok((second.points[0]?.timestamp ?? 0) > (times.at(-1) ?? 0));
  assert.deepEqual(said(await read(first.after)), said(second), 'asked again, it says the same');
});

test('a worker that is killed writes nothing down twice, whatever it tore', async () => {
  await logs('r', 'loss', '1 0.9 0\n2 0.8 1\n');
  await journal().look(1);
  await appendFile(journalFile(home, JOB), '{"name":"loss","val'); // a power cut in the middle of a line
  await logs('r', 'loss', '3 0.7 2\n');
  const [one, two] = [journal(), journal()]; // an attempt that is over, and the next
  await Promise.all([one.look(1), two.look(1)]);
  await Promise.all([one.end(1), two.end(1)]);
  assert.deepEqual(said(await read()), ['loss 0 0.9', 'loss 1 0.8', 'loss 2 0.7']);
  assert.equal((await readFile(journalFile(home, JOB), 'utf8')).match(/"step":2/g)?.length, 1);
});

test('a script that starts again says again what it said: that does not leave twice', async () => {
  const kept = journal();
  await logs('r', 'loss', '1 0.9 0\n2 0.8 1\n3 0.7 2\n');
  await kept.look(1);
  const before = await read();
  await logs('r2', 'loss', '9 0.81 1\n10 0.71 2\n11 0.6 3\n', { start: 2 });
  await kept.look(2);
  assert.deepEqual(said(await read(before.after)), ['loss 3 0.6']);
  await logs('r2', 'loss', '12 0.61 3\n13 0.5 4\n', { start: 2 }); // the same MLflow run, after another reboot
  await kept.look(3);
  assert.deepEqual(said(await read(before.after)), ['loss 3 0.6', 'loss 4 0.5']);
});

test('another VM has another record, and the cursor goes on in it', async () => {
  await logs('r', 'loss', '1 0.9 0\n2 0.8 1\n');
  await journal().look(1);
  const { after: cursor } = await read();
  await rm(join(home, 'jobs', JOB, 'spec'), { recursive: true });
  await rm(store, { recursive: true });
  await mkdir(join(home, 'jobs', JOB, 'spec'));
  assert.deepEqual(await read(cursor), { points: [], after: cursor, withheld: 0, ended: true });
  await logs('other', 'loss', '5 0.82 1\n6 0.7 2\n7 0.6 3\n');
  await logs('other', 'acc', '8 0.1 0\n');
  await journal().look(1);
  assert.deepEqual(said(await read(cursor)), ['loss 2 0.7', 'loss 3 0.6', 'acc 0 0.1']);
});

test('the job’s own run on another VM says again what it said on the first: that does not leave twice', async () => {
  await logs(JOB, 'loss', '1 0.9 0\n2 0.8 1\n');
  await journal(JOB).look(1);
  const { after: cursor } = await read();
  for (const gone of [join(home, 'jobs', JOB, 'spec'), store]) await rm(gone, { recursive: true });
  await mkdir(join(home, 'jobs', JOB, 'spec'));
  await logs(JOB, 'loss', '5 0.9 0\n6 0.8 1\n7 0.7 2\n');
  await journal(JOB).look(1);
  assert.deepEqual(said(await read(cursor)), ['loss 2 0.7']);
});

test('the run that the script was told of comes before one that it made itself', async () => {
  await logs('newer', 'loss', '1 0.5 0\n', { start: 9 });
  await logs(JOB, 'loss', '');
  await rm(join(store, '0', JOB, 'metrics', 'loss'));
  assert.deepEqual(await readTrackedRun(store, JOB), await readTrackedRun(store, 'none'), 'it says nothing yet');
  await journal(JOB).look(1);
  assert.deepEqual(said(await read()), ['loss 0 0.5']);
  await logs(JOB, 'loss', '2 0.4 1\n');
  assert.equal((await readTrackedRun(store, JOB)).metrics[0]?.value, 0.4);
  await journal(JOB).look(1);
  assert.deepEqual(said(await read()), ['loss 0 0.5', 'loss 1 0.4']);
});

test('a point without a step of its own leaves each time that it is logged', async () => {
  await logs('r', 'loss', '1 0.9 0\n2 0.9 0\n3 0.7 0\n');
  await journal().look(1);
  assert.deepEqual(said(await read()), ['loss 0 0.9', 'loss 0 0.9', 'loss 0 0.7']);
});

test('both policies hold: names, digits, how many metrics, no number that is none', async () => {
  await policy({ names: ['loss', 'acc', 'auc', 'f1'], digits: 3, max: 2 });
  loose = ReleasePolicy.parse({ tracking: { metrics: { names: ['acc', 'auc', 'f1'] } } });
  await logs('r', 'loss', '1 0.123456 0\n');
  await logs('r', 'acc', '2 0.123456 0\n3 nan 1\n4 inf 2\n');
  await logs('r', 'auc', '5 0.5 0\n');
  await logs('r', 'f1', '6 0.5 0\n');
  await journal().look(1);
  const batch = await read();
  assert.deepEqual(said(batch), ['acc 0 0.123', 'auc 0 0.5']);
  assert.equal(batch.withheld, 4);
});

test('where names are learned, those of the recipe leave by whichever policy says so, and a torn list lets none out', async () => {
  await logs('r', 'loss', '1 0.5 0\n');
  await logs('r', 'patient 842517', '2 1 0\n');
  await journal().look(1);
  await policy({ names: 'learned' });
  const learned = (text: string) => writeFile(join(home, 'jobs', JOB, 'spec', 'learned-metrics.json'), text);
  assert.equal((await read()).points.length, 2, 'nothing is learned yet');
  await learned(JSON.stringify({ job: 'first', names: ['acc', 'loss'] }));
  const batch = await read();
  assert.deepEqual([said(batch), batch.withheld], [['loss 0 0.5'], 1]);
  await policy({});
  loose = ReleasePolicy.parse({ tracking: { metrics: { names: 'learned' } } });
  assert.deepEqual(said(await read()), ['loss 0 0.5']);
  await learned('{"job":"first","na');
  assert.equal((await read()).points.length, 0);
});

test('above the rate points wait while the script runs, and stay when it has ended; a forged cursor changes neither', async () => {
  await policy({ perMinute: 3 });
  await logs('r', 'loss', [0, 1, 2, 3, 4].map((step) => `${step + 1} ${step} ${step}\n`).join(''));
  const kept = journal();
  await kept.look(1);
  const first = await read(NOTHING_PUBLISHED, false);
  assert.deepEqual(said(first), ['loss 0 0', 'loss 1 1', 'loss 2 2']);
  assert.equal(first.withheld, 0, 'the rest waits');
  assert.deepEqual(said(await read(NOTHING_PUBLISHED, false)), said(first), 'the same may be asked for again');
  await kept.end(1);
  const last = await read(first.after, false);
  assert.deepEqual([said(last), last.withheld, last.ended], [[], 2, true]);
  assert.deepEqual(said(await read()), said(first));
});

test('so many points leave and no more', async () => {
  await policy({ points: 2 });
  await logs('r', 'loss', '1 1 0\n2 2 1\n3 3 2\n');
  await journal().end(1);
  const batch = await read(NOTHING_PUBLISHED, false);
  assert.deepEqual([said(batch), batch.withheld, batch.ended], [['loss 0 1', 'loss 1 2'], 1, true]);
});

test('a flood goes in batches of a thousand, and none is left out or said twice', async () => {
  await logs('r', 'loss', Array.from({ length: 4500 }, (_, step) => `${step} ${step} ${step}\n`).join(''));
  await journal().end(1);
  const all: string[] = [];
  let cursor = NOTHING_PUBLISHED;
  for (let ended = false; !ended;) {
    const batch = await read(cursor, false);
    assert.ok(batch.points.length <= 1000);
    all.push(...said(batch));
    ({ after: cursor, ended } = batch);
  }
  assert.deepEqual(
    all,
    Array.from({ length: 4500 }, (_, step) => `loss ${step} ${step}`),
  );
});
