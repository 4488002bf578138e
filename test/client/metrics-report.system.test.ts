import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { confusionMatrixOf } from '../../client/metrics/confusion-matrix.ts';
import { reportPage } from '../../client/metrics/report.ts';
import { openBrowser } from '../e2e/browser.ts';

const folder = mkdtempSync(join(tmpdir(), 'edge-train-report-'));
let browser: Awaited<ReturnType<typeof openBrowser>>;
before(async () => (browser = await openBrowser()));
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

const curve = (name: string, value: (step: number) => number, steps = 300) => ({
  name,
  points: Array.from({ length: steps }, (_, step) => ({ step, value: value(step), timestamp: step })),
});
/** Pixels of one colour: https://www.w3.org/TR/png-3/ */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

test('the report opens from a file, asks for nothing else, runs nothing, and shows every curve, number and picture', async () => {
  const { page } = browser;
  const evil = `<img src=x onerror="document.title='run'"><script>document.title='run'</script>`;
  const file = join(folder, 'report.html');
  const html = reportPage({
    ...{ workflowId: 'train-demo-heart-0123456789ab', site: 'demo', model: 'heart', job: 'a'.repeat(20) },
    ...{ state: 'Completed', madeAt: new Date('2026-01-01T12:00:00Z'), pictures: [{ name: 'drawn.png', png }] },
    curves: [
      curve('train_loss', (step) => 0.9 * Math.exp(-step / 60) + 0.05 + 0.02 * Math.sin(step * 1.7)),
      curve('val_loss', (step) => 0.85 * Math.exp(-step / 70) + 0.11 + 0.03 * Math.cos(step)),
      curve('val/accuracy', (step) => 0.97 - 0.4 * Math.exp(-step / 40), 40),
      curve('learning_rate', (step) => 0.001 * 0.99 ** step),
      curve('roc_auc', () => 0.987654321, 1),
      curve(evil, (step) => step * 1e9, 5),
    ],
    matrix: confusionMatrixOf('{"labels":["benign","malignant"],"matrix":[[106,2],[5,58]]}')!,
  });
  writeFileSync(file, html);
  const asked: string[] = [];
  const faults: string[] = [];
  page.on('request', (request) => asked.push(request.url().slice(0, 100)));
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(pathToFileURL(file).href);

  assert.equal(await page.title(), 'Metrics of heart', 'nothing that the script named has run');
  assert.deepEqual([await page.locator('script').count(), faults], [0, []]);
  const pictures = asked.filter((url) => url.startsWith('data:image/png;base64,'));
  assert.deepEqual(
    asked.filter((url) => !pictures.includes(url)),
    [pathToFileURL(file).href],
  );
  assert.equal(await page.locator('polyline').count(), 5);
  assert.deepEqual(await page.locator('ul.legend li').allTextContents(), ['train_loss', 'val_loss']);
  assert.deepEqual(await page.locator('.matrix td').allTextContents(), ['106', '2', '5', '58']);
  assert.equal(await page.locator('section table tbody tr').count(), 6);
  const wide = await page.locator('figure img').evaluate((image: { naturalWidth: number }) => image.naturalWidth);
  assert.equal(wide, 1, 'the picture is shown');
  for (const width of [1300, 390]) {
    await page.setViewportSize({ width, height: 900 });
    const { scroll, client } = await page.evaluate('({ scroll: document.documentElement.scrollWidth, client: document.documentElement.clientWidth })') as Record<string, number>; // prettier-ignore
    assert.ok(scroll! <= client!, `nothing is cut off at a width of ${width}`);
  }
  const shot = process.env['EDGE_TRAIN_SCREENSHOT'];
  if (shot === undefined) return;
  await page.setViewportSize({ width: 1300, height: 900 });
  await page.screenshot({ path: shot, fullPage: true });
});
