import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confusionMatrixOf } from '../../client/metrics/confusion-matrix.ts';
import { curvesOf } from '../../client/metrics/curves.ts';
import { reportPage, type Report } from '../../client/metrics/report.ts';
import { plotLines } from '../../client/metrics/terminal-plot.ts';

const line = (name: string, step: number, value: number | null, source = '0/r/1') =>
  JSON.stringify({ name, value, step, timestamp: 1000 + step, source, end: 10 });
const evil = '</svg><script>alert(1)</script>"\u202e';
const report = (curves: Report['curves']): Report => ({
  ...{ workflowId: 'train-demo-m-1', site: 'demo', job: 'a'.repeat(20), state: 'Completed', pictures: [] },
  ...{ madeAt: new Date(0), curves },
});

test('what a script that started again says twice is once in a curve, and a torn line is no line', () => {
  const text = [
    JSON.stringify({ journal: 'j', at: 1 }),
    ...[line('loss', 0, 0.9), line('loss', 1, 0.8), '{"name":"lo', line('acc', 0, null)],
    ...[line('loss', 1, 0.81, '0/r2/2'), line('loss', 2, 0.7, '0/r2/2'), '{"ended":true}', ''],
  ].join('\n');
  const { curves, run } = curvesOf(text);
  assert.equal(run, '0/r2');
  assert.deepEqual(
    curves.map(({ name, points }) => [name, points.map(({ step, value }) => [step, value])]),
    [
      ['acc', [[0, null]]],
      [
        'loss',
        [
          [0, 0.9],
          [1, 0.8],
          [2, 0.7],
        ],
      ],
    ],
  );
});

test('so is what its own run says a second time on another VM', () => {
  const on = (journal: string, ...lines: string[]) => [JSON.stringify({ journal, at: 1 }), ...lines];
  const first = on('one', line('loss', 0, 0.9), line('loss', 1, 0.8));
  const second = on('two', line('loss', 1, 0.8), line('loss', 2, 0.7));
  const { curves } = curvesOf([...first, ...second].join('\n'));
  assert.deepEqual(
    curves[0]?.points.map(({ step }) => step),
    [0, 1, 2],
  );
});

test('a curve is as wide as the terminal and no wider, and says its numbers; a name repaints nothing', () => {
  const points = Array.from({ length: 300 }, (_, step) => ({ step, value: 300 - step, timestamp: step }));
  for (const columns of [40, 80, 200]) {
    const lines = plotLines({ name: `loss\u001b[2J${evil}`, points }, columns);
    for (const text of lines) {
      assert.ok([...text].length <= columns, text);
      assert.doesNotMatch(text, /[\p{Cc}\u202e]/u);
    }
    assert.match(lines[1] ?? '', /^300 ┤[⠀-⣿]+$/);
    assert.match(lines[6] ?? '', / 1 ┤/);
    assert.match(lines[7] ?? '', /0 +299$/);
  }
  const falling = plotLines({ name: 'loss', points }, 60);
  const filled = (row: string | undefined) => [...(row ?? '').split('┤')[1]!].findIndex((cell) => cell !== '\u2800');
  assert.ok(filled(falling[1]) < filled(falling[3]) && filled(falling[3]) < filled(falling[6]), falling.join('\n'));
  assert.deepEqual(plotLines({ name: 'nothing', points: [{ step: 0, value: null, timestamp: 0 }] }, 80), [
    'nothing: no numbers',
    '',
  ]);
});

test('a report holds every curve and number, escapes what the script named, and fetches nothing', () => {
  const curve = (name: string) => ({
    name,
    points: [0, 1, 2].map((step) => ({ step, value: 1 / (step + 1), timestamp: step })),
  });
  const page = reportPage({
    ...report([
      curve('train_loss'),
      curve('val_loss'),
      curve(evil),
      { ...curve('once'), points: curve('').points.slice(0, 1) },
    ]),
    matrix: confusionMatrixOf(JSON.stringify({ labels: [evil, 'b'], matrix: [[5, 1], [2, 9]] }))!, // prettier-ignore
  });
  assert.doesNotMatch(page, /<script|\u202e|https?:|url\(|<link|@import/);
  assert.equal(page.match(/<polyline/g)?.length, 3);
  assert.equal(page.match(/<figure>/g)?.length, 3, 'losses are one picture, the odd one another, and the matrix');
  for (const name of ['train_loss', 'val_loss', 'once']) assert.ok(page.includes(`<th scope="row">${name}</th>`), name);
  assert.match(page, /0\.333333/);
});

test('a confusion matrix is square, with a label for each row', () => {
  assert.deepEqual(confusionMatrixOf('[[1,2],[3,4]]')?.labels, ['0', '1']);
  for (const bad of ['', '[]', '[[1,2]]', '{"matrix":[[1]],"labels":["a","b"]}', '[["x"]]'])
    assert.equal(confusionMatrixOf(bad), undefined, bad);
});
