import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { RunStatus } from '../../domain/run-status.ts';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import type { TrialStatus } from '../../domain/trial-status.ts';
import { openProgress, plainProgress } from '../../client/show/progress.ts';
import { stepLines } from '../../client/show/step-lines.ts';
import { summary } from '../../client/show/summary.ts';
import { cut, durationText, printable } from '../../client/show/text.ts';
import { uplinkLines } from '../../client/demo/uplink-log.ts';

const NOW = Date.parse('2026-01-01T00:01:00Z');
const status: RunStatus = {
  state: 'running',
  steps: [
    {
      name: 'plan',
      where: 'site',
      state: 'done',
      startedAt: '2026-01-01T00:00:00Z',
      endedAt: '2026-01-01T00:00:02Z',
      detail: 'job abc',
    },
    {
      name: 'lease',
      where: 'site',
      state: 'running',
      startedAt: '2026-01-01T00:00:02Z',
      detail: `a\u001b[2J\u202e${'long '.repeat(40)}`,
    },
    { name: 'train', where: 'demo-ds1-v2', state: 'waiting' },
  ],
};

test('a live line for each step in order, none wider than the terminal, nothing that repaints it', () => {
  for (const columns of [40, 80, 200]) {
    const lines = stepLines(status, { now: NOW, columns, frame: 0, colour: false });
    assert.equal(lines.length, status.steps.length);
    for (const line of lines) {
      assert.ok([...line].length <= columns, `${columns}: ${line}`);
      assert.doesNotMatch(line, /[\p{Cc}\u202e]/u);
    }
  }
  const [plan = '', lease = '', train = ''] = stepLines(
    { ...status, steps: status.steps.toReversed() },
    { now: NOW, columns: 80, frame: 1, colour: false },
  );
  assert.match(plan, /^✔ plan the training +site +2\.0 s job abc$/);
  assert.match(lease, /^⠙ provision and lease the VM +site +58 s a\\u001b\[2J\\u202e/);
  assert.match(train, /^· train in the cage$/);
});

test('colour adds escapes and changes no text', () => {
  const options = { now: NOW, columns: 80, frame: 0 };
  const coloured = stepLines(status, { ...options, colour: true });
  assert.notDeepEqual(coloured, stepLines(status, { ...options, colour: false }));
  assert.deepEqual(coloured.map(stripVTControlCharacters), stepLines(status, { ...options, colour: false }));
});

test('what is said after a live list leaves the list as it is; a terminal without a size gets lines', async () => {
  for (const rows of [40, 0]) {
    let written = '';
    const out = Object.assign(
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          written += chunk.toString();
          done();
        },
      }),
      { isTTY: true, columns: 100, rows, hasColors: () => false },
    );
    const progress = await openProgress(out as unknown as NodeJS.WriteStream);
    progress.status(status);
    progress.end();
    assert.match(written, rows > 0 ? /^· train in the cage/m : /^plan the training \(site\) done in 2\.0 s/m);
    written = '';
    progress.say('Model    heart version 2');
    assert.equal(written, 'Model    heart version 2\n');
  }
});

test('in a pipe each change is one line, said once', () => {
  const lines: string[] = [];
  const progress = plainProgress(
    (line) => lines.push(line),
    () => NOW,
  );
  progress.status(status);
  progress.status(status);
  progress.notice('no worker answers');
  progress.notice('no worker answers');
  assert.equal(lines.length, 3);
  assert.equal(lines[0], 'plan the training (site) done in 2.0 s: job abc');
  assert.match(lines[1] ?? '', /^provision and lease the VM \(site\) running: /);
  assert.match(lines[2] ?? '', /no worker answers/);
});

const result = {
  job: 'b'.repeat(20),
  site: 'demo',
  virtualMachine: 'demo-ds1-v2',
  computeTarget: { state: 'attached', name: 'demo-ds1-v2', resourceId: '/x' },
  run: { experimentId: '1', runId: 'r' },
  model: { name: 'heart', version: 2, resourceId: '/m', modelUri: 'azureml://m', type: 'mlflow_model', tags: {} },
  image: {
    registry: 'r:1',
    repository: 'edge-train/heart',
    tag: 'v2',
    digest: `sha256:${'c'.repeat(64)}`,
    uploadedBytes: 0,
  },
  metrics: [
    { name: 'training_score', value: 1, step: 0, timestamp: 0 },
    { name: 'test_accuracy', value: 0.97902, step: 0, timestamp: 0 },
    { name: 'loss', value: null, step: 0, timestamp: 0 },
  ],
  parameters: { C: '1.0' },
  data: { rootDigest: 'd'.repeat(64), files: 1, bytes: 125_516 },
  released: {
    output: 'model',
    modelType: 'mlflow_model',
    artifacts: [{ path: 'MLmodel', bytes: 1500, sha256: 'e'.repeat(64) }],
    verdicts: [{ path: 'MLmodel', format: 'yaml', verdict: 'pass', reasons: [] }],
    digest: 'f'.repeat(64),
    bytes: 1500,
  },
  receipt: 'a'.repeat(64),
  trainingSeconds: 12.3,
} as const satisfies TrainModelResult;

test('the summary tells what was made, where the data stayed and what left', () => {
  const text = summary(result, { workflowId: 'train-demo-heart-x', ui: 'http://ui/x' }).join('\n');
  for (const part of [
    /^Model +heart version 2/m,
    new RegExp(`^Image +r:1/edge-train/heart@sha256:c{64}$`, 'm'),
    /all of it was there already/,
    /^Metrics +loss not a number, test_accuracy 0\.979, training_score 1$/m,
    /^Stayed +1 file of data, 126 kB, at demo/m,
    /^Left +1 file, 1\.5 kB/m,
    /MLmodel 1\.5 kB e{12}$/m,
    /names and values of 3 metrics and 1 parameter$/m,
    /^Receipt +sha256:a{64}, signed by demo$/m,
    /^Run +train-demo-heart-x\n +http:\/\/ui\/x$/m,
  ])
    assert.match(text, part);
  assert.doesNotMatch(text, /Signed/, 'a result of an older edge-train says nothing of it');
});

test('the summary says by which key the image is signed and what is attached, or that it is not', () => {
  const links = { workflowId: 'train-demo-heart-x' };
  const attached = (['receipt', 'sbom', 'provenance', 'signature'] as const).map((kind) => ({
    ...{ kind, digest: `sha256:${'1'.repeat(64)}` },
  }));
  const signed = { ...result, attestation: { state: 'signed', keyId: 'b'.repeat(64), attached } as const };
  const line = /^Signed +by the key sha256:b{12}: receipt, SBOM, provenance, signature$/m;
  assert.match(summary(signed, links).join('\n'), line);
  const unsigned = { ...result, attestation: { state: 'unsigned' } as const };
  assert.match(summary(unsigned, links).join('\n'), /^Signed +not signed: cloud\.yml names no registry\.signingKey$/m);
});

const trial = (number: number, change: Partial<TrialStatus> = {}): TrialStatus => ({
  ...{ number, workflowId: `w-trial-${number}`, state: 'done', parameters: { rate: '0.1' }, value: number / 10 },
  ...{ startedAt: '2026-01-01T00:00:00Z', ...change },
});

test('a sweep’s newest trials stand below their step, and each is one line in a pipe when its state changes', () => {
  const trials = Array.from({ length: 12 }, (_, i) => trial(i + 1));
  trials[11] = trial(12, { state: 'failed', value: undefined, detail: 'exit\u001b code 1' });
  const sweep: RunStatus = { state: 'running', steps: [{ name: 'trials', where: 'site', state: 'running' }], trials };
  const lines = stepLines(sweep, { now: NOW, columns: 60, frame: 0, colour: false });
  assert.equal(lines.length, 11);
  assert.equal(lines[1], '    trial 3: done, 0.3 (rate 0.1)');
  assert.equal(lines.at(-1), '    trial 12: failed, exit\\u001b code 1 (rate 0.1)');

  const told: string[] = [];
  const progress = plainProgress((line) => told.push(line));
  progress.status({ ...sweep, trials: [trial(1, { state: 'running', value: undefined })] });
  progress.status({ ...sweep, trials: [trial(1)] });
  progress.status({ ...sweep, trials: [trial(1)] });
  assert.deepEqual(told.slice(1), ['  trial 1: running (rate 0.1)', '  trial 1: done, 0.1 (rate 0.1)']);
});

test('the summary of a sweep names the best trial, its parameters and its metric', () => {
  const objective = { goal: 'maximize', primary_metric: 'test_accuracy' } as const;
  const trials = [trial(1), trial(2, { parameters: { rate: '0.2', kernel: 'rbf' } }), trial(3, { state: 'failed' })];
  const sweep = { run: { experimentId: '1', runId: 'p' }, objective, best: 2, trials };
  const text = summary({ ...result, sweep }, { workflowId: 'w' }).join('\n');
  assert.match(text, /^Sweep +trial 2 is the best: test_accuracy 0\.2 \(maximize\)\n +rate 0\.2, kernel rbf$/m);
  assert.match(text, /^ +1 other trial ended well, and stayed; 1 did not$/m);
});

test('times and texts are short and safe', () => {
  assert.deepEqual([0, 9_940, 59_400, 61_000, 3_725_000].map(durationText), [
    '0.0 s',
    '9.9 s',
    '59 s',
    '1 min 01 s',
    '1 h 02 min',
  ]);
  assert.equal(cut('❤❤❤', 2), '❤…');
  assert.equal(printable('a\u001b[0m\r\n\u202eé'), 'a\\u001b[0m\\u000d\\u000a\\u202eé');
});

test('what crossed the uplink is told by destination', () => {
  const destination = { target: 'h:443', tunnels: 2, refused: 1, sent: 1500, received: 10 };
  const told = uplinkLines([destination, { ...destination, target: 'i:1' }], new Map([['h:443', 'Temporal']]));
  assert.match(told[1] ?? '', /h:443 \(Temporal\) +out +1\.5 kB +in +10 B +2 tunnels, 1 refused/);
  assert.match(told[2] ?? '', /i:1 +out /);
  assert.deepEqual(uplinkLines([], new Map()), ['Nothing crossed the site’s uplink.']);
});
